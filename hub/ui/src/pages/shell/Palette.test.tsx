import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { event, issue, issueDetail, pageHeaders } from "../../test/issues.ts";
import { open } from "../../test/render.tsx";

const AT = "/organizations/acme/issues?project=1&statsPeriod=7d";
const answers = {
  "GET organizations/acme/issues/": { body: [issue()], headers: pageHeaders(null, 1) },
  "GET organizations/acme/shortids/SHOP-1/": { body: { group: issue({ title: "ValueError: too large" }) } },
};

async function palette() {
  await screen.findByRole("checkbox", { name: "Select SHOP-1" });
  await userEvent.keyboard("{Control>}k{/Control}");
  return screen.findByRole("combobox", { name: "Go to or do", hidden: true });
}

const names = () => screen.queryAllByRole("option", { hidden: true }).map((option) => option.textContent);

it("finds an issue by its short id, typed as one speaks it", async () => {
  open(AT, answers);
  await userEvent.type(await palette(), "shop-1");
  await waitFor(() => expect(names()[0]).toBe("SHOP-1 ValueError: too largeIssue"));
  expect(names().at(-1)).toBe("Search issues for shop-1Search");
});

it("offers what the page can do, with its key, and pages and projects", async () => {
  open(AT, answers);
  await screen.findByRole("checkbox", { name: "Select SHOP-1" });
  await userEvent.keyboard("j");
  const field = await palette();
  expect(names()).toContain("Resolve or reopenActione");
  await userEvent.type(field, "settings of");
  expect(names()[0]).toBe("Settings of shopProject");
});

it("offers nothing that there is nothing to do to", async () => {
  open(AT, answers);
  await palette();
  expect(names()[0]).toBe("IssuesPage");
  expect(names()).toContain("Keyboard shortcutsAction?");
  for (const does of ["Resolve or reopenActione", "Select or deselectActionx", "UndoActionz"])
    expect(names()).not.toContain(does);
});

it("finds issues by words, once one pauses", async () => {
  const asked: string[] = [];
  const { router } = open(AT, {
    ...answers,
    "GET organizations/acme/issues/": (url) => {
      if (url.searchParams.get("limit") === "5") asked.push(url.searchParams.get("query") ?? "");
      return { body: [issue({ title: "ValueError: too large" })], headers: pageHeaders(null, 1) };
    },
  });
  await userEvent.type(await palette(), "too lar");
  await waitFor(() =>
    expect(names()).toEqual(["SHOP-1 ValueError: too largeIssue", "Search issues for too larSearch"]),
  );
  expect(asked).toEqual(["too lar"]);
  await userEvent.keyboard("{Enter}");
  await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/issues/1"));
});

it("leads to a page, and the filter goes along", async () => {
  const { router } = open(AT, answers);
  await userEvent.type(await palette(), "projects{Enter}");
  await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/projects"));
  expect(router.state.location.searchStr).toBe("?project=1&statsPeriod=7d");
});

it("finds an event by its id, and pages behind tabs", async () => {
  const id = "ab".repeat(16);
  const { router } = open(AT, {
    ...answers,
    [`GET organizations/acme/eventids/${id}/`]: {
      body: { groupId: "1", eventId: id, event: { title: "ValueError: too large" } },
    },
  });
  const field = await palette();
  await userEvent.type(field, "keys of shop");
  expect(names()[0]).toBe("Keys of shopProject");
  await userEvent.clear(field);
  await userEvent.type(field, id);
  await waitFor(() => expect(names()[0]).toBe("abababab ValueError: too largeEvent"));
  await userEvent.keyboard("{Enter}");
  await waitFor(() =>
    expect(router.state.location.pathname).toBe(`/organizations/acme/issues/1/events/${id}`),
  );
});

it("does what has no key to the selected issues", async () => {
  const { requests } = open(AT, { ...answers, "PUT organizations/acme/issues/": { body: {} } });
  await userEvent.click(await screen.findByRole("checkbox", { name: "Select SHOP-1" }));
  await screen.findByRole("toolbar", { name: "Actions on the selected issues" });
  await userEvent.type(await palette(), "selected to low{Enter}");
  await waitFor(() =>
    expect(requests.find(({ method }) => method === "PUT")?.body).toEqual({ priority: "low" }),
  );
});

it("offers of an issue to share, weigh, discard and resolve it where it will be right", async () => {
  open("/organizations/acme/issues/1", {
    "GET organizations/acme/issues/1/": { body: issueDetail() },
    "GET organizations/acme/issues/1/events/latest/": { body: event() },
  });
  await screen.findByRole("button", { name: "Resolve" });
  await userEvent.keyboard("{Control>}k{/Control}");
  await screen.findByRole("combobox", { name: "Go to or do", hidden: true });
  for (const does of [
    "Set low priority",
    "Subscribe to this issue",
    "Share this issue by a link",
    "Merge with a similar issue",
    "Discard this issue",
    "Resolve in the next release",
    "Resolve in another release…",
    "Archive until…",
  ]) {
    expect(names()).toContain(`${does}Action`);
  }
});
