import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { EventDetail } from "../../api/types.ts";
import { event, issueDetail, pageHeaders } from "../../test/issues.ts";
import { type Answers, open } from "../../test/render.tsx";

const AT = "/organizations/acme/issues/1";
const ISSUE = "organizations/acme/issues/1/";
const FIRST = "a".repeat(32);
const OTHER = "b".repeat(32);
const FILES = `GET projects/acme/shop/events/${FIRST}/attachments/`;

function answers(shown: Partial<EventDetail> = {}, more: Answers = {}): Answers {
  return {
    [`GET ${ISSUE}`]: { body: issueDetail() },
    [`GET ${ISSUE}events/latest/`]: { body: event(shown) },
    [`GET ${ISSUE}tags/`]: { body: [] },
    [FILES]: { body: [] },
    "GET organizations/acme/members/": {
      body: [
        { id: "8", email: "ben@example.org", name: "Ben", user: { id: "2", name: "Ben" }, pending: false },
        { id: "9", email: "anna@example.org", name: "Anna Sol", user: { id: "1", name: "Anna Sol" } },
      ],
    },
    "GET organizations/acme/teams/": { body: [{ id: "5", slug: "web", name: "Web" }] },
    "PUT organizations/acme/issues/": { body: {} },
    ...more,
  };
}

