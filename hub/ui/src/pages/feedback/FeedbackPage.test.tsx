import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { event, issueDetail } from "../../test/issues.ts";
import { feedback } from "../../test/items.ts";
import { open, type Reply } from "../../test/render.tsx";

const AT = "/organizations/acme/feedback";
const LIST = "GET organizations/acme/vedette/feedback/";

describe("feedback", () => {
  it("is shown with who wrote it, its issue and its event", async () => {
    const { requests } = open(`${AT}?project=1&statsPeriod=7d`, { [LIST]: { body: [feedback()] } });
    expect(await screen.findByText("It broke")).toBeTruthy();
    expect(screen.getByText("Jane")).toBeTruthy();
    expect(screen.getByText("jane@example.org")).toBeTruthy();
    const issue = screen.getByRole("link", { name: /^SHOP-1/ });
    expect(issue.getAttribute("href")).toContain("/organizations/acme/issues/1");
    expect(screen.getByRole("link", { name: "Event aaaaaaaa" })).toBeTruthy();
    const asked = requests.find(({ url }) => url.pathname.endsWith("/feedback/"))?.url.searchParams;
    expect([asked?.get("project"), asked?.get("statsPeriod")]).toEqual(["1", "7d"]);
  });

  it("that is long is whole behind a click", async () => {
    const long = `${"word ".repeat(80)}end`;
    open(AT, { [LIST]: { body: [feedback({ comments: long })] } });
    await userEvent.click(await screen.findByRole("button", { name: "All of it" }));
    expect(await screen.findByRole("heading", { name: "What Jane wrote" })).toBeTruthy();
    expect(screen.getAllByText(long.trim(), { exact: false }).length).toBe(2);
  });

  it("is awaited, missed, and asked for again", async () => {
    let isAway = true;
    open(AT, {
      [LIST]: () => (isAway ? { status: 503, body: { detail: "Not now" } } : { body: [] }),
    });
    expect(await screen.findByText("Not now")).toBeTruthy();
    isAway = false;
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("heading", { name: "No feedback yet" })).toBeTruthy();
  });

  it("shows grey rows while it waits", async () => {
    open(AT, { [LIST]: () => new Promise<Reply>(() => {}) });
    expect(await screen.findByRole("status", { name: "Loading feedback" })).toBeTruthy();
  });

  it("of an issue is a part of its page, and stands at its event", async () => {
    const report = {
      id: "1",
      name: "Jane",
      email: "",
      comments: "It broke",
      dateCreated: "2026-01-02T00:00:00Z",
    };
    const { requests } = open("/organizations/acme/issues/1", {
      "GET organizations/acme/issues/1/": { body: issueDetail({ userReportCount: 2 }) },
      "GET organizations/acme/issues/1/events/latest/": {
        body: event({ userReport: { ...report, eventID: "a".repeat(32), event: { id: "", eventID: "" } } }),
      },
      "GET organizations/acme/issues/1/tags/": { body: [] },
      [LIST]: { body: [feedback({ comments: "It broke again" })] },
    });
    expect(await screen.findByRole("heading", { name: "What Jane wrote" })).toBeTruthy();
    await userEvent.click(screen.getByRole("tab", { name: "Feedback (2)" }));
    expect(await screen.findByText("It broke again")).toBeTruthy();
    const asked = requests.find(({ url }) => url.pathname.endsWith("/feedback/"))?.url.searchParams;
    expect(asked?.get("issue")).toBe("1");
  });
});

it("an event's id alone leads to its issue", async () => {
  const id = "a".repeat(32);
  const { router } = open(`/organizations/acme/events/${id}`, {
    [`GET organizations/acme/eventids/${id}/`]: { body: { groupId: "7", eventId: id, event: event() } },
  });
  await waitFor(() =>
    expect(router.state.location.pathname).toBe(`/organizations/acme/issues/7/events/${id}`),
  );
});

it("an event's id that leads nowhere says so", async () => {
  open("/organizations/acme/events/nonsense");
  expect(await screen.findByRole("heading", { name: "There is no such event" })).toBeTruthy();
});
