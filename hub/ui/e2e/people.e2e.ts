/** Who works with whom: members, teams, ownership, saved searches, what is forgotten, and links. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sendError } from "./send.ts";
import { browserFor, connection, EVERY_LOOK, signIn } from "./world.ts";

const at = connection();
const { calmly, visit } = browserFor(at);

describe.each(EVERY_LOOK)("in $look", (look) => {
  const some = () => randomBytes(3).toString("hex");

  it("one invites a member, and makes a team of members and projects", async () => {
    await calmly(look, async ({ page, shoot }) => {
      const email = `ben-${some()}@example.com`;
      await signIn(page, at, `/organizations/${at.organization}/settings?tab=members`);
      await page.getByRole("button", { name: "Invite", exact: true }).click();
      const form = page.getByRole("dialog");
      await form.getByLabel("E-mail").fill(email);
      await shoot("invite");
      await form.getByRole("button", { name: "Invite" }).click();
      await page.getByRole("heading", { name: `${email} is a member` }).waitFor();
      await shoot("invited");
      await page.getByRole("button", { name: "Close" }).first().click();
      await page.getByRole("table", { name: "Members" }).getByText(email).first().waitFor();
      await shoot("members");

      const team = `team-${some()}`;
      await page.getByRole("tab", { name: "Teams" }).click();
      await page.getByRole("button", { name: "New team" }).click();
      await page.getByRole("dialog").getByLabel("Name").fill(team);
      await shoot("new-team");
      await page.getByRole("button", { name: "Create team" }).click();
      const teams = page.getByRole("table", { name: "Teams" });
      await teams.getByText(`#${team}`).first().waitFor();
      await shoot("teams");
    });
  });

  it("one says who looks after what, keeps a search, and forgets somebody", async () => {
    await calmly(look, async ({ page, shoot }) => {
      const settings = `/organizations/${at.organization}/projects/${at.project}/settings`;
      await signIn(page, at, `${settings}?tab=ownership`);
      await page.getByRole("heading", { name: "Ownership rules" }).waitFor();
      await page.getByRole("heading", { name: "CODEOWNERS" }).waitFor();
      await shoot("ownership");
      await page.goto(`${settings}?tab=privacy`);
      await page.getByRole("button", { name: "Forget somebody" }).click();
      await page.getByRole("heading", { name: `Forget somebody in ${at.project}` }).waitFor();
      await shoot("forget");
      await page.keyboard.press("Escape");
      await page.goto(`/organizations/${at.organization}/issues?query=level:error`);
      await page.getByRole("button", { name: "Saved searches" }).click();
      await shoot("saved-searches");
      await page.getByRole("menuitem", { name: "Save this search…" }).click();
      const form = page.getByRole("dialog");
      const name = `Errors ${some()}`;
      await form.getByLabel("Name").fill(name);
      await shoot("save-search");
      await form.getByRole("button", { name: "Save" }).click();
      await form.waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Saved searches" }).click();
      await page.getByRole("menuitemcheckbox", { name }).waitFor();
    });
  });

  it("one shares an issue with whoever has the link, and chooses among its threads", async () => {
    await calmly(look, async ({ page, context, shoot }) => {
      const type = `Shared${some()}`;
      const frame = (name: string) => ({ filename: `${name}.py`, function: name, lineno: 1, in_app: true });
      const threads = ["worker", "main"].map((name, id) => ({
        id,
        name,
        crashed: name === "main",
        stacktrace: { frames: [frame(name)] },
      }));
      const { eventId } = await sendError(at, type, { threads: { values: threads } });
      await signIn(page, at, `/organizations/${at.organization}/issues?query=${type}`);
      await page.getByRole("link", { name: type }).first().click({ timeout: 30_000 });
      await page.getByRole("radio", { name: "Thread main crashed" }).focus();
      await page.keyboard.press("ArrowDown");
      await page.getByRole("heading", { name: "Thread worker", level: 2 }).waitFor();
      await shoot("threads");
      await page.getByRole("button", { name: "More actions" }).click();
      await page.getByRole("menuitem", { name: "Share by a link" }).click();
      await page.getByRole("button", { name: "Make a link" }).click();
      const link = await page.getByLabel("Link", { exact: true }).inputValue();
      await shoot("share");

      const stranger = await visit(look);
      const answer = await stranger.page.goto(link);
      expect(answer?.headers()["x-robots-tag"]).toBe("noindex, nofollow");
      await stranger.page.getByRole("heading", { name: new RegExp(type), level: 1 }).waitFor();
      await stranger.page.getByText("cart.py").first().waitFor();
      await stranger.shoot("shared");
      const text = await stranger.page.locator("body").innerText();
      for (const hidden of ["anna", eventId, "/srv/shop"]) expect(text).not.toContain(hidden);
      await page.getByRole("button", { name: "Take the link back" }).click();
      await page.getByRole("button", { name: "Make a link" }).waitFor();
      expect(stranger.complaints).toEqual([]);
      await stranger.page.reload();
      await stranger.page.getByText("There is nothing here").waitFor();
      await stranger.context.close();
      await context.clearCookies();
    });
  });
});