describe("the facts of an issue", () => {
  it("say how often, for whom, since when and in which release", async () => {
    open(AT, answers());
    const facts = await screen.findByText("This week");
    const text = facts.closest("dl")?.textContent ?? "";
    for (const part of ["1,234", "12", "in 1.2.3", "quiet", "high", "nobody"]) expect(text).toContain(part);
  });

  it("are of the environments that are chosen, beside all", async () => {
    const numbers = (url: URL) => (url.searchParams.has("environment") ? { count: "7", userCount: 2 } : {});
    const { requests } = open(
      `${AT}?environment=production`,
      answers({}, { [`GET ${ISSUE}`]: (url) => ({ body: issueDetail(numbers(url)) }) }),
    );
    expect(await screen.findByText("in production, 1,234 in all")).toBeTruthy();
    expect(screen.getByText("in production, 12 in all")).toBeTruthy();
    await waitFor(() => {
      const tags = requests.find(({ url }) => url.pathname.endsWith("/tags/"));
      expect(tags?.url.searchParams.getAll("environment")).toEqual(["production"]);
    });
  });

  it("let one assign, oneself first, and take it back", async () => {
    const { requests } = open(AT, answers());
    await userEvent.click(await screen.findByRole("button", { name: "Owner: nobody" }));
    const choices = await screen.findAllByRole("menuitemcheckbox", { hidden: true });
    await waitFor(() =>
      expect(
        screen.getAllByRole("menuitemcheckbox", { hidden: true }).map((item) => item.textContent),
      ).toEqual(["Nobody", "Anna Solyou", "Ben", "#web"]),
    );
    expect(choices.length).toBeGreaterThan(0);
    await userEvent.click(screen.getByText("Anna Sol"));
    expect(await screen.findByText("SHOP-1 assigned to Anna Sol")).toBeTruthy();
    expect(requests.find((each) => each.method === "PUT")?.body).toEqual({ assignedTo: "user:1" });
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    await waitFor(() =>
      expect(requests.filter((each) => each.method === "PUT")[1]?.body).toEqual({ assignedTo: "" }),
    );
  });

  it("tell until when one archives, bookmark, and note that one has looked", async () => {
    const { requests } = open(
      AT,
      answers({}, { [`GET ${ISSUE}`]: { body: issueDetail({ substatus: "new" }) } }),
    );
    const puts = () => requests.filter((each) => each.method === "PUT").map(({ body }) => body);
    await userEvent.click(await screen.findByRole("button", { name: "Bookmark" }));
    await waitFor(() => expect(puts()).toEqual([{ isBookmarked: true }]));
    await userEvent.click(screen.getByRole("button", { name: "More actions" }));
    await userEvent.click(await screen.findByText("Mark as reviewed"));
    await waitFor(() => expect(puts()[1]).toEqual({ inbox: false }));
    await userEvent.click(screen.getByRole("button", { name: "More ways to archive" }));
    await userEvent.click(await screen.findByText("100 times in an hour"));
    await waitFor(() =>
      expect(puts()[2]).toEqual({
        status: "ignored",
        statusDetails: { ignoreCount: 100, ignoreWindow: 60 },
        substatus: "archived_until_condition_met",
      }),
    );
  });

  it("archive until a number or a day of one's own", async () => {
    const { requests } = open(AT, answers());
    const puts = () => requests.filter((each) => each.method === "PUT").map(({ body }) => body);
    const ask = async () => {
      await userEvent.click(await screen.findByRole("button", { name: "More ways to archive" }));
      await userEvent.click(await screen.findByText("Another time or number…"));
      return screen.findByLabelText("Until when");
    };
    await userEvent.selectOptions(await ask(), "events");
    const submit = () =>
      screen.getAllByRole("button", { name: "Archive", hidden: true }).at(-1) as HTMLElement;
    expect((submit() as HTMLButtonElement).disabled).toBe(true);
    await userEvent.type(screen.getByLabelText("Events from now on"), "42");
    await userEvent.selectOptions(screen.getByLabelText("In what time"), "1440");
    await userEvent.click(submit());
    const substatus = "archived_until_condition_met";
    await waitFor(() =>
      expect(puts()[0]).toEqual({
        status: "ignored",
        statusDetails: { ignoreCount: 42, ignoreWindow: 1440 },
        substatus,
      }),
    );
  });

  it("say that a day which is over cannot be waited for", async () => {
    open(AT, answers());
    await userEvent.click(await screen.findByRole("button", { name: "More ways to archive" }));
    await userEvent.click(await screen.findByText("Another time or number…"));
    fireEvent.change(await screen.findByLabelText("Day and time"), { target: { value: "2020-01-01T00:00" } });
    expect(screen.getByText("This is over already.")).toBeTruthy();
  });

  it("leave the priority to the hub again, where one takes one's own word back", async () => {
    const { requests } = open(AT, answers());
    const puts = () => requests.filter((each) => each.method === "PUT").map(({ body }) => body);
    await userEvent.click(await screen.findByRole("button", { name: "Priority: high" }));
    await userEvent.click(screen.getByText("low"));
    await userEvent.click(await screen.findByRole("button", { name: "Undo" }));
    await waitFor(() =>
      expect(puts()).toEqual([{ priority: "low" }, { priority: "high", priorityLocked: false }]),
    );
  });

  it("put a priority back that the hub refuses", async () => {
    open(
      AT,
      answers({}, { "PUT organizations/acme/issues/": { status: 403, body: { detail: "Not you." } } }),
    );
    await userEvent.click(await screen.findByRole("button", { name: "Priority: high" }));
    await userEvent.click(screen.getByText("low"));
    expect(await screen.findByText("Nothing was changed: Not you.")).toBeTruthy();
    expect(await screen.findByRole("button", { name: "Priority: high" })).toBeTruthy();
  });
});

