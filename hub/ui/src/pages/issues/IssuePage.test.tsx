import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { EventDetail } from "../../api/types.ts";
import { describe as describeCrumb } from "../../lib/breadcrumbs.ts";
import { event, issueDetail } from "../../test/issues.ts";
import { type Answers, open } from "../../test/render.tsx";
import { variantsOf } from "./Grouping.tsx";
import { statusDetail } from "./issue-text.ts";

const AT = "/organizations/acme/issues/1";
const ISSUE = "organizations/acme/issues/1/";

function answers(shown: EventDetail, more: Answers = {}): Answers {
  return {
    [`GET ${ISSUE}`]: { body: issueDetail() },
    [`GET ${ISSUE}events/latest/`]: { body: shown },
    [`GET ${ISSUE}tags/`]: {
      body: [
        {
          key: "browser",
          name: "browser",
          totalValues: 4,
          topValues: [
            { value: "Firefox", name: "Firefox", count: 3 },
            { value: "Chrome", name: "Chrome", count: 1 },
          ],
        },
      ],
    },
    ...more,
  };
}

const chained = event({
  previousEventID: "b".repeat(32),
  entries: [
    {
      type: "exception",
      data: {
        values: [
          {
            type: "KeyError",
            value: "'price'",
            stacktrace: { frames: [{ filename: "db.py", function: "load", lineNo: 3, inApp: false }] },
          },
          {
            type: "CartError",
            value: "cannot add up <b>this</b>",
            mechanism: { type: "excepthook", handled: false, source: null },
            stacktrace: {
              frames: [
                { filename: "flask/app.py", function: "wsgi_app", lineNo: 1, inApp: false },
                {
                  filename: "shop/cart.py",
                  function: "total",
                  lineNo: 12,
                  inApp: true,
                  context: [
                    [11, "def total(items):"],
                    [12, "    return sum(item.price for item in items)"],
                  ],
                  vars: { token: "[Filtered]", items: [{ sku: "A-1" }] },
                },
              ],
            },
          },
        ],
      },
    },
    {
      type: "breadcrumbs",
      data: {
        values: [
          {
            type: "http",
            category: "httplib",
            level: "info",
            timestamp: "2026-01-02T00:00:08.750Z",
            data: { method: "GET", url: "/x", status_code: 500 },
          },
        ],
      },
    },
    {
      type: "request",
      data: { method: "POST", url: "https://shop.example/pay", headers: [["Accept", "*/*"]] },
    },
  ],
  // In the shape of what was sent, not of the API's entries.
  _meta: {
    exception: {
      values: {
        1: {
          stacktrace: { frames: { 1: { vars: { token: { "": { rem: [["@password:filter", "s"]] } } } } } },
        },
      },
    },
    user: { ip_address: { "": { rem: [["@ip", "x"]] } } },
  },
  user: { id: "7", ip_address: null },
});

