import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { event } from "../../test/issues.ts";
import { type Answers, open } from "../../test/render.tsx";

const SAVED = {
  version: "vedette:2",
  versions: ["vedette:1", "vedette:2"],
  previous: "vedette:1",
  previousUntil: "2026-03-01T00:00:00Z",
  enhancements: "",
  fingerprints: "",
  splits: [{ hash: "1f2e3d4c5b6a79881f2e3d4c5b6a7988", tag: "region" }],
};
const AT = "vedette/projects/acme/shop/grouping/";
const WORLD: Answers = {
  "GET projects/acme/shop/": { body: { id: "1", slug: "shop", name: "Shop" } },
  "GET projects/acme/shop/events/": { body: [event()] },
  [`GET ${AT}`]: { body: SAVED },
};

it("says where an event would go by the rules while they are written, and where they are wrong", async () => {
  const { requests } = open("/organizations/acme/projects/shop/settings?tab=grouping", {
    ...WORLD,
    [`POST ${AT}try/`]: (_, init) => {
      const { fingerprints } = JSON.parse(String(init?.body)) as { fingerprints: string };
      const info = { title: "ValueError", decidedBy: "app", rule: null, contributing: [] };
      if (fingerprints === "fish:a") {
        return {
          status: 400,
          body: { detail: "line 1: fish is no matcher", field: "fingerprints", span: [0, 4] },
        };
      }
      return {
        body: {
          before: info,
          after: { ...info, rule: fingerprints || null, contributing: [{ path: "", value: "mine" }] },
          differs: fingerprints !== "",
          issue: fingerprints ? null : "1",
        },
      };
    },
    [`PUT ${AT}`]: { body: SAVED },
  });
  const rules = (await screen.findByLabelText("Rules about fingerprints")) as HTMLTextAreaElement;
  expect(await screen.findByText("stays in its issue")).toBeTruthy();
  expect(screen.getByText(/decided by frames of the application/)).toBeTruthy();
  await userEvent.type(rules, "fish:a");
  expect((await screen.findByRole("alert")).textContent).toContain("fish is no matcher");
  await userEvent.click(screen.getByRole("button", { name: "Show the place" }));
  expect([rules.selectionStart, rules.selectionEnd]).toEqual([0, 4]);
  await userEvent.clear(rules);
  await userEvent.type(rules, "type:V* -> mine");
  expect(await screen.findByText(/would begin a new issue/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() =>
    expect(requests.find((each) => each.method === "PUT")?.body).toEqual({
      fingerprints: "type:V* -> mine",
      enhancements: "",
    }),
  );
});

it("changes the way of grouping, and ends the search by the one before", async () => {
  const { requests } = open("/organizations/acme/projects/shop/settings?tab=grouping", {
    ...WORLD,
    [`POST ${AT}try/`]: { status: 404, body: { detail: "no such event here" } },
    [`PUT ${AT}`]: { body: { ...SAVED, previous: null, previousUntil: null } },
  });
  expect(await screen.findByText(/1f2e3d4c/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "End it now" }));
  await waitFor(() =>
    expect(requests.find((each) => each.method === "PUT")?.body).toEqual({ previous: null }),
  );
  await waitFor(() => expect(screen.queryByText(/End it now/)).toBeNull());
  await userEvent.selectOptions(screen.getByLabelText("Version"), "vedette:1");
  await waitFor(() =>
    expect(requests.filter((each) => each.method === "PUT")[1]?.body).toEqual({ version: "vedette:1" }),
  );
});