describe("breadcrumbs", () => {
  const crumb = (category: string, level: string, message: string, second: number) => ({
    category,
    level,
    message,
    timestamp: `2026-01-02T00:00:0${second}Z`,
  });
  const crumbs = {
    entries: [
      {
        type: "breadcrumbs",
        data: {
          values: [
            crumb("query", "info", "SELECT 1", 1),
            crumb("query", "warning", "SELECT slow", 2),
            crumb("http", "info", "GET /a", 3),
            crumb("http", "error", "GET /b", 4),
            crumb("ui.click", "info", "button", 5),
            crumb("console", "info", "hello", 6),
          ],
        },
      },
    ],
  };

  it("are filtered by kind, level and text, and tell how far from the crash they were", async () => {
    open(AT, answers(crumbs));
    const panel = within(await screen.findByRole("region", { name: /^Breadcrumbs/ }));
    const shown = () => panel.getAllByRole("listitem").map((item) => item.textContent ?? "");
    expect(shown()[0]).toContain("−4.00 s");
    await userEvent.click(panel.getByRole("button", { name: "Kind: all" }));
    await userEvent.click(panel.getByRole("menuitemcheckbox", { name: /^http/, hidden: true }));
    expect(shown().map((text) => text.includes("GET"))).toEqual([true, true]);
    await userEvent.click(panel.getByRole("button", { name: "Level: all" }));
    await userEvent.click(panel.getByRole("menuitemcheckbox", { name: /^error/, hidden: true }));
    expect(shown()).toHaveLength(1);
    expect(panel.getByText("1 of 6")).toBeTruthy();
    await userEvent.type(panel.getByRole("textbox", { name: "Search breadcrumbs" }), "nothing like it");
    expect(panel.getByText("No breadcrumb matches.")).toBeTruthy();
  });
});

describe("attachments", () => {
  const file = (part: Record<string, unknown>) => ({
    id: "7",
    event_id: FIRST,
    type: "event.attachment",
    name: "state.json",
    mimetype: "application/json",
    dateCreated: "2026-01-01T00:00:00Z",
    size: 17,
    headers: {},
    ...part,
  });

  it("are looked into as text, and found in", async () => {
    open(
      AT,
      answers({}, { [FILES]: { body: [file({})] }, [`${FILES}7/`]: { body: { state: "<b>broken</b>" } } }),
    );
    await userEvent.click(await screen.findByRole("button", { name: "Show state.json" }));
    await userEvent.type(await screen.findByRole("textbox", { name: "Search in state.json" }), "BROKEN");
    expect(await screen.findByText("1 of 1")).toBeTruthy();
    expect(screen.getByText("broken").tagName).toBe("MARK");
    expect(screen.getByRole("link", { name: "Download state.json" }).getAttribute("href")).toContain(
      "attachments/7/?download=1",
    );
  });

  it("that are crash dumps show what the hub read out of them", async () => {
    const dump = {
      entries: [
        { type: "exception", data: { values: [{ type: "SIGSEGV", value: "at 0x0" }] } },
        { type: "threads", data: { values: [{ id: 1, name: "main", crashed: true }, { id: 2 }] } },
        { type: "debugmeta", data: { images: [{}, {}, {}] } },
      ],
    };
    open(
      AT,
      answers(dump, {
        [FILES]: { body: [file({ type: "event.minidump", name: "c.dmp", mimetype: "x/y" })] },
      }),
    );
    await userEvent.click(await screen.findByRole("button", { name: "Show c.dmp" }));
    const panel = screen.getByRole("region", { name: /^Attachments/ }).textContent ?? "";
    for (const part of ["SIGSEGV: at 0x0", "main", "2 threads", "3 images"]) expect(panel).toContain(part);
  });

  it("say what is wrong where they cannot be read", async () => {
    open(AT, answers({}, { [FILES]: { status: 503, body: { detail: "The archive is busy." } } }));
    expect(await screen.findByText("The archive is busy.")).toBeTruthy();
  });
});

describe("two events", () => {
  it("are compared, and only what differs is shown", async () => {
    const tags = (shelf: string) => [
      { key: "environment", value: "production" },
      { key: "shelf", value: shelf },
      { key: "user", value: `id:${shelf}` },
    ];
    open(
      `${AT}?tab=compare`,
      answers(
        { tags: tags("left"), previousEventID: OTHER },
        {
          [`GET ${ISSUE}events/${OTHER}/`]: {
            body: event({ eventID: OTHER, tags: tags("right"), nextEventID: FIRST }),
          },
        },
      ),
    );
    expect(await screen.findByText("1 value and 0 lines of the stack differ")).toBeTruthy();
    const table = screen.getByRole("table", { name: "Tags of both events" });
    expect(table.textContent).toBe("shelfleftright");
    await userEvent.click(screen.getByRole("button", { name: "Everything" }));
    expect(screen.getByRole("table", { name: "Tags of both events" }).textContent).toContain("production");
  });

  it("need a second one", async () => {
    open(`${AT}?tab=compare`, answers());
    expect(await screen.findByText("There is only one event")).toBeTruthy();
  });
});

