/** Eight hours a day: from the keyboard, in long lists, over a slow link. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { event, issue, issueDetail, pageHeaders } from "../src/test/issues.ts";
import { awaitIssue, sendError, tellRelease } from "./send.ts";
import { browserFor, connection, EVERY_LOOK, PLAIN, signIn } from "./world.ts";

const at = connection();
const ROOT = `/organizations/${at.organization}`;
const { calmly } = browserFor(at);

describe.each(EVERY_LOOK)("in $look", (look) => {
  it("one assigns, weighs, compares two events and filters by a tag", async () => {
    const type = `E2e${randomBytes(4).toString("hex")}`;
    await sendError(at, type, { tags: { e2e: type, shelf: "left" } });
    await sendError(at, type, { tags: { e2e: type, shelf: "right" }, release: "shop@1.0.1" });
    const { id, shortId } = await awaitIssue(at, type, (each) => each.count === "2");
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at, `${ROOT}/issues/${id}`);
      await page.getByRole("heading", { name: type, level: 1 }).waitFor();
      await page.getByRole("button", { name: /^Priority: / }).click();
      await page.getByRole("menuitemcheckbox", { name: "low" }).click();
      await page.getByText(`${shortId} set to low priority`).waitFor();
      await page.getByRole("button", { name: "Owner: nobody" }).click();
      await page.getByRole("menuitemcheckbox", { name: /you$/ }).waitFor();
      await shoot("owners");
      await page.getByRole("menuitemcheckbox", { name: /you$/ }).click();
      await page.getByText(`${shortId} assigned to`).waitFor();
      await awaitIssue(at, `${type} issue.priority:low assigned:me`);
      await page.getByRole("button", { name: "Undo" }).last().click();
      await page.getByRole("button", { name: "Owner: nobody" }).waitFor();
      await awaitIssue(at, `${type} issue.priority:low assigned:none`);

      await page.getByRole("tab", { name: "All events" }).click();
      const table = page.getByRole("table", { name: "Events" });
      await table.getByRole("checkbox").nth(0).check();
      await table.getByRole("checkbox").nth(1).check();
      await shoot("events");
      await page.getByRole("button", { name: "Compare two" }).click();
      const tags = page.getByRole("table", { name: "Tags of both events" });
      await tags.getByText("left").waitFor();
      await tags.getByText("right").waitFor();
      expect(await tags.getByText("production").count()).toBe(0);
      await shoot("compare");

      await page.getByRole("tab", { name: "Tags" }).click();
      const shelf = page.getByRole("tabpanel").getByRole("region", { name: "Tag shelf" });
      await shelf.getByText("50%").first().waitFor();
      await shoot("tags");
      await shelf.getByRole("button", { name: /left/ }).click();
      await expect.poll(() => table.getByRole("row").count()).toBe(2);
      expect(decodeURIComponent(page.url())).toContain("shelf:left");
    });
  });

  it("one goes anywhere by the palette, and zooms into a chart", async () => {
    const type = `E2e${randomBytes(4).toString("hex")}`;
    await sendError(at, type);
    const { shortId } = await awaitIssue(at, type);
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at, `${ROOT}/projects`);
      await page.getByRole("heading", { name: "Projects" }).waitFor();
      await page.keyboard.press("Control+k");
      const field = page.getByRole("combobox", { name: "Go to or do" });
      await field.fill(shortId.toLowerCase());
      await page.getByRole("option", { name: new RegExp(`^${shortId} `) }).waitFor();
      await shoot("palette");
      await field.press("Enter");
      await page.getByRole("heading", { name: type, level: 1 }).waitFor();

      await page.keyboard.press("Control+k");
      await field.fill("outcomes");
      await page.getByRole("option", { name: /^Outcomes/ }).waitFor();
      await field.press("Enter");
      const chart = page.getByRole("img", { name: /^Outcomes over time/ });
      await chart.waitFor();
      await shoot("outcomes");
      await chart.focus();
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Shift+ArrowLeft");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: /^Leave the range/ }).waitFor();
      expect(page.url()).toContain("start=");
      // The range goes along to the next page.
      await page.keyboard.press("g");
      await page.keyboard.press("i");
      await page.getByRole("region", { name: "Issues" }).waitFor();
      expect(page.url()).toContain("start=");
    });
  });

  it("one finds a release, reads what it brought, finalises it, and deletes one that nobody ran", async () => {
    const type = `E2e${randomBytes(4).toString("hex")}`;
    const [version, unused] = [`shop@1.0.0+${type}`, `shop@2.0.0+${type}`];
    await tellRelease(at, version);
    await tellRelease(at, unused);
    await sendError(at, type, { release: version });
    await awaitIssue(at, `firstRelease:"${version}"`);
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at, `${ROOT}/projects`);
      await page.getByRole("heading", { name: "Projects" }).waitFor();
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Releases" }).click();
      await page.getByRole("searchbox", { name: "Search releases" }).fill(type);
      const table = page.getByRole("table", { name: "Releases" });
      await expect.poll(() => table.getByRole("row").count()).toBe(3);
      await shoot("releases");
      await table.getByRole("link", { name: version, exact: true }).click();
      await page.getByRole("heading", { name: version, level: 1 }).waitFor();
      await page.getByRole("table", { name: "Commits" }).getByText("Round amounts").waitFor();
      await page.getByRole("table", { name: "Deploys" }).getByText("production").waitFor();
      await page.getByRole("button", { name: "Finalise" }).click();
      await page.getByRole("button", { name: "Finalise" }).waitFor({ state: "detached" });
      await shoot("release");
      await page.getByRole("table", { name: "New issues" }).getByRole("link").click();
      await page.getByRole("heading", { name: type, level: 1 }).waitFor();
      await page.getByText("First seen").locator("..").getByRole("link").click();
      await page.getByRole("heading", { name: version, level: 1 }).waitFor();

      await page.goto(`${ROOT}/releases/${encodeURIComponent(unused)}`);
      await page.getByRole("button", { name: "Delete" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await page.getByText(/is deleted$/).waitFor();
      await page.goto(`${ROOT}/releases?query=${type}`);
      await expect.poll(() => table.getByRole("row").count()).toBe(2);
    });
  });

  it("one is shown what may come next, and what is wrong where", async () => {
    await calmly(look, async ({ page, complaints, shoot }) => {
      await signIn(page, at, `${ROOT}/issues`);
      const search = page.getByRole("combobox", { name: "Search issues" });
      await search.fill("lev");
      await page.getByRole("option", { name: /^level/ }).waitFor();
      await search.press("ArrowDown");
      await search.press("Enter");
      await page.getByRole("option", { name: "error", exact: true }).waitFor();
      await shoot("suggestions");
      await search.pressSequentially("err");
      await search.press("ArrowDown");
      await search.press("Enter");
      expect(await search.inputValue()).toBe("level:error ");
      await search.press("Escape");
      await search.press("Enter");
      await page.getByRole("listitem").first().waitFor();

      await page.getByRole("button", { name: /^Time: / }).click();
      await page.getByRole("menuitemcheckbox", { name: "Last 7 days" }).waitFor();
      await shoot("time");
      await page.keyboard.press("Escape");

      await search.fill("level:error (boom");
      await search.press("Escape");
      await search.press("Enter");
      await page.getByRole("alert").first().waitFor();
      expect(await page.locator("[aria-invalid] ~ *, [role=search] u").count()).toBeGreaterThan(0);
      await shoot("problem");
      // The browser writes the refused request into its console.
      complaints.splice(0, complaints.length, ...complaints.filter((each) => !/status of 400/.test(each)));
    });
  });
});

it("loses nothing of what is typed while the palette is on its way", async () => {
  await calmly(PLAIN, async ({ page }) => {
    let arrive = () => {};
    const late = new Promise<void>((done) => {
      arrive = done;
    });
    await page.route(/\/Palette-[^/]*\.js$/, async (route) => {
      await late;
      await route.continue();
    });
    await signIn(page, at, `${ROOT}/issues`);
    await page.locator("[data-issue]").first().waitFor();
    await page.keyboard.press("j");
    const asked = page.waitForRequest(/\/Palette-[^/]*\.js$/);
    await page.keyboard.press("Control+k");
    await asked;
    // Keys of the list, were they the list's: e would resolve the issue.
    await page.keyboard.type("releases");
    arrive();
    await page.getByRole("option", { name: /^Releases/ }).waitFor();
    expect(await page.getByRole("combobox", { name: "Go to or do" }).inputValue()).toBe("releases");
    expect(await page.getByText(/ resolved$/).count()).toBe(0);
  });
});

const PATIENCE_MS = 120_000;

it(
  "draws some dozens of ten thousand issues, and reaches the last one",
  async () => {
    const PAGE = 100;
    const LAST = 10_000;
    await calmly(PLAIN, async ({ page }) => {
      await page.route(/\/issues\/\?/, async (route) => {
        const cursor = new URL(route.request().url()).searchParams.get("cursor");
        const from = cursor ? Number(cursor.split(":")[1]) : 0;
        const to = Math.min(from + PAGE, LAST);
        await route.fulfill({
          json: Array.from({ length: to - from }, (_, i) => issue({ id: String(from + i + 1) })),
          headers: pageHeaders(to < LAST ? `0:${to}:0` : null, 1000),
        });
      });
      // What is looked at is fetched beforehand.
      await page.route(/\/issues\/\d+\/$/, (route) => route.fulfill({ json: issueDetail() }));
      await page.route(/\/events\/latest\//, (route) => route.fulfill({ json: event() }));
      await signIn(page, at, `${ROOT}/issues`);
      const rows = page.locator("[data-issue]");
      await rows.first().waitFor();
      const last = page.locator(`[data-issue="${LAST}"]`);
      await expect
        .poll(
          async () => {
            await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
            return last.count();
          },
          { timeout: PATIENCE_MS, interval: 30 },
        )
        .toBe(1);
      expect(await rows.count()).toBeLessThan(60);
      await page.evaluate(() => window.scrollTo(0, 0));
      await page.locator('[data-issue="1"]').waitFor();
      await page.keyboard.press("j");
      await page.keyboard.press("j");
      await expect
        .poll(() =>
          page.evaluate(() => document.activeElement?.closest("[data-issue]")?.getAttribute("data-issue")),
        )
        .toBe("2");
    });
  },
  PATIENCE_MS,
);

it("holds still while the pages load over a slow link", async () => {
  const type = `E2e${randomBytes(4).toString("hex")}`;
  await sendError(at, type);
  const { id } = await awaitIssue(at, type);
  await calmly(PLAIN, async ({ page, context }) => {
    await signIn(page, at, `${ROOT}/projects`);
    await page.addInitScript(() => {
      const shifts = { sum: 0 };
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) shifts.sum += (entry as unknown as { value: number }).value;
      }).observe({ type: "layout-shift", buffered: true });
    });
    const network = await context.newCDPSession(page);
    await network.send("Network.enable");
    await network.send("Network.emulateNetworkConditions", {
      offline: false,
      latency: 300,
      downloadThroughput: 200_000,
      uploadThroughput: 100_000,
    });
    const shifted = () => page.evaluate(() => (window as unknown as { shifts: { sum: number } }).shifts.sum);
    await page.goto(`${ROOT}/issues?query=${type}`);
    await page.locator("[data-issue]").first().waitFor();
    expect(await shifted()).toBeLessThan(0.1);
    await page.goto(`${ROOT}/issues/${id}`);
    await page.locator("#stack").waitFor();
    await page.getByRole("region", { name: "Tag environment" }).waitFor();
    expect(await shifted()).toBeLessThan(0.1);
  });
});
