/** What is not an error: feedback, the other items, a whole search that goes, and who may join. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { item } from "../src/test/items.ts";
import { awaitIssue, awaitItem, sendError, sendItems } from "./send.ts";
import { browserFor, connection, EVERY_LOOK, PLAIN, SIZES, signIn } from "./world.ts";

const at = connection();
const ROOT = `/organizations/${at.organization}`;
const { calmly } = browserFor(at);

const hex = (bytes: number) => randomBytes(bytes).toString("hex");

describe.each(EVERY_LOOK)("in $look", (look) => {
  it("one reads what people wrote, on its page, at its event and with its issue", async () => {
    const type = `E2e${hex(4)}`;
    const { eventId } = await sendError(at, type);
    const { id } = await awaitIssue(at, type);
    const words = `It broke ${hex(4)}`;
    const report = { event_id: eventId, name: "Jane", email: "jane@example.org", comments: words };
    await sendItems(at, eventId, [{ type: "user_report", body: report }]);
    await awaitItem(at, "user_report", (each) => each.eventID === eventId);
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at, `${ROOT}/feedback`);
      const row = page.getByRole("listitem").filter({ hasText: words });
      await row.waitFor();
      await shoot("feedback");
      await row.getByRole("link", { name: /^Event / }).click();
      await page.getByRole("heading", { name: "What Jane wrote" }).waitFor();
      expect(page.url()).toContain(`/issues/${id}/events/${eventId}`);
      await shoot("feedback-at-event");
      await page.getByRole("tab", { name: "Feedback (1)" }).click();
      await page.getByRole("tabpanel").getByText(words).waitFor();
      await shoot("feedback-of-issue");
    });
  });

  it("one finds a log and a span, reads them, and follows their trace", async () => {
    const trace = hex(16);
    const body = `paid ${hex(4)}`;
    const timestamp = Date.now() / 1000;
    const log = {
      timestamp,
      trace_id: trace,
      level: "warn",
      body,
      attributes: { "cart.items": { value: 3, type: "integer" }, wrong: { value: "x", type: "integer" } },
    };
    const span = {
      trace_id: trace,
      span_id: hex(8),
      name: "SELECT orders",
      status: "ok",
      start_timestamp: timestamp - 0.25,
      end_timestamp: timestamp,
      attributes: { "sentry.op": { value: "db.query", type: "string" } },
    };
    await sendItems(at, null, [
      { type: "log", container: "application/vnd.sentry.items.log+json", body: { items: [log] } },
      { type: "span", container: "application/vnd.sentry.items.span.v2+json", body: { items: [span] } },
    ]);
    await awaitItem(at, "log", (each) => each.name === body);
    await awaitItem(at, "span", (each) => each.facts.trace_id === trace);
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at, `${ROOT}/items`);
      await page.getByRole("button", { name: body }).waitFor();
      await shoot("items");
      await page.getByRole("button", { name: body }).click();
      const attributes = page.getByRole("table", { name: "Attributes" });
      await attributes.getByText("cart.items (integer)").waitFor();
      await page.getByText(/had to be put right/).waitFor();
      await shoot("item");
      await page.getByRole("button", { name: trace }).click();
      const rows = page.getByRole("region", { name: "Items" }).getByRole("listitem");
      await expect.poll(() => rows.count()).toBe(2);
      await rows.filter({ hasText: "SELECT orders" }).getByText("250 ms").waitFor();
      await shoot("items-of-trace");
    });
  });
});

it("deletes all that a search finds: asked, taken back, and gone", async () => {
  const mark = `e2e${hex(4)}`;
  const types = Array.from({ length: 55 }, (_, i) => `Whole${mark}${i}`);
  for (const type of types) await sendError(at, type, { tags: { whole: mark } });
  const n = async () => {
    const path = `organizations/${at.organization}/issues/?query=${encodeURIComponent(`whole:${mark}`)}`;
    const answer = await fetch(`${at.hub_url}/api/0/${path}`, {
      headers: { Authorization: `Bearer ${at.api_token}` },
    });
    return Number(answer.headers.get("X-Hits"));
  };
  await expect.poll(n, { timeout: 60_000 }).toBe(types.length);
  await calmly(PLAIN, async ({ page, shoot }) => {
    await signIn(page, at, `${ROOT}/issues?query=whole:${mark}`);
    const all = page.getByRole("checkbox", { name: "Select all issues that are loaded" });
    const ask = async () => {
      // The list loads on at its end: what is chosen is less than what the search finds.
      await all.check();
      const bar = page.getByRole("toolbar", { name: "Actions on the selected issues" });
      await bar.getByRole("button", { name: "Delete" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Also all others that match this search").check();
      await shoot("delete-search");
      await dialog.getByRole("button", { name: "Delete" }).click();
      await page.getByText(`${types.length} issues deleted`).waitFor();
    };
    await page.getByRole("listitem").first().waitFor();
    await ask();
    await page.getByRole("button", { name: "Undo" }).last().click();
    await page.getByRole("listitem").first().waitFor();
    await expect.poll(n).toBe(types.length);
    await page.reload();
    await page.getByRole("listitem").first().waitFor();
    await ask();
    // It is told of until it is done, also to who comes anew; nothing of it is found any more.
    await page.reload();
    await page.getByText(`${types.length} issues will be deleted in a moment`).waitFor();
    await shoot("deleting-search");
    await expect.poll(n, { timeout: 60_000 }).toBe(0);
    await expect.poll(left, { timeout: 60_000 }).toBe(0);
    await page.getByText("will be deleted in a moment").waitFor({ state: "detached" });
  });

  /** Deletions that are not done. */
  async function left(): Promise<number> {
    const path = `vedette/organizations/${at.organization}/deletions/`;
    const answer = await fetch(`${at.hub_url}/api/0/${path}`, {
      headers: { Authorization: `Bearer ${at.api_token}` },
    });
    return ((await answer.json()) as unknown[]).length;
  }
}, 240_000);

