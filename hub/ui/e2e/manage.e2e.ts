/** What an operator does: a project and its first event, keys, alerts, tokens, a relay to join. */

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { sendError } from "./send.ts";
import { browserFor, connection, PLAIN, signIn } from "./world.ts";

const at = connection();
const { calmly } = browserFor(at);

it("goes from a new project to its first event without a reload", async () => {
  await calmly(PLAIN, async ({ page, shoot }) => {
    const name = `first-${randomBytes(3).toString("hex")}`;
    await signIn(page, at, `/organizations/${at.organization}/projects/new`);
    await page.getByLabel("Name").fill(name);
    await page.getByRole("radio", { name: "Go" }).check();
    await page.getByRole("button", { name: "Create project" }).click();
    await page.getByText("Waiting for the first event…").waitFor();
    await page.getByText("go get github.com/getsentry/sentry-go").waitFor();
    await shoot("first-run");
    const dsn =
      (await page
        .locator("code")
        .filter({ hasText: /^https?:\/\/[0-9a-f]{32}@/ })
        .first()
        .textContent()) ?? "";
    const project = new URL(dsn).pathname.split("/").pop() ?? "";
    const type = `First${randomBytes(3).toString("hex")}`;
    // The relay learns of the new key a moment after the hub.
    await expect
      .poll(
        () =>
          sendError({ ...at, dsn, project_id: project }, type).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true);
    await page.getByRole("heading", { name: type, level: 1 }).waitFor({ timeout: 30_000 });
  });
});

it("makes a key, limits it, rotates it and switches it off", async () => {
  await calmly(PLAIN, async ({ page }) => {
    const name = `keys-${randomBytes(3).toString("hex")}`;
    await signIn(page, at, `/organizations/${at.organization}/projects/new`);
    await page.getByLabel("Name").fill(name);
    await page.getByRole("button", { name: "Create project" }).click();
    await page.getByRole("link", { name: "Keys" }).click();
    await page.getByRole("button", { name: "Limit" }).click();
    await page.getByRole("spinbutton", { name: "Events" }).fill("100");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("100 a minute").waitFor();
    await page.getByRole("button", { name: "Rotate" }).click();
    await page.getByRole("button", { name: "Make a new key, switch this one off" }).click();
    await page.getByText("off", { exact: true }).waitFor();
    expect(await page.getByText("100 a minute").count()).toBe(2);
    await page.getByRole("button", { name: "Switch off" }).click();
    await expect.poll(() => page.getByText("off", { exact: true }).count()).toBe(2);
  });
});

it("makes an alert, tests it, and sees what became of it", async () => {
  const hook = createServer((_, answer) => answer.end("ok"));
  await new Promise<void>((done) => hook.listen(0, "127.0.0.1", done));
  try {
    await calmly(
      PLAIN,
      async ({ page, shoot }) => {
        const name = `Rule ${randomBytes(3).toString("hex")}`;
        await signIn(page, at, `/organizations/${at.organization}/alerts?project=${at.project}`);
        await page.getByRole("button", { name: "New rule" }).click();
        await page.getByLabel("Name").fill(name);
        await page
          .getByLabel("Address of the webhook")
          .fill(`http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook`);
        await page.getByRole("button", { name: "Save" }).click();
        const rule = page
          .locator("div")
          .filter({ has: page.getByText(name, { exact: true }) })
          .filter({ has: page.getByRole("button", { name: "Test" }) })
          .last();
        await rule.getByRole("button", { name: "Test" }).click();
        // A webhook on this very host is refused unless it was allowed. Either way one is told.
        await page.getByText(/^The test was (sent$|not sent: )/).waitFor({ timeout: 20_000 });
        await shoot("alert-tested");
        await page.getByRole("button", { name: `Delete ${name}` }).click();
        await page.getByRole("button", { name: "Delete the rule" }).click();
        await page.getByText(name, { exact: true }).waitFor({ state: "detached" });
      },
      /rules\/\d+\/test/,
    );
  } finally {
    hook.close();
  }
});

