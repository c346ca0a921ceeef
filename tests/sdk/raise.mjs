// Raises a chained error with everything a real application sets, through the real Node SDK.
// Usage: SENTRY_DSN=… node raise.mjs MARK — prints the event id.
import * as Sentry from '@sentry/node';

const mark = process.argv[2];

Sentry.init({
  dsn: process.env.SENTRY_DSN,
  release: 'shop-node@3.1.0',
  environment: 'staging',
  serverName: 'node-01',
});

class PaymentError extends Error {
  name = 'PaymentError';
}

function charge(cardNumber, amount) {
  if (amount > 10) throw new RangeError(`amount ${amount} too large for card ${cardNumber}`);
}

function checkout(order) {
  try {
    charge('4111111111111111', order.amount);
  } catch (error) {
    throw new PaymentError(`payment failed ${mark}`, { cause: error });
  }
}

Sentry.setUser({ id: 'u-1', username: 'jane' });
Sentry.setTag('customer.tier', 'gold');
Sentry.addBreadcrumb({ category: 'cart', message: 'added item 7', level: 'info' });
try {
  checkout({ amount: 99 });
} catch (error) {
  console.log(Sentry.captureException(error));
}
await Sentry.flush(10_000);
