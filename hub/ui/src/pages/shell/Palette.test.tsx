import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { issue, pageHeaders } from "../../test/issues.ts";
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
  const field = await palette();
  expect(names()).toContain("Resolve, or reopenActione");
  await userEvent.type(field, "settings of");
  expect(names()[0]).toBe("Settings of shopProject");
});

it("leads to a page, and the filter goes along", async () => {
  const { router } = open(AT, answers);
  await userEvent.type(await palette(), "projects{Enter}");
  await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/projects"));
  expect(router.state.location.searchStr).toBe("?project=1&statsPeriod=7d");
});
