/** One's own page: the name, the password, the time zone, and where else one is signed in. */

import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { browserFor, type Connection, connection, EVERY_LOOK, signIn } from "./world.ts";

const at = connection();
const YOU = `/organizations/${at.organization}/settings?tab=you`;
const { calmly, visit } = browserFor(at);

/** Invites somebody; the path at which they take it up. */
async function invite(email: string): Promise<string> {
  const response = await fetch(`${at.hub_url}/api/0/organizations/${at.organization}/members/`, {
    method: "POST",
    headers: { Authorization: `Bearer ${at.api_token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ email }),
  });
  if (!response.ok) throw new Error(`the hub answered ${response.status}: ${await response.text()}`);
  const { pathname, search } = new URL(((await response.json()) as { inviteLink: string }).inviteLink);
  return pathname + search;
}

describe.each(EVERY_LOOK)("in $look", (look) => {
  it("one changes name, password and time zone, and ends a session elsewhere", async () => {
    const some = randomBytes(3).toString("hex");
    const person: Connection = {
      ...at,
      admin_email: `you-${some}@example.com`,
      admin_password: `first-${some}`,
    };
    const link = await invite(person.admin_email);
    const elsewhere = await visit(look);
    await calmly(
      look,
      async ({ page, shoot }) => {
        await page.goto(link);
        await page.getByLabel("Name").fill(`You ${some}`);
        await page.getByLabel("Password").fill(person.admin_password);
        await page.getByRole("button", { name: "Set the password and sign in" }).click();
        await page.getByRole("navigation", { name: "Main" }).waitFor();
        await page.goto(YOU);

        const name = page.getByLabel("Name", { exact: true });
        await expect.poll(() => name.inputValue()).toBe(`You ${some}`);
        await name.fill(`Yours ${some}`);
        await page.getByRole("button", { name: "Change the name" }).click();
        await page.getByText(`Others see you as Yours ${some} now`).waitFor();

        const began = page.getByRole("table", { name: "Sessions" }).locator("time").first();
        const shown = () => began.getAttribute("title");
        await page.getByLabel("Time zone").selectOption("UTC");
        const inUtc = await shown();
        await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
        await expect.poll(shown).not.toBe(inUtc);
        await page.reload();
        await expect.poll(() => page.getByLabel("Time zone").inputValue()).toBe("Asia/Tokyo");

        // Somewhere else, and ended from here.
        await signIn(elsewhere.page, person);
        await page.reload();
        const sessions = page.getByRole("table", { name: "Sessions" });
        await sessions.getByText("this one").waitFor();
        await shoot("you");
        await sessions.getByRole("button", { name: "End" }).click();
        await page.getByText("The session has ended").waitFor();
        await elsewhere.page.goto(YOU);
        await elsewhere.page.getByRole("heading", { name: "Sign in to Vedette" }).waitFor();

        // The old password is asked for, and good no more.
        await page.getByLabel("Password now").fill("not it at all");
        await page.getByLabel("New password").fill(`second-${some}`);
        await page.getByRole("button", { name: "Change the password" }).click();
        await page.getByText("This is not your password.").waitFor();
        await page.getByLabel("Password now").fill(person.admin_password);
        await page.getByRole("button", { name: "Change the password" }).click();
        await page.getByText("Your password is changed").waitFor();
        await signIn(elsewhere.page, { ...person, admin_password: `second-${some}` });
      },
      /users\/me/,
    );
    await elsewhere.context.close();
  });
});