describe("notes", () => {
  it("are written, and kept in the field when that fails", async () => {
    let broken = true;
    const { requests } = open(
      `${AT}?tab=activity`,
      answers(
        {},
        {
          [`POST ${ISSUE}notes/`]: () =>
            broken ? { status: 503, body: { detail: "Try again." } } : { status: 201, body: {} },
        },
      ),
    );
    const field = await screen.findByRole("textbox", { name: /^A note/ });
    await userEvent.type(field, "it is the cache");
    await userEvent.click(screen.getByRole("button", { name: "Add the note" }));
    expect(await screen.findByText("Try again.")).toBeTruthy();
    expect((field as HTMLTextAreaElement).value).toBe("it is the cache");
    broken = false;
    await userEvent.click(screen.getByRole("button", { name: "Add the note" }));
    await waitFor(() => expect((field as HTMLTextAreaElement).value).toBe(""));
    expect(requests.filter((each) => each.method === "POST").at(-1)?.body).toEqual({
      text: "it is the cache",
    });
  });
});

describe("releases and commits", () => {
  const release = {
    id: "1",
    version: "shop@1.2.3",
    shortVersion: "1.2.3",
    dateCreated: "2025-12-31T23:00:00Z",
    dateReleased: "2026-01-01T00:20:00Z",
    projects: [{ id: "1", slug: "shop", name: "Shop", platform: "python", newGroups: 1 }],
  };
  const commit = {
    id: "7fd1a60b01f91b314f59955a4e4d4c28e08e2bb5",
    message: "Round amounts\n\nAs banks do.",
    dateCreated: "2025-12-31T22:00:00Z",
    repository: { name: "acme/shop" },
    path: "shop/cart.py",
    frame: 0,
  };
  const known: Answers = {
    "GET organizations/acme/releases/": { body: [release] },
    [`GET ${ISSUE}committers/`]: {
      body: {
        committers: [{ author: { name: "Ann", email: "ann@example.org" }, commits: [commit] }],
      },
    },
  };

  it("leads from when it was last seen to the release", async () => {
    open(AT, answers({}, known));
    const facts = await screen.findByLabelText("Facts about this issue");
    const link = within(facts).getByRole("link", { name: "1.2.3" });
    expect(link.getAttribute("href")).toBe("/organizations/acme/releases/shop%401.2.3");
  });

  it("marks when a release came, and names the commits that touched the stack", async () => {
    open(AT, answers({}, known));
    const panel = await screen.findByRole("region", { name: "Suspect commits" });
    for (const part of ["Round amounts", "Ann", "7fd1a60b", "shop/cart.py"]) {
      expect(panel.textContent).toContain(part);
    }
    expect(panel.textContent).not.toContain("As banks do");
    await waitFor(() =>
      expect(
        screen.getByRole("img", { name: /Events in the last 24 hours/ }).getAttribute("aria-label"),
      ).toMatch(/release 1\.2\.3$/),
    );
  });

  it("resolves in a release by its name", async () => {
    const { requests } = open(AT, answers({}, known));
    await userEvent.click(await screen.findByRole("button", { name: "More ways to resolve" }));
    await userEvent.click(screen.getByText("In another release…"));
    await userEvent.type(await screen.findByLabelText("Version of the release"), "shop@2.1.0");
    const dialog = within(screen.getByRole("dialog"));
    await userEvent.click(dialog.getByRole("button", { name: "Resolve" }));
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.body).toEqual({
        status: "resolved",
        statusDetails: { inRelease: "shop@2.1.0" },
      }),
    );
  });

  it("offers the project's releases to resolve in, by a part of their name", async () => {
    const asked: string[] = [];
    const { requests } = open(
      AT,
      answers(
        {},
        {
          ...known,
          "GET organizations/acme/releases/": (url) => {
            if (!url.searchParams.has("query")) return { body: [] };
            asked.push(url.search);
            return { body: [{ ...release, version: "shop@2.1.0" }], headers: pageHeaders(null, 1) };
          },
        },
      ),
    );
    await userEvent.click(await screen.findByRole("button", { name: "More ways to resolve" }));
    await userEvent.click(screen.getByText("In another release…"));
    const field = await screen.findByLabelText("Version of the release");
    await userEvent.type(field, "2.1");
    await waitFor(() =>
      expect(document.querySelector(`#${CSS.escape(field.getAttribute("list") ?? "")} option`)).toMatchObject(
        {
          value: "shop@2.1.0",
        },
      ),
    );
    expect(asked.at(-1)).toContain("query=2.1");
    expect(asked.at(-1)).toContain("project=1");
    expect(requests.some(({ method }) => method === "PUT")).toBe(false);
  });

  it("resolves in a commit by its hash", async () => {
    const { requests } = open(AT, answers({}, known));
    await userEvent.click(await screen.findByRole("button", { name: "More ways to resolve" }));
    await userEvent.click(screen.getByText("In a commit…"));
    await userEvent.type(await screen.findByLabelText("Hash of the commit"), ` ${commit.id} `);
    const dialog = within(screen.getByRole("dialog"));
    await userEvent.click(dialog.getByRole("button", { name: "Resolve" }));
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.body).toEqual({
        status: "resolved",
        statusDetails: { inCommit: { commit: commit.id } },
      }),
    );
  });
});

