// Sends what an application sends, through a JavaScript SDK of an earlier year.
// Usage: SENTRY_DSN=… node send.mjs node5|node7|node8|node10|raven|raven-js MARK
// Prints JSON: the id of the error, and whether it sent a transaction and a session.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const [sdk, mark] = process.argv.slice(2);
const dsn = process.env.SENTRY_DSN;
const options = { dsn, release: 'legacy@1.0.0', environment: 'staging', tracesSampleRate: 1 };

class PaymentError extends Error {
  constructor(message) {
    super(message);
    this.name = 'PaymentError';
  }
}

function checkout() {
  throw new PaymentError(`payment of 4111111111111111 failed ${mark}`);
}

function caught() {
  try {
    checkout();
  } catch (error) {
    return error;
  }
}

/** The SDKs that are called Sentry. */
async function sentry(version) {
  const Sentry = require(sdk);
  if (version === 5) require('tracing5');
  Sentry.init(options);
  const hub = version < 8 ? Sentry.getCurrentHub() : Sentry;
  const hasSession = version >= 7;
  if (hasSession) hub.startSession();
  Sentry.configureScope?.((scope) => scope.setUser({ id: 'u-1' }));
  Sentry.setUser({ id: 'u-1' });
  Sentry.setTag('customer.tier', 'gold');
  Sentry.addBreadcrumb({ category: 'cart', message: 'added item 7', level: 'info' });
  const event = Sentry.captureException(caught());
  if (version < 8) {
    Sentry.startTransaction({ name: `checkout ${mark}`, op: 'task' }).finish();
  } else {
    Sentry.startSpan({ name: `checkout ${mark}`, op: 'task' }, () => {});
  }
  if (hasSession) hub.endSession();
  await Sentry.flush(10_000);
  return { event, transaction: true, session: hasSession };
}

/** The SDK before: `raven` on npm is for Node. */
async function raven() {
  const Raven = require('raven');
  Raven.config(dsn, options).install();
  Raven.setContext({ user: { id: 'u-1' }, tags: { 'customer.tier': 'gold' } });
  Raven.captureBreadcrumb({ category: 'cart', message: 'added item 7', level: 'info' });
  const event = await new Promise((resolve, reject) => {
    Raven.captureException(caught(), (error, id) => (error ? reject(error) : resolve(id)));
  });
  return { event, transaction: false, session: false };
}

/** The one for browsers; what it would send with XMLHttpRequest is posted here. */
async function ravenJs() {
  const Raven = require('raven-js');
  let sent;
  const transport = ({ url, auth, data }) => {
    const query = new URLSearchParams(auth);
    sent = fetch(`${url}?${query}`, { method: 'POST', body: JSON.stringify(data) });
  };
  Raven.config(dsn, { ...options, transport, autoBreadcrumbs: false }).install();
  Raven.setUserContext({ id: 'u-1' });
  Raven.setTagsContext({ 'customer.tier': 'gold' });
  Raven.captureBreadcrumb({ category: 'cart', message: 'added item 7', level: 'info' });
  Raven.captureException(caught());
  const { ok, status } = await sent;
  if (!ok) throw new Error(`the relay answered ${status}`);
  return { event: Raven.lastEventId(), transaction: false, session: false };
}

const version = Number(sdk.replace('node', ''));
const told = sdk === 'raven' ? raven() : sdk === 'raven-js' ? ravenJs() : sentry(version);
console.log(JSON.stringify(await told));
process.exit(0);
