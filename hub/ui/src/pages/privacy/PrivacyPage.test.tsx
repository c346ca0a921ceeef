import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { open } from "../../test/render.tsx";

const AT = "/organizations/acme/privacy";
const REMOVALS = "GET vedette/organizations/acme/removals/";
const ORGANIZATION = "GET organizations/acme/";
const TRIAL = "POST vedette/projects/acme/shop/privacy/";
const ROW = {
  project: "shop",
  kind: "log",
  rule: "@creditcard",
  field: "message",
  count: 1200,
  lastDay: "2026-01-02",
};
const report = (rows: unknown[]) => ({
  body: { start: "2026-01-01T00:00:00Z", end: "2026-01-15T00:00:00Z", rows },
});
const answers = {
  [REMOVALS]: report([ROW]),
  [ORGANIZATION]: {
    body: {
      id: "1",
      slug: "acme",
      name: "Acme",
      relayPiiConfig: "{}",
      scrubIPAddresses: false,
      scrubEmails: true,
      sensitiveFields: ["iban"],
      safeFields: [],
    },
  },
};
const SLOW = { timeout: 5000 };

describe("privacy", () => {
  it("lists what was removed, for the time that stands in the address, and gives it as a file", async () => {
    const { router, requests } = open(AT, answers);
    const table = await screen.findByRole("table", { name: "What was removed" }, SLOW);
    expect(within(table).getByText("@creditcard").closest("tr")?.textContent).toContain("log");
    expect(within(table).getByText("@creditcard").closest("tr")?.textContent).toContain("1,200");
    await userEvent.click(screen.getByRole("button", { name: "90d" }));
    expect(router.state.location.search).toEqual({ statsPeriod: "90d" });
    const file = screen.getByRole("link", { name: "Export as CSV" }).getAttribute("href");
    expect(file).toContain("statsPeriod=90d&format=csv");
    expect(requests.some(({ url }) => url.searchParams.get("statsPeriod") === "90d")).toBe(true);
  });

  it("says that nothing was removed, and what is wrong", async () => {
    open(AT, { ...answers, [REMOVALS]: report([]) });
    expect(await screen.findByText("Nothing was removed in this time", {}, SLOW)).toBeTruthy();
  });

  it("shows an error with a way to try again", async () => {
    open(AT, { ...answers, [REMOVALS]: { status: 500, body: { detail: "store is away" } } });
    const alert = await screen.findByRole("alert", {}, SLOW);
    expect(alert.textContent).toContain("store is away");
    expect(within(alert).getByRole("button", { name: "Try again" })).toBeTruthy();
  });

  it("shows what the settings remove as rules, as they are saved", async () => {
    const rules = '{\n  "applications": {}\n}';
    const { requests } = open(AT, {
      ...answers,
      "GET vedette/organizations/acme/privacy/rules/": { body: { rules } },
      "PUT organizations/acme/": answers[ORGANIZATION],
    });
    await userEvent.click(await screen.findByText(/in the language of rules/, {}, SLOW));
    await screen.findByRole("button", { name: "Copy the rules" });
    const shown = screen.getByText(/in the language of rules/).closest("details");
    expect(shown?.querySelector("code")?.textContent).toContain('"applications": {}');
    const asked = () => requests.filter(({ url }) => url.pathname.endsWith("/privacy/rules/")).length;
    const n = asked();
    await userEvent.click(screen.getAllByRole("button", { name: "Save" })[0] as HTMLElement);
    await waitFor(() => expect(asked()).toBe(n + 1));
  });

  it("tries rules on an event and on history before they are saved", async () => {
    const { requests } = open(AT, {
      ...answers,
      [`${TRIAL}preview/`]: {
        body: {
          eventId: "a1",
          before: { message: "order A-1001", _meta: 1 },
          after: { message: "order ******", _meta: 2 },
          removals: [],
        },
      },
      [`${TRIAL}dry-run/`]: {
        body: {
          events: 10000,
          touched: 312,
          removals: [{ field: "message", rule: "order", count: 400, events: 312 }],
          isPartial: false,
        },
      },
      "PUT organizations/acme/": {
        status: 400,
        body: { detail: "rule `ordr` does not exist", field: "relayPiiConfig" },
      },
    });
    const editor = await screen.findByRole("textbox", { name: "Rules" }, SLOW);
    await userEvent.click(screen.getByRole("button", { name: "Try on the latest event" }));
    await screen.findByRole("region", { name: "The latest event with these rules" });
    // While they are written it follows by itself.
    await userEvent.type(editor, " ");
    await waitFor(() => {
      const tried = requests.filter(({ url }) => url.pathname.endsWith("preview/"));
      expect(tried.at(-1)?.body).toEqual({ rules: "{} " });
    });
    const shown = await screen.findByRole("region", { name: "The latest event with these rules" });
    expect(shown.textContent).toContain("1 value changed");
    expect(shown.querySelector("ins")?.textContent).toBe("order ******");
    await userEvent.click(screen.getByRole("button", { name: "Try on history" }));
    const run = await screen.findByRole("region", { name: "History with these rules" });
    expect(run.textContent).toContain("touched 312 of the latest 10,000 events");
    expect(screen.queryByRole("region", { name: "The latest event with these rules" })).toBeNull();
    const [saveFields, saveRules] = screen.getAllByRole("button", { name: "Save" });
    await userEvent.click(saveRules as HTMLElement);
    expect((await screen.findByRole("alert")).textContent).toContain("`ordr` does not exist");
    const saved = requests.find(({ method }) => method === "PUT");
    expect(saved?.body).toEqual({ relayPiiConfig: "{} " });
    await userEvent.click(screen.getByRole("checkbox", { name: /Remove IP addresses/ }));
    await userEvent.click(saveFields as HTMLElement);
    await waitFor(() => {
      const changes = requests.filter(({ method }) => method === "PUT");
      expect(changes.at(-1)?.body).toEqual({
        scrubIPAddresses: true,
        scrubEmails: true,
        sensitiveFields: ["iban"],
        safeFields: [],
      });
    });
  });
});
