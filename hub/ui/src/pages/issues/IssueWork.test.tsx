import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { EventDetail } from "../../api/types.ts";
import { event, issueDetail } from "../../test/issues.ts";
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
