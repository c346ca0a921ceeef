import { cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { event, issue, pageHeaders } from "../../test/issues.ts";
import { open, type Reply } from "../../test/render.tsx";

const LIST = "GET organizations/acme/issues/";
const PUT = "PUT organizations/acme/issues/";
const DELETE = "DELETE organizations/acme/issues/";
const DELETIONS = "vedette/organizations/acme/deletions/";
const AT = "/organizations/acme/issues";
const three = [issue({ id: "1" }), issue({ id: "2", level: "fatal" }), issue({ id: "3", isUnhandled: true })];
const deletion = {
  id: "7",
  status: "waiting",
  discards: false,
  issues: 3,
  done: 0,
  requestedBy: null,
  dateCreated: "2026-01-01T00:00:00Z",
  dateDue: "2026-01-01T00:00:10Z",
};

const list = () =>
  screen.findByRole("list", { name: "" }).then(() => screen.getByRole("region", { name: "Issues" }));

describe("the list of issues", () => {
  it("counts the events that the search means, and tells of how many", async () => {
    const filtered = {
      count: "7",
      userCount: 2,
      firstSeen: "2026-01-01T00:00:00Z",
      lastSeen: "2026-01-02T00:00:00Z",
      stats: {},
    };
    open(`${AT}?query=user.id%3Aann`, {
      [LIST]: { body: [issue({ filtered })], headers: pageHeaders(null, 1) },
    });
    const events = await screen.findByTitle("7 of 1,234 events match the search");
    expect(events.textContent).toContain("7");
    expect(screen.getByTitle("2 of 12 users match the search")).toBeTruthy();
  });

  it("counts the events of the chosen time and environment, and tells of how many", async () => {
    open(`${AT}?statsPeriod=14d&environment=production`, {
      [LIST]: { body: [issue({ count: "12", userCount: 3 })], headers: pageHeaders(null, 1) },
    });
    const within = "in the last 14 days in production";
    const events = await screen.findByTitle(`12 events ${within} · 1,234 in all`);
    expect(events.textContent).toContain("12");
    expect(screen.getByTitle(`3 users ${within} · 12 in all`)).toBeTruthy();
    expect(screen.getByTitle(`Events ${within}`).textContent).toBe("Events");
    expect(screen.getByTitle("Last seen in production").textContent).toBe("Last seen");
    expect(screen.getByRole("img", { name: /^Events in the last 24 hours in production: 3/ })).toBeTruthy();
  });

  it("goes straight to the issue that the search names", async () => {
    const headers = { ...pageHeaders(null, 1), "X-Sentry-Direct-Hit": "1" };
    const named = open(`${AT}?query=SHOP-2`, { [LIST]: { body: [issue({ id: "2" })], headers } });
    await waitFor(() => expect(named.router.state.location.pathname).toBe(`${AT}/2/events/latest`));
    expect(named.requests.some(({ url }) => url.searchParams.get("shortIdLookup") === "1")).toBe(true);
    cleanup();
    const matchingEventId = "00000000000000000000000000000002";
    const body = [issue({ id: "3", matchingEventId })];
    const { router } = open(`${AT}?query=${matchingEventId}`, { [LIST]: { body, headers } });
    await waitFor(() => expect(router.state.location.pathname).toBe(`${AT}/3/events/${matchingEventId}`));
  });

  it("offers every order there is", async () => {
    const { router } = open(AT, { [LIST]: { body: three, headers: pageHeaders(null, 3) } });
    await userEvent.click(await screen.findByRole("button", { name: "Sort: Last seen" }));
    await userEvent.click(screen.getByRole("menuitemcheckbox", { name: /Recommended/ }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ sort: "recommended" }));
  });

  it("shows two weeks as well as a day, in the address", async () => {
    const stats = { "14d": [[1_767_225_600, 5]] as [number, number][] };
    const { router, requests } = open(AT, {
      [LIST]: { body: [issue({ stats })], headers: pageHeaders(null, 1) },
    });
    await userEvent.click(await screen.findByRole("link", { name: "Last 24 hours" }));
    await waitFor(() => expect(router.state.location.searchStr).toBe("?groupStatsPeriod=14d"));
    expect(await screen.findByRole("img", { name: /^Events in the last 14 days: 5/ })).toBeTruthy();
    const asked = requests.filter(({ url }) => url.pathname.endsWith("/acme/issues/"));
    expect(asked.map(({ url }) => url.searchParams.get("groupStatsPeriod"))).toEqual(["24h", "14d"]);
  });

  it("bookmarks, subscribes to and discards what is selected", async () => {
    const { requests } = open(AT, {
      [LIST]: { body: three, headers: pageHeaders(null, 3) },
      [PUT]: (_, init) => (String(init?.body).includes("discard") ? { body: { deletion } } : { body: {} }),
      [`GET ${DELETIONS}`]: { body: [] },
    });
    const bodies = () => requests.filter(({ method }) => method === "PUT").map(({ body }) => body);
    const choose = async (item: string) => {
      await userEvent.click(await screen.findByRole("checkbox", { name: "Select SHOP-2" }));
      await userEvent.click(await screen.findByRole("button", { name: "More for the selected issues" }));
      await userEvent.click(await screen.findByText(item));
    };
    await choose("Bookmark");
    await waitFor(() => expect(bodies()).toEqual([{ isBookmarked: true }]));
    await choose("Subscribe");
    await waitFor(() => expect(bodies()[1]).toEqual({ isSubscribed: true }));
    await choose("Discard…");
    expect(await screen.findByRole("heading", { name: "Discard 1 issue?" })).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Discard", hidden: true }));
    await waitFor(() => expect(JSON.stringify(bodies()[2])).toContain("discard"));
  });

  it("shows grey rows while it waits", async () => {
    open(AT, { [LIST]: () => new Promise<Reply>(() => {}) });
    expect(await screen.findByRole("status", { name: "Loading issues" })).toBeTruthy();
  });

  it("says that there is nothing to do when there is nothing", async () => {
    open(AT, { [LIST]: { body: [], headers: pageHeaders(null, 0) } });
    expect(await screen.findByRole("heading", { name: "No unresolved issues" })).toBeTruthy();
  });

  it("leads to the set-up while no project has had an error", async () => {
    const project = { id: "1", slug: "shop", name: "Shop", platform: "python", firstEvent: null };
    open(AT, {
      [LIST]: { body: [], headers: pageHeaders(null, 0) },
      "GET organizations/acme/projects/": { body: [project] },
    });
    const link = await screen.findByRole("link", { name: "Set up shop" });
    expect(link.getAttribute("href")).toBe("/organizations/acme/projects/shop/start");
  });

  it("offers to clear a filter that leaves nothing", async () => {
    const { router } = open(`${AT}?query=boom&environment=production`, {
      [LIST]: { body: [], headers: pageHeaders(null, 0) },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Clear search and filters" }));
    await waitFor(() => expect(router.state.location.searchStr).toBe(""));
  });

  it("offers what a search that finds nothing may have been meant for", async () => {
    const { router, requests } = open(`${AT}?query=levle%3Aerror`, {
      [LIST]: { body: [], headers: pageHeaders(null, 0) },
      "GET organizations/acme/vedette/corrections/": {
        body: { corrections: [{ query: "level:error", was: "levle", is: "level", issues: 4 }] },
      },
    });
    const meant = await screen.findByRole("link", { name: "level:error" });
    expect(meant.closest("li")?.textContent).toBe("level:error4 issues");
    const asked = requests.find(({ url }) => url.pathname.endsWith("/corrections/"));
    expect(asked?.url.searchParams.get("query")).toBe("levle:error");
    await userEvent.click(meant);
    await waitFor(() => expect(router.state.location.search).toMatchObject({ query: "level:error" }));
  });

  it("shows the API's words when it fails, and tries again", async () => {
    let broken = true;
    open(AT, {
      [LIST]: () =>
        broken
          ? { status: 400, body: { detail: "a parenthesis is not closed" } }
          : { body: three, headers: pageHeaders(null, 3) },
    });
    const alert = await screen.findByRole("alert");
    expect(alert.textContent).toContain("a parenthesis is not closed");
    broken = false;
    await userEvent.click(within(alert).getByRole("button", { name: "Try again" }));
    expect(await screen.findAllByRole("link", { name: "ValueError" })).toHaveLength(3);
  });

  it("shows type, culprit, message and counts of each issue", async () => {
    open(AT, { [LIST]: { body: three, headers: pageHeaders(null, 3) } });
    await screen.findAllByRole("link", { name: "ValueError" });
    const text = (await list()).textContent ?? "";
    for (const part of ["SHOP-1", "shop.cart in total", "amount 50 too large", "1.2k", "unhandled"]) {
      expect(text).toContain(part);
    }
    expect(screen.getByText("3 issues")).toBeTruthy();
    expect(screen.getByRole("img", { name: "Level fatal" })).toBeTruthy();
  });

  it("tells that there are more than can be counted, and fetches them by the API's cursor on the way down", async () => {
    const { requests } = open(AT, {
      [LIST]: (url) =>
        url.searchParams.get("cursor")
          ? {
              body: Array.from({ length: 40 }, (_, i) => issue({ id: String(20 + i) })),
              headers: pageHeaders(null, 1000),
            }
          : {
              body: Array.from({ length: 25 }, (_, i) => issue({ id: String(i) })),
              headers: pageHeaders("7:9:0", 1000),
            },
    });
    expect(await screen.findByText("1,000+ issues")).toBeTruthy();
    await waitFor(() =>
      expect(requests.some((each) => each.url.searchParams.get("cursor") === "7:9:0")).toBe(true),
    );
    await waitFor(() => expect(document.querySelector('[aria-setsize="60"]')).toBeTruthy());
    await userEvent.click(screen.getByRole("checkbox", { name: "Select all issues that are loaded" }));
    // One of each, though five came twice.
    expect(await screen.findByText("60 issues selected")).toBeTruthy();
    // Only those in the window are drawn.
    expect(screen.getAllByRole("checkbox", { name: /^Select SHOP-/ }).length).toBeLessThan(40);
  });

  it("passes the query on as it was typed, and an empty one as empty", async () => {
    const { requests, router } = open(AT, { [LIST]: { body: three, headers: pageHeaders(null, 3) } });
    const box = await screen.findByRole("combobox", { name: "Search issues" });
    expect(
      requests.find((each) => each.url.pathname.endsWith("/issues/"))?.url.searchParams.get("query"),
    ).toBe("is:unresolved");
    await userEvent.clear(box);
    await userEvent.type(box, 'level:fatal "two words"{enter}');
    await waitFor(() =>
      expect(router.state.location.search).toMatchObject({ query: 'level:fatal "two words"' }),
    );
    await userEvent.click(screen.getByRole("button", { name: "Clear the search" }));
    await waitFor(() =>
      expect(requests.some((each) => each.url.searchParams.get("query") === "")).toBe(true),
    );
  });
});

describe("acting on issues", () => {
  it("takes them off the list at once, tells the hub, and can be undone", async () => {
    const { requests } = open(AT, {
      [LIST]: { body: three, headers: pageHeaders(null, 3) },
      [PUT]: { body: {} },
    });
    await userEvent.click(await screen.findByRole("checkbox", { name: "Select SHOP-1" }));
    await userEvent.click(screen.getByRole("checkbox", { name: "Select SHOP-2" }));
    await userEvent.click(screen.getByRole("button", { name: "Resolve" }));
    expect(await screen.findByText("2 issues resolved")).toBeTruthy();
    const put = requests.find((each) => each.method === "PUT");
    expect(put?.url.searchParams.getAll("id")).toEqual(["1", "2"]);
    expect(put?.body).toEqual({ status: "resolved", statusDetails: {} });
    expect(put?.headers.get("X-CSRF-Token")).toBe("csrf");
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    await waitFor(() => expect(requests.filter((each) => each.method === "PUT")).toHaveLength(2));
    const undo = requests.filter((each) => each.method === "PUT")[1];
    expect(undo?.body).toEqual({ status: "unresolved", statusDetails: {}, substatus: "ongoing" });
  });

  it("changes many in steps, tells how far it is, and takes back what was done", async () => {
    const many = Array.from({ length: 250 }, (_, i) =>
      issue({ id: String(i + 1), shortId: `SHOP-${i + 1}` }),
    );
    const answers: ((reply: Reply) => void)[] = [];
    const { requests } = open(AT, {
      [LIST]: { body: many, headers: pageHeaders(null, 250) },
      [PUT]: () => new Promise<Reply>((answer) => void answers.push(answer)),
    });
    const puts = () => requests.filter((each) => each.method === "PUT");
    const step = async (n: number) => {
      await waitFor(() => expect(answers).toHaveLength(n));
      answers[n - 1]?.({ body: {} });
    };
    await userEvent.click(await screen.findByRole("checkbox", { name: "Select all issues that are loaded" }));
    await userEvent.click(screen.getByRole("button", { name: "Resolve" }));
    expect(await screen.findByText("0 of 250 issues resolved")).toBeTruthy();
    await step(1);
    expect(await screen.findByText("100 of 250 issues resolved")).toBeTruthy();
    await waitFor(() => expect(puts()).toHaveLength(2));
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    await step(2);
    await waitFor(() => expect(puts()).toHaveLength(3));
    expect(puts()[2]?.body).toEqual({ status: "unresolved", statusDetails: {}, substatus: "ongoing" });
    await step(3);
    await step(4);
    const back = puts().slice(2);
    expect(back.flatMap((each) => each.url.searchParams.getAll("id"))).toHaveLength(200);
  });

  it("puts everything back when the hub refuses", async () => {
    open(AT, {
      [LIST]: { body: three, headers: pageHeaders(null, 3) },
      [PUT]: { status: 403, body: { detail: "You may not do this." } },
    });
    await userEvent.click(await screen.findByRole("checkbox", { name: "Select SHOP-3" }));
    await userEvent.click(screen.getByRole("button", { name: "Archive" }));
    expect(await screen.findByText("Nothing was changed: You may not do this.")).toBeTruthy();
    expect(screen.getAllByRole("link", { name: "ValueError" })).toHaveLength(3);
  });

  it("asks before it deletes, and takes it back", async () => {
    const { requests } = open(AT, {
      [LIST]: { body: three, headers: pageHeaders(null, 3) },
      [DELETE]: { status: 202, body: { ...deletion, issues: 3 } },
      [`DELETE ${DELETIONS}7/`]: { status: 204 },
    });
    const deletes = () => requests.filter((each) => each.method === "DELETE");
    await userEvent.click(await screen.findByRole("checkbox", { name: "Select all issues that are loaded" }));
    const bar = await screen.findByRole("toolbar", { name: "Actions on the selected issues" });
    await userEvent.click(within(bar).getByRole("button", { name: "Delete" }));
    expect(deletes()).toHaveLength(0);
    const dialog = await screen.findByRole("dialog", { name: "Delete 3 issues?" });
    expect(within(dialog).queryByRole("checkbox")).toBeNull();
    await userEvent.click(within(dialog).getByRole("button", { name: "Delete" }));
    await screen.findByText("3 issues deleted");
    expect(deletes()[0]?.url.searchParams.getAll("id")).toHaveLength(3);
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    await waitFor(() => expect(deletes()[1]?.url.pathname).toBe(`/api/0/${DELETIONS}7/`));
    expect(await screen.findAllByRole("link", { name: "ValueError" })).toHaveLength(3);
  });

  it("tells of what will be deleted in a moment, also after the page was left, and keeps it", async () => {
    let waiting = [deletion];
    const { requests } = open(AT, {
      [LIST]: { body: three, headers: pageHeaders(null, 3) },
      [`GET ${DELETIONS}`]: () => ({ body: waiting }),
      [`DELETE ${DELETIONS}7/`]: () => {
        waiting = [];
        return { status: 204 };
      },
    });
    const said = await screen.findByText("3 issues will be deleted in a moment");
    await userEvent.click(within(said).getByRole("button", { name: "Keep" }));
    await waitFor(() => expect(screen.queryByText(/will be deleted/)).toBeNull());
    expect(requests.filter(({ method }) => method === "DELETE").length).toBe(1);
  });

  it("deletes all that a search finds by the search, and shows how far that is", async () => {
    const { requests } = open(AT, {
      [LIST]: (url) =>
        url.searchParams.get("cursor")
          ? new Promise(() => {})
          : { body: three, headers: pageHeaders("0:100:0", 1000) },
      [DELETE]: { status: 202, body: { ...deletion, issues: 4200 } },
      [`GET ${DELETIONS}`]: { body: [{ ...deletion, status: "going", issues: 4200, done: 1300 }] },
    });
    expect(await screen.findByText("Deleting: 1,300 of 4,200 issues gone")).toBeTruthy();
    await userEvent.click(await screen.findByRole("checkbox", { name: "Select all issues that are loaded" }));
    const bar = screen.getByRole("toolbar", { name: "Actions on the selected issues" });
    await userEvent.click(within(bar).getByRole("button", { name: "Delete" }));
    await userEvent.click(screen.getByRole("checkbox", { name: "Also all others that match this search" }));
    const dialog = screen.getByRole("dialog", { name: "Delete all issues that match?" });
    await userEvent.click(within(dialog).getByRole("button", { name: "Delete" }));
    await screen.findByText("4,200 issues deleted");
    const asked = requests.find((each) => each.method === "DELETE")?.url.searchParams;
    expect(asked?.get("query")).toBe("is:unresolved");
    expect(asked?.getAll("id")).toEqual([]);
  });

  it("lets one assign and weigh an issue in its row", async () => {
    let second = issue({ id: "2" });
    const { requests, router } = open(AT, {
      [LIST]: () => ({ body: [issue({ id: "1" }), second], headers: pageHeaders(null, 2) }),
      [PUT]: (_, init) => {
        const { priority } = JSON.parse(String(init?.body)) as { priority?: string };
        const assignedTo = { type: "user", id: "1", name: "Anna Sol" };
        second = { ...second, assignedTo, priority: priority ?? second.priority };
        return { body: {} };
      },
      "GET organizations/acme/members/": {
        body: [{ id: "1", user: { id: "1" }, name: "Anna Sol", email: "anna@example.org", pending: false }],
      },
      "GET organizations/acme/teams/": { body: [] },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Owner of SHOP-2: nobody" }));
    await userEvent.click(await screen.findByText("Anna Sol"));
    expect(await screen.findByRole("button", { name: "Owner of SHOP-2: Anna Sol" })).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Priority of SHOP-2: high" }));
    await userEvent.click(await screen.findByText("low"));
    expect(await screen.findByRole("button", { name: "Priority of SHOP-2: low" })).toBeTruthy();
    const sent = requests.filter((each) => each.method === "PUT");
    expect(sent.map(({ body }) => body)).toEqual([{ assignedTo: "user:1" }, { priority: "low" }]);
    expect(sent.map(({ url }) => url.searchParams.getAll("id"))).toEqual([["2"], ["2"]]);
    expect(router.state.location.pathname).toBe(AT);
  });

  it("no longer shows what it was looked at for, when an issue has left the list", async () => {
    let left = three;
    open(AT, {
      [LIST]: () => ({ body: left, headers: pageHeaders(null, left.length) }),
      [PUT]: () => {
        left = three.slice(1);
        return { body: {} };
      },
      "GET organizations/acme/issues/1/events/latest/": { body: event() },
    });
    const [first] = await screen.findAllByRole("link", { name: "ValueError" });
    fireEvent.keyDown(window, { key: "j" });
    await userEvent.hover(first as HTMLElement);
    await screen.findByRole("tooltip");
    fireEvent.keyDown(window, { key: "e" });
    await waitFor(() => expect(screen.queryByRole("tooltip")).toBeNull());
    // The next one is where the keyboard is.
    await waitFor(() =>
      expect(document.activeElement?.closest("[data-issue]")?.getAttribute("data-issue")).toBe("2"),
    );
  });

  it("works from the keyboard alone", async () => {
    const { requests, router } = open(AT, {
      [LIST]: { body: three, headers: pageHeaders(null, 3) },
      [PUT]: { body: {} },
    });
    await screen.findAllByRole("link", { name: "ValueError" });
    fireEvent.keyDown(window, { key: "j" });
    fireEvent.keyDown(window, { key: "j" });
    fireEvent.keyDown(window, { key: "x" });
    expect((screen.getByRole("checkbox", { name: "Select SHOP-2" }) as HTMLInputElement).checked).toBe(true);
    fireEvent.keyDown(window, { key: "e" });
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.url.searchParams.getAll("id")).toEqual(["2"]),
    );
    fireEvent.keyDown(document.body, { key: "k" });
    fireEvent.keyDown(document.body, { key: "b" });
    await waitFor(() =>
      expect(requests.filter((each) => each.method === "PUT").at(-1)?.body).toEqual({ isBookmarked: true }),
    );
    fireEvent.keyDown(document.body, { key: "a" });
    expect(await screen.findByRole("menu", { name: "Assign to", hidden: true })).toBeTruthy();
    await userEvent.keyboard("{Escape}");
    fireEvent.keyDown(document.body, { key: "x" });
    fireEvent.keyDown(document.body, { key: "Enter" });
    await waitFor(() => expect(router.state.location.pathname).toMatch(/\/issues\/\d+$/));
  });
});

it("goes to the sign-in page and remembers the way back when the session has ended", async () => {
  const { router } = open(`${AT}?query=boom`, { "GET auth/": { status: 401, body: { detail: "no" } } });
  expect(await screen.findByRole("heading", { name: "Sign in to Vedette" })).toBeTruthy();
  expect(router.state.location.search).toMatchObject({ next: "/organizations/acme/issues?query=boom" });
});

it("underlines the part of a query that is wrong, counted in bytes", async () => {
  open(`${AT}?query=${encodeURIComponent("größe:(x")}`, {
    [LIST]: { status: 400, body: { detail: "a parenthesis is not closed", span: [8, 9] } },
  });
  await waitFor(() => expect(document.querySelector("u")?.textContent).toBe("("));
});
