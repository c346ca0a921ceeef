import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { pageHeaders } from "../test/issues.ts";
import { open } from "../test/render.tsx";

it.each([
  ["issues", "GET organizations/acme/issues/"],
  ["feedback", "GET organizations/acme/vedette/feedback/"],
  ["releases", "GET organizations/acme/releases/"],
  ["projects", "GET organizations/acme/projects/"],
  ["alerts", "GET organizations/acme/projects/"],
])("an organization without any project begins with one: %s", async (page, list) => {
  open(`/organizations/acme/${page}`, {
    [list]: { body: [], headers: pageHeaders(null, 0) },
    "GET organizations/acme/projects/": { body: [] },
  });
  expect(await screen.findByRole("heading", { name: "Start with a project" })).toBeTruthy();
  const links = screen.getAllByRole("link", { name: "New project" });
  expect(links.at(-1)?.getAttribute("href")).toBe("/organizations/acme/projects/new");
});