it("shows a token once, and takes it away", async () => {
  await calmly(PLAIN, async ({ page }) => {
    const name = `token-${randomBytes(3).toString("hex")}`;
    await signIn(page, at, `/organizations/${at.organization}/settings`);
    await page.getByRole("button", { name: "New token" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill(name);
    await page.getByRole("button", { name: "Create token" }).click();
    const token =
      (await page
        .getByRole("dialog")
        .getByText(/^sntryu_[0-9a-f]+$/)
        .textContent()) ?? "";
    const ask = () =>
      fetch(`${at.hub_url}/api/0/organizations/`, { headers: { Authorization: `Bearer ${token}` } });
    expect((await ask()).status).toBe(200);
    await page.getByRole("button", { name: "Done" }).click();
    const row = page.getByRole("row").filter({ hasText: name });
    await row.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await row.waitFor({ state: "detached" });
    expect((await ask()).status).toBe(401);
  });
});

it("sets the quotas of the organization, and says which line is none", async () => {
  await calmly(PLAIN, async ({ page }) => {
    const path = `/organizations/${at.organization}/settings`;
    await signIn(page, at, path);
    await page.getByRole("tab", { name: "Quotas" }).click();
    expect(new URL(page.url()).search).toBe("?tab=quotas");
    const limits = page.getByLabel("Limits over all projects");
    await limits.fill("many an hour");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText('"many an hour" is not a limit').waitFor();
    await limits.fill("900000000/1d log_item span");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved").waitFor();
    await page.reload();
    expect(await limits.inputValue()).toBe("900000000/1d log_item span");
    await limits.fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved").waitFor();
  });
});

it("tells who changed what, by mouse and by keyboard", async () => {
  await calmly(PLAIN, async ({ page, shoot }) => {
    const name = `audit-${randomBytes(3).toString("hex")}`;
    await signIn(page, at, `/organizations/${at.organization}/settings?tab=teams`);
    await page.getByRole("button", { name: "New team" }).click();
    await page.getByLabel("Name").fill(name);
    await page.getByRole("button", { name: "Create team" }).click();
    await page.getByText(`#${name}`).first().waitFor();
    await page.getByRole("tab", { name: "Audit log" }).click();
    const entry = page.getByRole("button", { name: new RegExp(`team.create ${name}`) });
    await entry.focus();
    await page.keyboard.press("Enter");
    await page.getByText("From", { exact: true }).waitFor();
    await shoot("audit");
    await page.getByLabel("To what").fill("no such thing");
    await page.keyboard.press("Enter");
    await page.getByText("No entry is like this").waitFor();
    expect(new URL(page.url()).searchParams.get("target")).toBe("no such thing");
    await page.getByLabel("To what").fill(name);
    await page.keyboard.press("Enter");
    await entry.waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export" }).click();
    expect((await download).suggestedFilename()).toBe(`audit-${at.organization}.jsonl`);
  });
});

it("gives the exact command to join a relay", async () => {
  await calmly(PLAIN, async ({ page, shoot }) => {
    await signIn(page, at, `/organizations/${at.organization}/fleet`);
    await page.getByRole("button", { name: "Join a relay" }).first().click();
    await page.getByLabel("Labels").fill("region=eu site=fra");
    await page.getByRole("button", { name: "Create join token" }).click();
    await page.getByText(/vedette-relay join \S+ \S+/).waitFor();
    await shoot("join");
  });
});

it("sends one who was signed out to the sign-in page and back again", async () => {
  await calmly(
    PLAIN,
    async ({ page, context }) => {
      const path = `/organizations/${at.organization}/issues?query=is:resolved`;
      await signIn(page, at, path);
      await page.getByRole("region", { name: "Issues" }).waitFor();
      await context.clearCookies();
      // What the page asks by itself may be refused first; then there is no button any more.
      const signedOut = page.getByRole("heading", { name: "Sign in to Vedette" });
      await page.getByRole("button", { name: "Archived" }).or(signedOut).first().click();
      await signedOut.waitFor();
      await page.getByLabel("E-mail").fill(at.admin_email);
      await page.getByLabel("Password").fill(at.admin_password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("region", { name: "Issues" }).waitFor();
      expect(decodeURIComponent(page.url())).toMatch(/\/issues\?query=is:(archived|resolved)/);
    },
    /status of 401/,
  );
});
