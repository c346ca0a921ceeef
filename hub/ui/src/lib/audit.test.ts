import { expect, it } from "vitest";
import { changesOf, detailsOf, namesOf, targetText } from "./audit.ts";

it("tells what was changed, and what else belongs to it", () => {
  const data = { changes: { name: ["Shop", "Web"], age: [null, 3], odd: "x" }, count: 2, tag: "os" };
  expect(changesOf(data)).toEqual([
    { field: "name", before: "Shop", after: "Web" },
    { field: "age", before: "nothing", after: "3" },
  ]);
  expect(detailsOf(data)).toEqual([["tag", "os"]]);
  expect(changesOf({})).toEqual([]);
  expect(changesOf({ changes: ["x"] })).toEqual([]);
});

it("names one thing, and counts many", () => {
  expect(targetText("issue", "SHOP-1: x", "7", {})).toBe("SHOP-1: x");
  expect(targetText("issue", "3 issues", "", { count: 3 })).toBe("3 issues");
  expect(targetText("key", "", "7", {})).toBe("7");
  expect(namesOf({ targets: [{ id: "1", name: "SHOP-1: x" }, "odd", null] })).toEqual(["SHOP-1: x"]);
  expect(namesOf({})).toEqual([]);
});
