import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { issue, pageHeaders } from "../../test/issues.ts";
import { open } from "../../test/render.tsx";

const LIST = "GET organizations/acme/issues/";
const PUT = "PUT organizations/acme/issues/";
const DELETIONS = "vedette/organizations/acme/deletions/";
const AT = "/organizations/acme/issues";
const three = ["1", "2", "3"].map((id) => issue({ id }));
const merge = {
  id: "7",
  status: "waiting",
  discards: false,
  into: "2",
  issues: 2,
  done: 0,
  requestedBy: null,
  dateCreated: "2026-01-01T00:00:00Z",
  dateDue: "2026-01-01T00:00:10Z",
};

const chooseAll = async () => {
  await userEvent.click(await screen.findByRole("checkbox", { name: "Select all issues that are loaded" }));
  return within(await screen.findByRole("toolbar", { name: "Actions on the selected issues" }));
};

it("merges what is chosen into one, and takes it back by a key", async () => {
  let waiting: unknown[] = [];
  const { requests } = open(AT, {
    [LIST]: () => ({
      body: waiting.length ? three.slice(1, 2) : three,
      headers: pageHeaders(null, 3),
    }),
    [PUT]: () => {
      waiting = [merge];
      return { status: 202, body: merge };
    },
    [`GET ${DELETIONS}`]: () => ({ body: waiting }),
    [`DELETE ${DELETIONS}7/`]: () => {
      waiting = [];
      return { status: 204 };
    },
  });
  await userEvent.click((await chooseAll()).getByRole("button", { name: "Merge" }));
  const dialog = within(await screen.findByRole("dialog", { name: "Merge 3 issues?" }));
  // There is nothing else that the search finds.
  expect(dialog.queryByRole("checkbox")).toBeNull();
  await userEvent.click(dialog.getByRole("button", { name: "Merge" }));
  expect(await screen.findByText("3 issues become one")).toBeTruthy();
  const asked = requests.find((each) => each.method === "PUT");
  expect([asked?.url.searchParams.getAll("id"), asked?.body]).toEqual([["1", "2", "3"], { merge: 1 }]);
  await waitFor(() => expect(screen.queryByRole("checkbox", { name: "Select SHOP-1" })).toBeNull());
  expect(screen.getByRole("checkbox", { name: "Select SHOP-2" })).toBeTruthy();
  expect(await screen.findByText(/2 issues will be merged in a moment/)).toBeTruthy();
  fireEvent.keyDown(document.body, { key: "z" });
  expect(await screen.findByRole("checkbox", { name: "Select SHOP-1" })).toBeTruthy();
  await waitFor(() => expect(screen.queryByText(/will be merged in a moment/)).toBeNull());
});

it("merges all that a search finds in a project, and shows how far that is", async () => {
  const { requests } = open(`${AT}?project=1`, {
    [LIST]: (url) =>
      url.searchParams.get("cursor")
        ? new Promise(() => {})
        : { body: three, headers: pageHeaders("0:100:0", 1000) },
    [PUT]: { status: 202, body: { ...merge, issues: 4199 } },
    [`GET ${DELETIONS}`]: { body: [{ ...merge, status: "going", issues: 4199, done: 1300 }] },
  });
  expect(await screen.findByText("Merging: 1,300 of 4,199 issues merged")).toBeTruthy();
  await userEvent.click((await chooseAll()).getByRole("button", { name: "Merge" }));
  await userEvent.click(
    await screen.findByRole("checkbox", { name: "Also all others that match this search" }),
  );
  const dialog = within(screen.getByRole("dialog", { name: "Merge all issues that match?" }));
  await userEvent.click(dialog.getByRole("button", { name: "Merge" }));
  expect(await screen.findByText("4,200 issues become one")).toBeTruthy();
  const asked = requests.find((each) => each.method === "PUT")?.url.searchParams;
  expect([asked?.get("query"), asked?.getAll("id")]).toEqual(["is:unresolved", []]);
});

it("says before anybody asks why issues cannot be merged", async () => {
  const other = { id: "2", name: "Till", slug: "till", platform: "python" };
  open(AT, {
    [LIST]: { body: [issue(), issue({ id: "2", project: other })], headers: pageHeaders(null, 2) },
  });
  const button = (await chooseAll()).getByRole("button", { name: "Merge" }) as HTMLButtonElement;
  expect([button.disabled, button.title]).toEqual([true, "Only issues of one project can be merged"]);
});
