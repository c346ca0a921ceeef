import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { open } from "../../test/render.tsx";

const AT = "/organizations/acme/projects/shop/settings?tab=privacy";
const ERASURES = "projects/acme/shop/erasures/";
const PROJECT = {
  id: "1",
  slug: "shop",
  name: "Shop",
  platform: "python",
  sensitiveFields: [],
  safeFields: [],
  allowedDomains: [],
  scrubIPAddresses: false,
  options: {},
};
const ERASURE = {
  id: "7",
  people: 2,
  eventIds: [],
  dateCreated: "2026-01-01T00:00:00Z",
  endsAt: "2026-01-31T00:00:00Z",
  hub: { events: 12, items: 1, dateDone: "2026-01-01T00:01:00Z" },
  relaysDone: 1,
  receipts: [
    { relayId: "a", relayName: "edge", records: 3, items: 4, left: 0, date: "2026-01-01T00:01:00Z" },
    { relayId: "b", relayName: "far", records: 0, items: 0, left: 2, date: "2026-01-01T00:01:00Z" },
  ],
};
const answers = { "GET projects/acme/shop/": { body: PROJECT }, [`GET ${ERASURES}`]: { body: [ERASURE] } };
const SLOW = { timeout: 5000 };

it("says how far an erasure is at the hub and at relays", async () => {
  open(AT, answers);
  const table = await screen.findByRole("table", { name: "Erasures" }, SLOW);
  const row = within(table).getByText("2 names").closest("tr")?.textContent;
  expect(row).toContain("Done: 12 events, 1 other item");
  expect(row).toContain("1 of 2 done: 4 items");
});

it("asks for a person by the names that were given, and shows what is wrong", async () => {
  const { requests } = open(AT, {
    ...answers,
    [`GET ${ERASURES}`]: { body: [] },
    [`POST ${ERASURES}`]: { status: 409, body: { detail: "wait until one of it ends" } },
  });
  await screen.findByText("Nobody is to be forgotten", {}, SLOW);
  await userEvent.click(screen.getByRole("button", { name: "Forget somebody" }));
  const dialog = screen.getByRole("dialog");
  const erase = within(dialog).getByRole("button", { name: "Erase" });
  expect((erase as HTMLButtonElement).disabled).toBe(true);
  await userEvent.type(within(dialog).getByLabelText("E-mail"), "ann@example.org");
  await userEvent.click(erase);
  expect(await within(dialog).findByText("wait until one of it ends")).toBeTruthy();
  const asked = requests.find(({ method }) => method === "POST");
  expect(asked?.body).toEqual({ people: [{ email: "ann@example.org" }], eventIds: [] });
});