describe("a link for everyone", () => {
  it("is made, shown, and taken back", async () => {
    let shareId: string | null = null;
    const { requests } = open(
      AT,
      answers(
        {},
        {
          [`GET ${ISSUE}`]: () => ({ body: issueDetail({ isPublic: shareId !== null, shareId }) }),
          "PUT organizations/acme/issues/": () => {
            shareId = shareId === null ? "5".repeat(32) : null;
            return { body: {} };
          },
        },
      ),
    );
    await userEvent.click(await screen.findByRole("button", { name: "More actions" }));
    await userEvent.click(screen.getByText("Share by a link"));
    await userEvent.click(await screen.findByRole("button", { name: "Make a link" }));
    const link = (await screen.findByLabelText("Link")) as HTMLInputElement;
    expect(link.value).toMatch(new RegExp(`/share/issue/${"5".repeat(32)}$`));
    await userEvent.click(screen.getByRole("button", { name: "Take the link back" }));
    expect(await screen.findByRole("button", { name: "Make a link" })).toBeTruthy();
    const sent = requests.filter((each) => each.method === "PUT").map((each) => each.body);
    expect(sent).toEqual([{ isPublic: true }, { isPublic: false }]);
  });

  it("shows the title and the stack to who is not logged in, or says that there is nothing", async () => {
    const shared = {
      shortId: "SHOP-1",
      title: "CartError: cannot add up",
      culprit: "shop.cart in total",
      level: "error",
      platform: "python",
      status: "unresolved",
      isUnhandled: true,
      projectName: "Shop",
      firstSeen: "2026-01-01T00:00:00Z",
      lastSeen: "2026-01-02T00:00:00Z",
      latestEvent: {
        dateCreated: "2026-01-02T00:00:00Z",
        platform: "python",
        entries: [
          {
            type: "exception",
            data: {
              values: [
                {
                  type: "CartError",
                  value: "cannot add up",
                  stacktrace: {
                    frames: [{ filename: "shop/cart.py", function: "total", lineNo: 12, inApp: true }],
                  },
                },
              ],
            },
          },
        ],
      },
    };
    const path = `/share/issue/${"5".repeat(32)}`;
    const { requests } = open(path, {
      [`GET shared/issues/${"5".repeat(32)}/`]: { body: shared },
      "GET auth/": { status: 401, body: { detail: "no" } },
    });
    expect(await screen.findByRole("heading", { name: "CartError: cannot add up" })).toBeTruthy();
    expect(await screen.findByText("shop/cart.py")).toBeTruthy();
    expect(requests.map((each) => each.url.pathname)).toEqual([`/api/0/shared/issues/${"5".repeat(32)}/`]);
  });

  it("that was taken back says that there is nothing", async () => {
    open("/share/issue/0123");
    expect(await screen.findByText("There is nothing here")).toBeTruthy();
  });
});

