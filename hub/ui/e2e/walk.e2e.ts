/** The way of a person from the sign-in page to a resolved issue that comes back. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { awaitIssue, sendError } from "./send.ts";
import { browserFor, connection, EVERY_LOOK, signIn } from "./world.ts";

const at = connection();
const { calmly } = browserFor(at);

describe.each(EVERY_LOOK)("in $look", (look) => {
  it("one signs in, finds an issue, reads it, resolves it, and sees it come back", async () => {
    const type = `E2e${randomBytes(4).toString("hex")}`;
    const sent = await sendError(at, type);
    const { id, shortId } = await awaitIssue(at, type);
    await calmly(look, async ({ page, shoot }) => {
      const row = page.getByRole("listitem").filter({ hasText: shortId });

      await page.goto(`/organizations/${at.organization}/issues?query=${type}`);
      await page.getByRole("heading", { name: "Sign in to Vedette" }).waitFor();
      await shoot("login");
      await signIn(page, at, `/organizations/${at.organization}/issues?query=${type}`);
      await row.waitFor();
      expect(page.url()).toContain(`query=${type}`);

      const search = page.getByRole("combobox", { name: "Search issues" });
      await search.fill("is:unresolved");
      await search.press("Enter");
      await row.waitFor();
      await shoot("issues");
      await search.fill(`e2e:${type}`);
      await search.press("Enter");
      await row.waitFor();
      await row.getByText(sent.value).waitFor();

      await row.getByRole("link", { name: type }).click();
      await page.getByRole("heading", { name: type, level: 1 }).waitFor();
      await page.getByText(`KeyError was the direct cause of ${type}`).waitFor();
      const crashLine = page.getByText("return", { exact: true });
      await crashLine.waitFor();
      if (look.size.height >= 900) {
        const box = await crashLine.boundingBox();
        expect(box && box.y < look.size.height, "the first frame is seen without scrolling").toBe(true);
      }
      await shoot("issue");

      const locals = page.getByRole("table", { name: "Local variables" }).first();
      await locals.getByText("[Filtered]").waitFor();
      expect(await page.getByText("correct horse battery staple").count()).toBe(0);
      await page.getByText("GET /prices → 500").waitFor();
      await page.getByRole("region", { name: "How it was grouped" }).waitFor();
      await page
        .getByRole("region", { name: "Tag environment" })
        .getByRole("button", { name: /production/ })
        .waitFor();

      await page.getByRole("button", { name: "Resolve", exact: true }).click();
      await page.getByText(`${shortId} resolved`).waitFor();
      await awaitIssue(at, type, (issue) => issue.status === "resolved");
      await page.getByRole("button", { name: "Reopen" }).waitFor();

      await sendError(at, type);
      await awaitIssue(at, type, (issue) => issue.status === "unresolved" && issue.substatus === "regressed");
      await page.goto(`/organizations/${at.organization}/issues/${id}`);
      await page.getByText("regressed", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Older" }).click();
      await page.getByRole("button", { name: "Newer" }).and(page.locator(":enabled")).waitFor();
      await page.getByRole("tab", { name: "All events" }).click();
      await page.getByRole("table", { name: "Events" }).getByRole("button").nth(1).waitFor();
      await page.getByRole("tab", { name: "Activity" }).click();
      await page.getByText(/saw this issue again after it was resolved/).waitFor();
      await shoot("activity");
    });
  });

  it("one undoes, archives, and works from the keyboard", async () => {
    const type = `E2e${randomBytes(4).toString("hex")}`;
    await sendError(at, type);
    const { shortId } = await awaitIssue(at, type);
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at, `/organizations/${at.organization}/issues?query=is:unresolved+${type}`);
      const row = page.getByRole("listitem").filter({ hasText: shortId });
      await row.waitFor();
      await page.keyboard.press("j");
      await page.keyboard.press("x");
      expect(await page.getByRole("checkbox", { name: `Select ${shortId}` }).isChecked()).toBe(true);
      await page.keyboard.press("e");
      await row.waitFor({ state: "detached" });
      await awaitIssue(at, type, (issue) => issue.status === "resolved");
      await page.getByRole("button", { name: "Undo" }).click();
      await awaitIssue(at, type, (issue) => issue.status === "unresolved");
      await row.waitFor();

      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
      await shoot("keyboard");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });

      await row.getByRole("checkbox").check();
      await page.getByRole("button", { name: "More ways to archive" }).click();
      await page.getByRole("menuitem", { name: "100 more times" }).click();
      await awaitIssue(at, type, (issue) => issue.status === "ignored");
    });
  });

  it("one sees which relay tries a change first", async () => {
    await calmly(look, async ({ page, shoot }) => {
      // A trial is soon over; the page is shown one that lasts.
      await page.route(/\/vedette\/config\/$/, async (route) => {
        const config = await (await route.fetch()).json();
        const rollout = {
          state: "trying",
          version: 7,
          since: new Date().toISOString(),
          canaries: ["ab".repeat(16)],
        };
        await route.fulfill({ json: { ...config, rollout } });
      });
      await signIn(page, at, `/organizations/${at.organization}/fleet`);
      await page.getByRole("link", { name: "ab".repeat(16) }).waitFor();
      await page.getByRole("heading", { name: "Ledger of the fleet adds up" }).waitFor();
      await shoot("trial");
    });
  });

  it("one walks through every page", async () => {
    await calmly(look, async ({ page, shoot }) => {
      await signIn(page, at);
      const go = (name: string) =>
        page.getByRole("navigation", { name: "Main" }).getByRole("link", { name }).click();
      await go("Projects");
      await page.getByRole("link", { name: at.project, exact: true }).waitFor();
      await shoot("projects");
      await page.getByRole("link", { name: `Settings of ${at.project}` }).click();
      await page.getByLabel("Slug").waitFor();
      await shoot("project");
      await page.getByRole("tab", { name: "Keys" }).click();
      await page.getByText(at.dsn).waitFor();
      await shoot("keys");
      await page.getByRole("tab", { name: "Privacy" }).click();
      await page.getByLabel("Sensitive fields").waitFor();
      await shoot("privacy");
      await page.getByRole("link", { name: "Set up an SDK" }).click();
      await page.getByRole("tab", { name: "Rust" }).click();
      await page.getByText("cargo add sentry").waitFor();
      await shoot("start");
      await go("Fleet");
      const relays = page.getByRole("table", { name: "Relays" });
      await relays.getByRole("img", { name: "connected" }).waitFor();
      await page.getByRole("heading", { name: "Ledger of the fleet adds up" }).waitFor();
      await shoot("fleet");
      await relays.getByRole("link").first().click();
      await page.getByRole("table", { name: "Ledger by project and category" }).waitFor();
      await page.getByText("adds up").first().waitFor();
      await page.getByRole("heading", { name: "Certificate valid" }).waitFor();
      await shoot("relay");
      await page.getByRole("button", { name: "Bandwidth" }).click();
      const form = page.getByRole("dialog");
      await form.getByLabel("At most").fill("64");
      await form.getByLabel("Unit").selectOption("Mbit/s");
      await form.getByLabel("Quiet hours").fill("03:00-03:01");
      await shoot("bandwidth");
      await form.getByRole("button", { name: "Save" }).click();
      await page.getByText("at most 64 Mbit/s; quiet 03:00-03:01 UTC").waitFor();
      await page.getByRole("button", { name: "Bandwidth" }).click();
      await form.getByRole("button", { name: "Remove the limits" }).click();
      await page.getByText("no limit from here").waitFor();
      await go("Alerts");
      await page.getByRole("heading", { name: "Rules" }).waitFor();
      await shoot("alerts");
      await go("Settings");
      await page.getByRole("heading", { name: "API tokens" }).waitFor();
      await page.getByText(at.admin_email).first().waitFor();
      await shoot("settings");
    });
  });
});
