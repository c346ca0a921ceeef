/** Events as an SDK would send them: envelopes, over HTTP, to the relay. */

import { randomBytes } from "node:crypto";
import type { Connection } from "./world.ts";

export interface Sent {
  eventId: string;
  type: string;
  value: string;
}

/** An exception that groups by `type`, with a stack trace, a breadcrumb, a request and a secret. */
export async function sendError(
  at: Connection,
  type: string,
  more: Record<string, unknown> = {},
): Promise<Sent> {
  const eventId = randomBytes(16).toString("hex");
  const value = `the order ${eventId.slice(0, 6)} has no price`;
  const now = Date.now() / 1000;
  const frame = (name: string, inApp: boolean, lineno: number) => ({
    filename: `${name}.py`,
    abs_path: `/srv/shop/${name}.py`,
    module: `shop.${name}`,
    function: `${name}_${type.toLowerCase()}`,
    lineno,
    in_app: inApp,
  });
  const event = {
    event_id: eventId,
    timestamp: now,
    platform: "python",
    level: "error",
    environment: "production",
    release: "shop@1.0.0",
    server_name: "e2e",
    transaction: "/checkout",
    user: { id: "42", username: "anna" },
    tags: { e2e: type },
    sdk: { name: "sentry.python", version: "2.0.0" },
    exception: {
      values: [
        {
          type: "KeyError",
          value: "'price'",
          mechanism: { type: "chained", handled: true, exception_id: 1, parent_id: 0, source: "__cause__" },
          stacktrace: { frames: [frame("db", true, 7)] },
        },
        {
          type,
          value,
          mechanism: { type: "generic", handled: false, exception_id: 0 },
          stacktrace: {
            frames: [
              frame("werkzeug", false, 100),
              {
                ...frame("cart", true, 12),
                pre_context: ["def total(items):", "    # every item has a price"],
                context_line: "    return sum(item.price for item in items)",
                post_context: ["", ""],
                vars: { items: "[{'sku': 'A-1'}]", password: "correct horse battery staple" },
              },
            ],
          },
        },
      ],
    },
    breadcrumbs: {
      values: [
        {
          timestamp: now - 1.25,
          type: "http",
          category: "httplib",
          data: { method: "GET", url: "/prices", status_code: 500 },
        },
      ],
    },
    request: { method: "POST", url: "https://shop.example.org/checkout", headers: [["Accept", "*/*"]] },
    ...more,
  };
  await sendEvent(at, event);
  return { eventId, type, value };
}

/** A file that goes along with an event. */
export interface SentFile {
  filename: string;
  contentType: string;
  body: string | Uint8Array;
}

/** One event in an envelope of its own. */
export async function sendEvent(
  at: Connection,
  event: { event_id: string } & Record<string, unknown>,
  files: readonly SentFile[] = [],
): Promise<void> {
  const line = (value: unknown) => Buffer.from(`${JSON.stringify(value)}\n`);
  const parts = [
    line({ event_id: event.event_id, dsn: at.dsn, sent_at: new Date().toISOString() }),
    line({ type: "event", content_type: "application/json" }),
    line(event),
    ...files.flatMap(({ filename, contentType, body }) => {
      const bytes = Buffer.from(body as string);
      const header = { type: "attachment", length: bytes.length, filename, content_type: contentType };
      return [line(header), bytes, Buffer.from("\n")];
    }),
  ];
  const key = new URL(at.dsn).username;
  const response = await fetch(`${at.relay_url}/api/${at.project_id}/envelope/`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-sentry-envelope",
      "X-Sentry-Auth": `Sentry sentry_version=7, sentry_client=vedette-e2e/1.0, sentry_key=${key}`,
    },
    body: Buffer.concat(parts),
  });
  if (!response.ok) throw new Error(`the relay answered ${response.status}: ${await response.text()}`);
}

/** An item of an envelope: its kind, and its body as JSON. */
export interface SentItem {
  type: string;
  /** The type of a container of entries. */
  container?: string;
  body: unknown;
}

/** Items in an envelope of their own, about an event or about none. */
export async function sendItems(
  at: Connection,
  eventId: string | null,
  items: readonly SentItem[],
): Promise<void> {
  const line = (value: unknown) => `${JSON.stringify(value)}\n`;
  const parts = [
    line({ ...(eventId ? { event_id: eventId } : {}), dsn: at.dsn, sent_at: new Date().toISOString() }),
    ...items.flatMap(({ type, container, body }) => [
      line(container ? { type, content_type: container, item_count: 1 } : { type }),
      line(body),
    ]),
  ];
  const key = new URL(at.dsn).username;
  const response = await fetch(`${at.relay_url}/api/${at.project_id}/envelope/`, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-sentry-envelope",
      "X-Sentry-Auth": `Sentry sentry_version=7, sentry_client=vedette-e2e/1.0, sentry_key=${key}`,
    },
    body: parts.join(""),
  });
  if (!response.ok) throw new Error(`the relay answered ${response.status}: ${await response.text()}`);
}

/** Makes a release with a commit and a deploy, as a build would. */
export async function tellRelease(at: Connection, version: string): Promise<void> {
  const tell = async (path: string, body: unknown) => {
    const response = await fetch(`${at.hub_url}/api/0/organizations/${at.organization}/releases/${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${at.api_token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`the hub answered ${response.status}: ${await response.text()}`);
  };
  const commit = { id: randomBytes(20).toString("hex"), message: "Round amounts", author_name: "Ann" };
  await tell("", { version, projects: [at.project], commits: [commit] });
  await tell(`${encodeURIComponent(version)}/deploys/`, { environment: "production" });
}

interface Found {
  id: string;
  shortId: string;
  status: string;
  substatus: string | null;
  count: string;
}

const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 200;

interface FoundItem {
  name: string;
  eventID: string | null;
  facts: Record<string, unknown>;
}

/** Asks the API until an item of a kind fits, with a deadline. */
export async function awaitItem(
  at: Connection,
  kind: string,
  fits: (item: FoundItem) => boolean,
): Promise<FoundItem> {
  const until = Date.now() + PATIENCE_MS;
  const url = `${at.hub_url}/api/0/organizations/${at.organization}/vedette/items/?kind=${kind}`;
  for (;;) {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${at.api_token}` } });
    if (!response.ok) throw new Error(`the hub answered ${response.status}: ${await response.text()}`);
    const found = ((await response.json()) as FoundItem[]).find(fits);
    if (found) return found;
    if (Date.now() > until) throw new Error(`no ${kind} fits within ${PATIENCE_MS} ms`);
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
}

/** Asks the API until an issue fits, with a deadline. */
export async function awaitIssue(
  at: Connection,
  query: string,
  fits: (issue: Found) => boolean = () => true,
): Promise<Found> {
  const until = Date.now() + PATIENCE_MS;
  const url = `${at.hub_url}/api/0/organizations/${at.organization}/issues/?query=${encodeURIComponent(query)}`;
  for (;;) {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${at.api_token}` } });
    if (!response.ok) throw new Error(`the hub answered ${response.status}: ${await response.text()}`);
    const found = ((await response.json()) as Found[]).find(fits);
    if (found) return found;
    if (Date.now() > until) throw new Error(`no issue fits ${query} within ${PATIENCE_MS} ms`);
    await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  }
}