describe("threads", () => {
  const stack = (file: string) => ({
    frames: [{ filename: file, function: "run", lineNo: 1, inApp: true }],
  });
  const threads = {
    type: "threads",
    data: {
      values: [
        { id: 1, name: "worker", stacktrace: stack("worker.rs") },
        { id: 2, name: "main", crashed: true, stacktrace: stack("main.rs") },
        { id: 3, name: "idle" },
      ],
    },
  };

  it("are listed with the one that crashed first, and chosen by keys", async () => {
    open(AT, answers({ entries: [threads] }));
    const first = await screen.findByRole("radio", { name: "Thread main crashed" });
    expect(screen.getAllByRole("radio", { name: /^Thread/ })[0]).toBe(first);
    expect(screen.getByText("main.rs")).toBeTruthy();
    first.focus();
    await userEvent.keyboard("{ArrowDown}");
    expect(await screen.findByText("worker.rs")).toBeTruthy();
    expect(screen.queryByText("main.rs")).toBeNull();
    await userEvent.click(screen.getByRole("radio", { name: "Thread idle" }));
    expect(screen.getByText("Thread idle came without a stack.")).toBeTruthy();
  });

  it("point to the exception that the crashed one was at", async () => {
    const exception = { type: "exception", data: { values: [{ type: "Boom", value: "x" }] } };
    const values = [
      { id: 2, name: "main", crashed: true },
      { id: 3, name: "idle" },
    ];
    open(AT, answers({ entries: [exception, { type: "threads", data: { values } }] }));
    expect(await screen.findByText("Thread main was at the exception above.")).toBeTruthy();
  });
});

