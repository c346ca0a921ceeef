import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { event, issueDetail, pageHeaders } from "../../test/issues.ts";
import { type Answers, open } from "../../test/render.tsx";

const ISSUE = "organizations/acme/issues/1/";
const note = (id: string, user: string, text: string) => ({
  id,
  type: "note",
  user: { id: user, name: user === "1" ? "Anna Sol" : "Ben", email: "", username: "" },
  data: { text },
  dateCreated: "2026-01-02T00:00:00Z",
});
const first = {
  id: "1",
  type: "first_seen",
  user: null,
  data: {},
  dateCreated: "2026-01-01T00:00:00Z",
};

function show(more: Answers = {}) {
  return open("/organizations/acme/issues/1?tab=activity", {
    [`GET ${ISSUE}`]: { body: issueDetail() },
    [`GET ${ISSUE}events/latest/`]: { body: event() },
    [`GET ${ISSUE}tags/`]: { body: [] },
    [`GET ${ISSUE}activities/`]: (url) =>
      url.searchParams.has("cursor")
        ? { body: { activity: [first] }, headers: pageHeaders(null, 3) }
        : {
            body: { activity: [note("3", "1", "it is the cache"), note("2", "2", "is it?")] },
            headers: pageHeaders("0:50:0", 3),
          },
    ...more,
  });
}

it("is read page by page", async () => {
  show();
  expect(await screen.findByText(/it is the cache/)).toBeTruthy();
  expect(screen.queryByText(/for the first time/)).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Older" }));
  expect(await screen.findByText(/for the first time/)).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Older" })).toBeNull();
});

it("lets one write one's own notes anew, and keeps what was typed when that fails", async () => {
  let broken = true;
  const { requests } = show({
    [`PUT ${ISSUE}notes/3/`]: () =>
      broken ? { status: 503, body: { detail: "Try again." } } : { body: note("3", "1", "x") },
  });
  // Those of others cannot be changed.
  await screen.findByText(/it is the cache/);
  expect(screen.getAllByRole("button", { name: "Write this note anew" })).toHaveLength(1);
  const opener = () => screen.getByRole("button", { name: "Write this note anew" });
  await userEvent.click(opener());
  const field = () => screen.getByRole("textbox", { name: "The note" }) as HTMLTextAreaElement;
  expect(document.activeElement).toBe(field());
  await userEvent.keyboard(" no more{Escape}");
  expect(screen.queryByRole("textbox", { name: "The note" })).toBeNull();
  await waitFor(() => expect(document.activeElement).toBe(opener()));
  await userEvent.click(opener());
  expect(field().value).toBe("it is the cache");
  await userEvent.clear(field());
  await userEvent.type(field(), "it was the cache{Control>}{Enter}{/Control}");
  expect(await screen.findByText("Try again.")).toBeTruthy();
  expect(field().value).toBe("it was the cache");
  broken = false;
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(screen.queryByRole("textbox", { name: "The note" })).toBeNull());
  const sent = requests.filter((each) => each.method === "PUT").map((each) => each.body);
  expect(sent).toEqual([{ text: "it was the cache" }, { text: "it was the cache" }]);
});

it("offers people and teams to mention while one writes, and sends by a key", async () => {
  const { requests } = show({
    "GET organizations/acme/members/": {
      body: [
        { id: "1", user: { id: "1" }, name: "Anna Sol", email: "anna@example.org", pending: false },
        { id: "2", user: { id: "2" }, name: "Anders B", email: "anders@example.org", pending: false },
        { id: "3", user: { id: "3" }, name: "", email: "anton@example.org", pending: true },
      ],
    },
    "GET organizations/acme/teams/": { body: [{ id: "4", slug: "web", name: "Web" }] },
    [`POST ${ISSUE}notes/`]: { body: note("9", "1", "x") },
  });
  const field = (await screen.findByRole("textbox", {
    name: "A note for those who come after you",
  })) as HTMLTextAreaElement;
  const offered = () => screen.queryAllByRole("option").map((option) => option.textContent);
  await userEvent.type(field, "ask @an");
  await waitFor(() => expect(offered()).toEqual(["Anna Solanna@example.org", "Anders Banders@example.org"]));
  await userEvent.keyboard("{ArrowDown}{Enter}");
  expect(field.value).toBe("ask @anders ");
  expect(offered()).toEqual([]);
  await userEvent.type(field, "or #w");
  await waitFor(() => expect(offered()).toEqual(["#webWeb"]));
  await userEvent.keyboard("{Tab}");
  expect(field.value).toBe("ask @anders or #web ");
  await userEvent.keyboard("{Control>}{Enter}{/Control}");
  await waitFor(() =>
    expect(requests.find(({ method }) => method === "POST")?.body).toEqual({ text: "ask @anders or #web" }),
  );
});

it("lets one delete one's own notes, after a question", async () => {
  const { requests } = show({ [`DELETE ${ISSUE}notes/3/`]: { status: 204 } });
  await userEvent.click(await screen.findByRole("button", { name: "Delete this note" }));
  const dialog = within(screen.getByRole("dialog", { name: "Delete this note?" }));
  const listed = () => requests.filter((each) => each.url.pathname.endsWith("/activities/")).length;
  const before = listed();
  await userEvent.click(dialog.getByRole("button", { name: "Delete" }));
  await waitFor(() => expect(listed()).toBeGreaterThan(before));
  expect(requests.some((each) => each.method === "DELETE")).toBe(true);
});

it("says what went wrong", async () => {
  show({ [`GET ${ISSUE}activities/`]: { status: 503, body: { detail: "The store is busy." } } });
  expect(await screen.findByText("What was done could not be loaded")).toBeTruthy();
});
