// The page's program: the real browser SDK, and a button that fails.
import * as Sentry from '@sentry/browser';

const { dsn, mark } = window.SETTINGS;

Sentry.init({ dsn, release: 'web@2026.1.0', environment: 'staging' });
Sentry.setUser({ id: 'u-1', username: 'jane' });
Sentry.setTag('customer.tier', 'gold');
Sentry.addBreadcrumb({ category: 'cart', message: 'added item 7', level: 'info' });

class PaymentError extends Error {
  name = 'PaymentError';
}

function charge(cardNumber) {
  throw new RangeError(`amount too large for card ${cardNumber}`);
}

window.pay = async () => {
  try {
    charge('4111111111111111');
  } catch (error) {
    window.eventId = Sentry.captureException(
      new PaymentError(`payment failed ${mark}`, { cause: error }),
    );
  }
  await Sentry.flush(10_000);
  return window.eventId;
};
