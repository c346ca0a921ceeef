import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import type { ReleaseOfList } from "../../api/types.ts";
import { issue, pageHeaders } from "../../test/issues.ts";
import { COMMIT, DEPLOY, release } from "../../test/releases.ts";
import { type Answers, open } from "../../test/render.tsx";

const AT = "/organizations/acme/releases/shop%401.2.3";
const API = "organizations/acme/releases/shop%401.2.3/";

function answers(part: Partial<ReleaseOfList> = {}, access = ["project:releases"]): Answers {
  let now = release(part);
  return {
    "GET organizations/": { body: [{ id: "1", slug: "acme", name: "Acme", access }] },
    [`GET ${API}`]: () => ({ body: now }),
    [`PUT ${API}`]: (_url, init) => {
      now = { ...now, ...(JSON.parse(String(init?.body)) as Partial<ReleaseOfList>) };
      return { body: now };
    },
    [`DELETE ${API}`]: { status: 204 },
    [`GET ${API}commits/`]: { body: [COMMIT] },
    [`GET ${API}commitfiles/`]: { body: [{ filename: "shop/cart.py", type: "M", commit: COMMIT.id }] },
    [`GET ${API}deploys/`]: { body: [DEPLOY] },
    [`GET ${API}previous-with-commits/`]: { body: release({ version: "shop@1.2.2" }) },
    "GET organizations/acme/issues/": { body: [issue()], headers: pageHeaders(null, 1) },
    "GET organizations/acme/releases/": { body: [] },
  };
}

it("shows what a release brought, what it is made of, and where it was deployed", async () => {
  const { requests } = open(AT, answers({ newGroups: 1, commitCount: 1, deployCount: 1 }));
  const issues = await screen.findByRole("table", { name: "New issues" });
  expect(issues.textContent).toContain("SHOP-1");
  const asked = requests.find((each) => each.url.pathname.endsWith("/issues/"));
  expect(asked?.url.searchParams.get("query")).toBe("firstRelease:shop@1.2.3");

  const commits = await screen.findByRole("table", { name: "Commits" });
  for (const part of ["Round amounts", "Ann", "7fd1a60b"]) expect(commits.textContent).toContain(part);
  expect(commits.textContent).not.toContain("As banks do");
  expect((await screen.findByRole("table", { name: "Deploys" })).textContent).toContain("production");
  const previous = await screen.findByRole("link", { name: "1.2.2" });
  expect(previous.getAttribute("href")).toBe("/organizations/acme/releases/shop%401.2.2");
  expect(screen.getByRole("link", { name: "All issues seen in it" }).getAttribute("href")).toContain(
    "query=release:shop@1.2.3",
  );
});

it("asks for the files only when they are wanted", async () => {
  const { requests } = open(AT, answers({ commitCount: 1 }));
  const files = await screen.findByRole("region", { name: "Files they touched" });
  const isAsked = () => requests.some((each) => each.url.pathname.endsWith("/commitfiles/"));
  expect(isAsked()).toBe(false);
  await userEvent.click(within(files).getByRole("button", { name: "Show" }));
  expect((await screen.findByRole("table", { name: "Files" })).textContent).toContain("shop/cart.py");
});

it("is finalised, and archived with a way back", async () => {
  const { requests } = open(AT, answers());
  await userEvent.click(await screen.findByRole("button", { name: "Finalise" }));
  await waitFor(() => expect(screen.queryByRole("button", { name: "Finalise" })).toBeNull());
  await userEvent.click(screen.getByRole("button", { name: "Archive" }));
  await screen.findByRole("button", { name: "Restore" });
  await userEvent.click(screen.getByRole("button", { name: "Undo" }));
  await screen.findByRole("button", { name: "Archive" });
  const told = requests.filter((each) => each.method === "PUT").map((each) => each.body);
  expect(told).toEqual([{ dateReleased: expect.any(String) }, { status: "archived" }, { status: "open" }]);
});

it("is deleted after a question, and only while no event names it", async () => {
  const { requests, router } = open(AT, answers());
  await userEvent.click(await screen.findByRole("button", { name: "Delete" }));
  expect(requests.some((each) => each.method === "DELETE")).toBe(false);
  const dialog = screen.getByRole("dialog", { hidden: true });
  await userEvent.click(within(dialog).getByRole("button", { name: "Delete", hidden: true }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/releases"));
  expect(requests.some((each) => each.method === "DELETE")).toBe(true);
});

it("cannot be deleted once events name it", async () => {
  open(AT, answers({ firstEvent: "2026-01-01T00:00:00Z" }));
  await screen.findByRole("button", { name: "Archive" });
  expect(screen.queryByRole("button", { name: "Delete" })).toBeNull();
});

it("offers nothing to those who may only read", async () => {
  open(AT, answers({}, ["project:read"]));
  await screen.findByRole("heading", { name: "shop@1.2.3" });
  expect(screen.queryByRole("button", { name: "Archive" })).toBeNull();
});

it("makes no link of an address that leads to no page", async () => {
  open(AT, answers({ url: "javascript:alert(1)" }));
  await screen.findByText("javascript:alert(1)");
  expect(screen.queryByRole("link", { name: "javascript:alert(1)" })).toBeNull();
});

it("says so where the hub keeps no release that events name", async () => {
  open("/organizations/acme/releases/shop%409", {
    "GET organizations/acme/releases/shop%409/": { status: 404, body: { detail: "there is no such thing" } },
  });
  expect(await screen.findByRole("heading", { name: "The hub keeps no release of this name" })).toBeTruthy();
  const link = screen.getByRole("link", { name: "Issues with events of it" });
  expect(link.getAttribute("href")).toContain("release:shop@9");
});