it("makes a join token for some addresses, lists it, and ends it", async () => {
  await calmly({ theme: "dark", size: SIZES[0] }, async ({ page, shoot }) => {
    await signIn(page, at, `${ROOT}/fleet`);
    const site = `e2e-${hex(3)}`;
    const ask = () => page.getByRole("button", { name: "Join a relay" }).first().click();
    await ask();
    await page.getByLabel("Labels").fill(`site=${site}`);
    await page.getByLabel("From where").fill("10.20.0.0/16");
    await page.getByRole("button", { name: "Create join token" }).click();
    await page.getByText("The token is shown once.").waitFor();
    await page.getByRole("button", { name: "Done" }).click();
    await ask();
    const token = page.getByRole("listitem").filter({ hasText: `from 10.20.0.0/16, site=${site}` });
    await token.waitFor();
    await shoot("join-tokens");
    await token.getByRole("button", { name: /^End/ }).click();
    await token.waitFor({ state: "detached" });
  });
});

const PATIENCE_MS = 120_000;

it(
  "draws some dozens of thousands of items",
  async () => {
    const PAGE = 100;
    const LAST = 5000;
    await calmly(PLAIN, async ({ page }) => {
      await page.route(/\/vedette\/items\/\?/, async (route) => {
        const cursor = new URL(route.request().url()).searchParams.get("cursor");
        const from = cursor ? Number(cursor.split(":")[1]) : 0;
        const to = Math.min(from + PAGE, LAST);
        const next = `0:${to}:0`;
        await route.fulfill({
          json: Array.from({ length: to - from }, (_, i) => item({ id: String(from + i + 1) })),
          headers: {
            Link: `</x?cursor=${next}>; rel="next"; results="${to < LAST}"; cursor="${next}"`,
          },
        });
      });
      await signIn(page, at, `${ROOT}/items`);
      const rows = page.getByRole("region", { name: "Items" }).getByRole("listitem");
      await rows.first().waitFor();
      await expect
        .poll(
          async () => {
            await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
            return rows.last().getAttribute("aria-posinset");
          },
          { timeout: PATIENCE_MS },
        )
        .toBe(String(LAST));
      expect(await rows.count()).toBeLessThan(80);
    });
  },
  PATIENCE_MS + 30_000,
);
