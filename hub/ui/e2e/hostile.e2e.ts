/** Whatever is sent, it is text: a corpus of texts that would run, in every field, through a real relay. */

import { randomBytes } from "node:crypto";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { HOSTILE, hostileEvent } from "./hostile.ts";
import { awaitIssue, sendEvent } from "./send.ts";
import { browserFor, connection, PLAIN, SIZES, signIn } from "./world.ts";

const at = connection();
const { visit, calmly } = browserFor(at);

/** Texts in each event. Together the events have every text in every field that takes long ones. */
const CHUNK = 20;
const PATIENCE_MS = 240_000;

/** What of the page was not made by the dashboard. */
async function intruders(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    if ("__ran" in window) found.push("a script ran");
    for (const element of document.querySelectorAll("*")) {
      const tag = element.tagName.toLowerCase();
      if (["iframe", "object", "embed", "base", "meta", "style", "marquee"].includes(tag)) {
        if (element.closest("body")) found.push(`<${tag}> in the body`);
      }
      if (tag === "script" && !element.getAttribute("src")?.startsWith("./")) found.push("a foreign script");
      for (const { name, value } of element.attributes) {
        if (name.startsWith("on")) found.push(`${tag} ${name}`);
        if (/^\s*(javascript|data:text)/i.test(value) && ["href", "src", "action"].includes(name)) {
          found.push(`${tag} ${name}=${value.slice(0, 40)}`);
        }
      }
    }
    return found;
  });
}

it(
  "runs nothing of hundreds of hostile texts in any field of an event",
  async () => {
    expect(HOSTILE.length).toBeGreaterThan(300);
    const group = `hostile-${randomBytes(4).toString("hex")}`;
    const events: string[] = [];
    for (let i = 0; i < HOSTILE.length; i += CHUNK) {
      const eventId = randomBytes(16).toString("hex");
      events.push(eventId);
      const texts = HOSTILE.slice(i, i + CHUNK);
      await sendEvent(at, hostileEvent(eventId, group, texts), [
        { filename: `${texts[0]}.txt`, contentType: "text/html", body: texts.join("\n") },
      ]);
    }
    const issue = await awaitIssue(
      at,
      `has:h${group} is:unresolved`,
      (each) => Number(each.count) === events.length,
    );
    const here = await visit(PLAIN);
    const { page, complaints } = here;
    page.on("dialog", (dialog) => {
      complaints.push(`a dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const check = async (where: string) => expect(await intruders(page), where).toEqual([]);
    try {
      const root = `/organizations/${at.organization}/issues`;
      await signIn(page, at, `${root}?query=has:h${group}`);
      const row = page.getByRole("listitem").filter({ hasText: issue.shortId });
      await row.getByRole("link").focus();
      await row.getByRole("link").hover();
      await page.getByRole("tooltip").getByText("latest event").waitFor();
      await check("the list");
      for (const [i, event] of events.entries()) {
        await page.goto(`${root}/${issue.id}/events/${event}`);
        await page.locator("#json").waitFor();
        await page.locator("#attachments").waitFor();
        await page.locator("#stack").getByRole("button", { name: "All frames", exact: true }).click();
        await page.keyboard.press("o");
        await page.getByRole("button", { name: /^Show .*\.txt$/s }).click();
        await page.locator("#attachments pre").waitFor();
        await page.locator("#json").getByRole("button", { name: "Show" }).click();
        await page.locator("#json pre").waitFor();
        await check(`event ${i}`);
      }
      const tabs = {
        events: page.getByRole("table", { name: "Events" }),
        tags: page.getByRole("region", { name: "Tag hostile" }).last(),
        compare: page.getByRole("table", { name: "Event of both events" }),
        activity: page.getByText("saw this issue for the first time"),
      };
      for (const [tab, shown] of Object.entries(tabs)) {
        await page.goto(`${root}/${issue.id}?tab=${tab}`);
        await shown.waitFor();
        await check(tab);
      }
      expect(complaints).toEqual([]);
    } finally {
      await here.context.close();
    }
  },
  PATIENCE_MS,
);

it.each(SIZES)("keeps hostile texts within a page of $width pixels that everybody can use", async (size) => {
  const group = `wide-${randomBytes(4).toString("hex")}`;
  for (const from of [0, CHUNK]) {
    const eventId = randomBytes(16).toString("hex");
    await sendEvent(at, hostileEvent(eventId, group, HOSTILE.slice(from, from + CHUNK)));
  }
  const { id } = await awaitIssue(at, `has:h${group}`, (each) => each.count === "2");
  await calmly({ theme: "light", size }, async ({ page, shoot }) => {
    await signIn(page, at, `/organizations/${at.organization}/issues/${id}`);
    await page.locator("#json").waitFor();
    await page.getByText(/had to be put right or left out$/).click();
    await shoot("hostile-event");
    for (const tab of ["All events", "Tags", "Compare", "Grouping", "Activity"]) {
      await page.getByRole("tab", { name: tab }).click();
      const waiting = page.getByRole("tabpanel").getByRole("status", { name: /^Loading/ });
      await expect.poll(() => waiting.count(), { timeout: 15_000 }).toBe(0);
      await shoot(`hostile-${tab.toLowerCase().replace(" ", "-")}`);
    }
  });
});