describe("the grouping of an issue", () => {
  const neighbour = {
    issue: "2",
    shortId: "SHOP-2",
    title: "ValueError: amount 9 too small",
    likeness: 0.62,
    shared: 8,
    difference: { path: "exception.stacktrace.frame.function", own: "total", other: "least" },
  };
  const far = { ...neighbour, issue: "3", shortId: "SHOP-3", title: "Far from it", likeness: 0.04 };
  const world = answers(
    { groupingInfo: { app: { hash: "1f", contributes: true } } },
    {
      [`GET projects/acme/shop/events/${FIRST}/grouping-info/`]: {
        body: {
          version: "vedette:2",
          title: "ValueError",
          hashes: ["1f"],
          previousHashes: [],
          decidedBy: "app",
          rule: null,
          contributing: [{ path: "exception.type", value: "ValueError" }],
          variants: [],
          neighbours: [neighbour],
        },
      },
      [`GET ${ISSUE}similar/`]: { body: [neighbour, far] },
      [`GET ${ISSUE}hashes/`]: {
        body: [
          { id: "1f", title: null, latestEvent: event({ title: "ValueError: the one" }) },
          { id: "2e", title: "TypeError: the other", latestEvent: null },
        ],
      },
      [`DELETE ${ISSUE}hashes/`]: { status: 202, body: { source: "1", issues: ["7"] } },
      [`GET ${ISSUE}tags/`]: {
        body: [{ key: "region", name: "region", totalValues: 4, uniqueValues: 2, topValues: [] }],
      },
      "POST vedette/organizations/acme/issues/1/split/": {
        status: 202,
        body: { source: "1", issues: ["7", "8"] },
      },
      "PUT organizations/acme/issues/": { status: 202, body: { id: "4", issues: 1, into: "2" } },
      "DELETE vedette/organizations/acme/deletions/4/": { status: 204 },
      "GET organizations/acme/issues/2/": { body: issueDetail({ id: "2" }) },
    },
  );

  it("says why an event is here and what sets its neighbours apart, and merges them", async () => {
    const { requests, router } = open(`${AT}?tab=grouping`, world);
    expect(await screen.findByText("exception type")).toBeTruthy();
    expect(screen.getByText("frames of the application")).toBeTruthy();
    const why = within(await screen.findByRole("region", { name: "Why the shown event is here" }));
    const joined = (await why.findByText("ValueError: amount 9 too small")).closest("li");
    expect(joined?.textContent).toMatch(/62%.*SHOP-2, apart by/);
    const similar = within(screen.getByRole("region", { name: "Similar issues" }));
    const other = await similar.findByText("ValueError: amount 9 too small");
    const row = within(other.closest("li") as HTMLElement);
    expect(row.getByText("62%")).toBeTruthy();
    expect(row.getByText("least")).toBeTruthy();
    expect(screen.queryByText("Far from it")).toBeNull();
    await userEvent.click(row.getByRole("button", { name: "Merge" }));
    const dialog = within(screen.getByRole("dialog", { name: "Merge SHOP-1 and SHOP-2?" }));
    await userEvent.click(dialog.getByRole("button", { name: "Merge" }));
    await waitFor(() => expect(router.state.location.pathname).toMatch(/issues\/2$/));
    const put = requests.find((each) => each.method === "PUT");
    expect([put?.url.searchParams.getAll("id"), put?.body]).toEqual([["1", "2"], { merge: 1 }]);
    expect(put?.url.searchParams.get("undoSeconds")).toBe("12");
    expect(await screen.findByText("2 issues become one")).toBeTruthy();
    await userEvent.keyboard("z");
    await waitFor(() =>
      expect(requests.find((each) => each.method === "DELETE")?.url.pathname).toMatch(/deletions\/4\/$/),
    );
    expect(screen.queryByText("2 issues become one")).toBeNull();
  });

  it("takes it apart by hashes and puts it together again, and splits it by a tag", async () => {
    const splitAt = "vedette/organizations/acme/issues/1/split/";
    const together = { body: { parent: "1", children: ["7"] } };
    const { requests } = open(`${AT}?tab=grouping`, { ...world, [`DELETE ${splitAt}`]: together });
    const putBack = () =>
      requests
        .filter(({ method, url }) => method === "DELETE" && url.pathname.endsWith(splitAt))
        .map(({ url }) => url.searchParams.getAll("id"));
    const ours = await screen.findByRole("checkbox", { name: "ValueError: the one" });
    const row = ours.closest("div");
    expect(row?.textContent).toMatch(/1fthe shown event's: Frames of the application$/);
    expect(row?.querySelector("a")?.getAttribute("href")).toMatch(/issues\/1\/events\/[0-9a-f]+$/);
    await userEvent.click(screen.getByRole("checkbox", { name: "TypeError: the other" }));
    await userEvent.click(screen.getByRole("button", { name: "Give the chosen ones an issue of their own" }));
    expect(await screen.findByText("SHOP-1 gave events to 1 new issue")).toBeTruthy();
    const apart = requests.find((each) => each.method === "DELETE");
    expect(apart?.url.searchParams.getAll("id")).toEqual(["2e"]);
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    await waitFor(() => expect(putBack()).toEqual([["7"]]));
    await userEvent.selectOptions(screen.getByLabelText("Split by a tag"), "region");
    await userEvent.click(screen.getByRole("button", { name: "Split" }));
    const dialog = within(screen.getByRole("dialog", { name: "Split SHOP-1 by region?" }));
    await userEvent.click(dialog.getByRole("button", { name: "Split" }));
    await waitFor(() =>
      expect(requests.find((each) => each.method === "POST")?.body).toEqual({ tag: "region" }),
    );
    await userEvent.click(await screen.findByRole("button", { name: "Undo" }));
    await waitFor(() => expect(putBack()).toEqual([["7"], ["7", "8"]]));
  });
});