describe("the issue page", () => {
  it("opens the application's frame and says how one exception led to the other", async () => {
    open(AT, answers(chained));
    expect(await screen.findByText(/return/)).toBeTruthy();
    const text = document.body.textContent ?? "";
    expect(text.indexOf("CartError")).toBeLessThan(
      text.indexOf("KeyError was the direct cause of CartError"),
    );
    expect(screen.getByText("cannot add up <b>this</b>")).toBeTruthy();
    expect(screen.getByText("unhandled")).toBeTruthy();
    expect(screen.getByText("1 system frame")).toBeTruthy();
    expect(screen.getByRole("table", { name: "Local variables" }).textContent).toContain("sku");
  });

  it("leads from the address of an issue that was merged to that of the one it became", async () => {
    const old = answers(chained, { "GET organizations/acme/issues/SHOP-7/": { body: issueDetail() } });
    const { router, requests } = open("/organizations/acme/issues/SHOP-7?tab=tags&query=level%3Aerror", old);
    await waitFor(() => expect(router.state.location.pathname).toBe(AT));
    expect(router.state.location.search).toMatchObject({ tab: "tags", query: "level:error" });
    expect(router.history.length).toBe(1);
    expect((await screen.findAllByText("Firefox")).length).toBeGreaterThan(0);
    expect(requests.filter(({ url }) => url.pathname.endsWith("/issues/1/"))).toHaveLength(0);
  });

  it("says how many events of a storm are counted and not kept", async () => {
    const issue = { ...issueDetail(), count: "1000000", foldedCount: 999_188 };
    open(AT, answers(chained, { [`GET ${ISSUE}`]: { body: issue } }));
    expect(await screen.findByText("999,188 of them counted, not kept")).toBeTruthy();
  });

  it("sets the time that pages share to what is drawn in the chart", async () => {
    const stats = {
      "24h": [0, 3600, 7200].map((at) => [1_767_225_600 + at, 1] as [number, number]),
      "30d": [],
    };
    const shown = answers(chained, { [`GET ${ISSUE}`]: { body: issueDetail({ stats }) } });
    const { router, requests } = open(`${AT}?query=level%3Aerror&statsPeriod=14d`, shown);
    const chart = await screen.findByRole("img", { name: /^Events in the last 24 hours/ });
    fireEvent.keyDown(chart, { key: "ArrowRight" });
    fireEvent.keyDown(chart, { key: "ArrowRight", shiftKey: true });
    fireEvent.keyDown(chart, { key: "Enter" });
    const range = { start: "2026-01-01T00:00:00.000Z", end: "2026-01-01T02:00:00.000Z" };
    await waitFor(() => expect(router.state.location.search).toEqual({ query: "level:error", ...range }));
    await waitFor(() =>
      expect(requests.some(({ url }) => url.searchParams.get("start") === range.start)).toBe(true),
    );
    await userEvent.click(screen.getByRole("button", { name: "Show all events" }));
    await waitFor(() => expect(router.state.location.search).toEqual({}));
  });

  it("marks what was removed and names the rule", async () => {
    open(AT, answers(chained));
    expect(await screen.findByRole("img", { name: "Replaced by the rule @password:filter" })).toBeTruthy();
    expect(await screen.findByRole("img", { name: "Removed by the rule @ip" })).toBeTruthy();
  });

  it("shows all frames on demand, and the trace as text", async () => {
    open(AT, answers(chained));
    await screen.findByText("1 system frame");
    await userEvent.click(screen.getByRole("button", { name: "All frames" }));
    expect(screen.getByText("wsgi_app")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Text" }));
    expect(document.body.textContent).toContain("at total (shop/cart.py:12)");
  });

  it("tells breadcrumbs in words and by their distance to the crash", async () => {
    open(AT, answers(chained));
    expect(await screen.findByText("GET /x → 500")).toBeTruthy();
    expect(screen.getByText("−1.25 s")).toBeTruthy();
  });

  it("steps to the older event by button and by key, under the filter", async () => {
    const { router } = open(`${AT}?query=browser:Firefox`, answers(chained));
    await screen.findByText("1 system frame");
    fireEvent.keyDown(document.body, { key: "[" });
    await waitFor(() => expect(router.state.location.pathname).toBe(`${AT}/events/${"b".repeat(32)}`));
    expect(router.state.location.search).toMatchObject({ query: "browser:Firefox" });
  });

  it("filters by a tag's bar", async () => {
    const { router, requests } = open(AT, answers(chained));
    const bars = await screen.findByRole("region", { name: "Tag browser" });
    expect(bars.textContent).toContain("75%");
    await userEvent.click(within(bars).getByRole("button", { name: /Firefox/ }));
    await waitFor(() => expect(router.state.location.search).toMatchObject({ query: "browser:Firefox" }));
    await waitFor(() =>
      expect(requests.some((each) => each.url.searchParams.get("query") === "browser:Firefox")).toBe(true),
    );
  });

  it("resolves from the keyboard and offers to undo it", async () => {
    const { requests } = open(AT, answers(chained, { "PUT organizations/acme/issues/": { body: {} } }));
    await screen.findByText("1 system frame");
    fireEvent.keyDown(document.body, { key: "e" });
    expect(await screen.findByText("SHOP-1 resolved")).toBeTruthy();
    expect(requests.find((each) => each.method === "PUT")?.body).toMatchObject({ status: "resolved" });
  });

  it("leads on to all issues of the user and to the whole trace, and says what a size means", async () => {
    const trace_id = "ab".repeat(16);
    const contexts = { trace: { trace_id }, device: { memory_size: 17_179_869_184 } };
    const user = { id: 'a "b', email: "ann@example.org" } as EventDetail["user"];
    open(AT, answers(event({ user, contexts })));
    const link = await screen.findByRole("link", { name: "All issues of this user" });
    const search = (element: HTMLElement) =>
      new URL(element.getAttribute("href") ?? "", "http://x").searchParams;
    expect(search(link).get("query")).toBe('user.id:"a \\"b"');
    expect(search(screen.getByRole("link", { name: "All of this trace" })).get("trace")).toBe(trace_id);
    expect(screen.getByText("16 GiB")).toBeTruthy();
  });

  it("notes that one has seen the issue, once, and tells who has", async () => {
    const seen = { id: "1", name: "Anna Sol", email: "anna@example.org", username: "anna" };
    let body = issueDetail({ hasSeen: false });
    const { requests } = open(AT, {
      ...answers(event()),
      [`GET ${ISSUE}`]: () => ({ body }),
      "PUT organizations/acme/issues/": () => {
        body = issueDetail({ hasSeen: true, seenBy: [seen] as typeof body.seenBy });
        return { body: {} };
      },
    });
    const notes = () => requests.filter(({ method }) => method === "PUT");
    await waitFor(() => expect(notes().map((each) => each.body)).toEqual([{ hasSeen: true }]));
    expect(notes()[0]?.url.searchParams.getAll("id")).toEqual(["1"]);
    expect(await screen.findByText("Seen by Anna Sol")).toBeTruthy();
    expect(notes()).toHaveLength(1);
  });

  it("shows a message event, problems and user without a trace", async () => {
    open(
      AT,
      answers(
        event({
          entries: [{ type: "message", data: { formatted: "disk is full" } }],
          errors: [{ type: "invalid_data", message: "Discarded invalid value", data: {} }],
          user: { id: "7", email: "[Filtered]" },
        }),
      ),
    );
    expect(await screen.findByText("disk is full")).toBeTruthy();
    expect(screen.getByText("One part of this event had to be put right or left out")).toBeTruthy();
    expect(screen.getByRole("table", { name: "User" }).textContent).toContain("[Filtered]");
    expect(screen.getByRole("img", { name: /private data/ })).toBeTruthy();
  });

  it("survives an event that holds nothing it expects", async () => {
    open(
      AT,
      answers(
        event({
          entries: [
            { type: "exception", data: { values: [null, { stacktrace: { frames: null } }] } },
            { type: "threads", data: null },
            { type: "request", data: {} },
            { type: "breadcrumbs", data: { values: [null] } },
          ],
          contexts: { odd: "text" as never, none: null as never },
        }),
      ),
    );
    expect(await screen.findByText("This exception came without a stack trace.")).toBeTruthy();
  });

  it("leads on when the issue is not there", async () => {
    open(AT, {
      [`GET ${ISSUE}`]: { status: 404, body: { detail: "The requested resource does not exist" } },
    });
    expect(await screen.findByRole("heading", { name: "There is no such issue" })).toBeTruthy();
    const link = screen.getByRole("link", { name: "To the issues" });
    expect(link.getAttribute("href")).toBe("/organizations/acme/issues");
  });
});

describe("breadcrumbs that speak through their data", () => {
  it.each([
    [{ category: "fetch", data: { method: "POST", url: "/a", status_code: 201 } }, "POST /a → 201"],
    [{ type: "navigation", data: { from: "/a", to: "/b" } }, "/a → /b"],
    [{ category: "console", message: "hello", data: { url: "/x" } }, "hello"],
    [{ type: "query", data: { description: "SELECT 1" } }, "SELECT 1"],
    [{}, ""],
  ])("%j", (crumb, headline) => {
    expect(describeCrumb(crumb).headline).toBe(headline);
  });

  it("keep what the sentence leaves out", () => {
    expect(describeCrumb({ type: "http", data: { url: "/a", reason: "late" } }).rest).toEqual({
      reason: "late",
    });
    expect(describeCrumb({ type: "http", data: { url: "/a" } }).rest).toBeNull();
  });
});

it("reads the explanation of a grouping as a map or as a list", () => {
  const asMap = variantsOf({ system: { hash: null }, app: { hash: "ab", description: "in-app" } });
  expect(asMap.map((variant) => variant.key)).toEqual(["app", "system"]);
  expect(variantsOf([{ name: "app", hash: "ab" }])).toMatchObject([{ key: "app", hash: "ab" }]);
  expect(variantsOf(undefined)).toEqual([]);
  expect(variantsOf("odd")).toEqual([]);
});

it("says how an issue was resolved or until when it is archived", () => {
  const say = (
    status: "resolved" | "ignored" | "unresolved",
    statusDetails: Record<string, never> | object,
    substatus = "",
  ) => statusDetail({ status, substatus, statusDetails: statusDetails as never });
  expect(say("resolved", { inNextRelease: true })).toBe("Resolved in the next release");
  expect(say("resolved", { inUpcomingRelease: true })).toBe("Resolved in the upcoming release");
  expect(say("resolved", { inRelease: "1.2" })).toBe("Resolved in 1.2");
  expect(say("ignored", { ignoreCount: 100 })).toBe("Archived until 100 more events");
  expect(say("ignored", { ignoreUserCount: 1 })).toBe("Archived until 1 more user is affected");
  expect(say("unresolved", {}, "regressed")).toBe("Unresolved, regressed");
});
