import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { pageHeaders } from "../../test/issues.ts";
import { COMMIT, DEPLOY, release, releaseProject } from "../../test/releases.ts";
import { type Answers, open } from "../../test/render.tsx";

const AT = "/organizations/acme/releases";
const LIST = "GET organizations/acme/releases/";
const FULL = release({
  dateReleased: "2026-01-01T00:20:00Z",
  firstEvent: "2026-01-01T00:30:00Z",
  lastEvent: "2026-01-02T00:00:00Z",
  newGroups: 3,
  commitCount: 12,
  lastCommit: COMMIT,
  deployCount: 2,
  lastDeploy: DEPLOY,
});
const ONE: Answers = { [LIST]: { body: [FULL] } };

it("tells of each release when it came, what it brought, and where it is", async () => {
  open(AT, ONE);
  const table = await screen.findByRole("table", { name: "Releases" });
  const row = within(table).getAllByRole("row")[1] as HTMLElement;
  for (const part of ["shop@1.2.3", "shop", "released", "12", "last by Ann", "production and 1 before"]) {
    expect(row.textContent).toContain(part);
  }
  const link = within(row).getByRole("link", { name: "shop@1.2.3" });
  expect(link.getAttribute("href")).toBe("/organizations/acme/releases/shop%401.2.3");
});

it("leads to the new issues, under no other filter", async () => {
  const { router } = open(`${AT}?project=1&statsPeriod=24h`, {
    ...ONE,
    "GET organizations/acme/issues/": { body: [], headers: pageHeaders(null, 0) },
  });
  await userEvent.click(await screen.findByRole("link", { name: "3 new issues of shop@1.2.3" }));
  await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/issues"));
  expect(router.state.location.search).toEqual({ query: "firstRelease:shop@1.2.3" });
});

it("asks for what is typed and chosen, and keeps it in the address", async () => {
  const { requests, router } = open(`${AT}?project=1`, ONE);
  await userEvent.type(await screen.findByRole("searchbox", { name: "Search releases" }), "1.2");
  await userEvent.click(screen.getByRole("button", { name: "Archived" }));
  await waitFor(() => {
    const last = requests.filter((each) => each.url.pathname.endsWith("/releases/")).at(-1);
    expect(Object.fromEntries(last?.url.searchParams ?? [])).toMatchObject({
      query: "1.2",
      project: "1",
      status: "archived",
    });
  });
  expect(router.state.location.search).toEqual({ query: "1.2", project: "1", status: "archived" });
});

it("goes on by the cursor", async () => {
  open(AT, {
    [LIST]: (url) =>
      url.searchParams.get("cursor") === "0:50:0"
        ? { body: [release({ version: "shop@1.0.0" })], headers: pageHeaders(null, 2) }
        : { body: [FULL], headers: pageHeaders("0:50:0", 2) },
  });
  await userEvent.click(await screen.findByRole("button", { name: "More releases" }));
  await screen.findByRole("link", { name: "shop@1.0.0" });
  expect(screen.getByRole("link", { name: "shop@1.2.3" })).toBeTruthy();
  expect(screen.queryByRole("button", { name: "More releases" })).toBeNull();
});

it("says how a release comes about while there is none", async () => {
  open(AT, { [LIST]: { body: [] } });
  await screen.findByRole("heading", { name: "No release yet" });
  expect(screen.getByText("sentry-cli releases new shop@1.0.0")).toBeTruthy();
});

it("says what is wrong, and tries again", async () => {
  let isBroken = true;
  open(AT, {
    [LIST]: () => (isBroken ? { status: 500, body: { detail: "the store is away" } } : { body: [FULL] }),
  });
  await screen.findByText("the store is away");
  isBroken = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByRole("link", { name: "shop@1.2.3" });
});

it("tells how the releases do where there are sessions, in an environment", async () => {
  const told = (totalSessions24h: number) =>
    releaseProject({
      ...{ totalSessions: 200, sessionsCrashed: 1, totalUsers: 10, usersCrashed: 1 },
      totalSessions24h,
    });
  const { requests, router } = open(AT, {
    [LIST]: (url) => ({
      body: [release({ projects: [told(url.searchParams.has("environment") ? 40 : 10)] })],
    }),
    "GET organizations/acme/environments/": { body: [{ id: "1", name: "production" }] },
  });
  const row = async () => (await screen.findAllByRole("row"))[1]?.textContent;
  await waitFor(async () => expect(await row()).toContain("99.5 % 90 % of users25 %"));
  const environment = screen.getByRole("combobox", { name: "Environment of the sessions" });
  await within(environment).findByRole("option", { name: "production" });
  await userEvent.selectOptions(environment, "production");
  await waitFor(async () => expect(await row()).toContain("100 %"));
  expect(router.state.location.searchStr).toBe("?environment=production");
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Order" }), "Least crash-free users");
  await waitFor(() =>
    expect(requests.some(({ url }) => url.searchParams.get("sort") === "crash_free_users")).toBe(true),
  );
});

it("asks for the order that is chosen", async () => {
  const { requests, router } = open(AT, ONE);
  const order = await screen.findByRole("combobox", { name: "Order" });
  await userEvent.selectOptions(order, "New issues");
  await waitFor(() =>
    expect(requests.some(({ url }) => url.searchParams.get("sort") === "new_groups")).toBe(true),
  );
  await userEvent.selectOptions(order, "Latest first");
  await waitFor(() => expect(router.state.location.search).toEqual({}));
});
