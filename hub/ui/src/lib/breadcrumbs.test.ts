import { expect, it } from "vitest";
import { inOrder } from "./breadcrumbs.ts";

it("puts breadcrumbs in the order of their times, and leaves those without one where they were", () => {
  const at = (message: string, timestamp?: string) => ({ message, timestamp });
  const crumbs = [
    at("first", "2026-01-01T00:00:01Z"),
    at("last", "2026-01-01T00:00:09Z"),
    at("with last"),
    null,
    at("second", "2026-01-01T00:00:02Z"),
    at("also second", "2026-01-01T00:00:02Z"),
  ];
  expect(inOrder(crumbs).map(({ crumb, index }) => [crumb.message, index])).toEqual([
    ["first", 0],
    ["second", 4],
    ["also second", 5],
    ["last", 1],
    ["with last", 2],
    [undefined, 3],
  ]);
});
