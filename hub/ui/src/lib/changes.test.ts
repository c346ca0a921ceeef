import { expect, test } from "vitest";
import { changes } from "./changes.ts";

test("leaves that differ are named by their path", () => {
  const before = { message: "a", user: { id: 1, ip: "10.0.0.1" }, list: [1, { deep: "x" }], _meta: 1 };
  const after = { message: "a", user: { id: 1, ip: null }, list: [1, { deep: "y" }], extra: true, _meta: 2 };
  expect(changes(before, after, ["_meta"])).toEqual([
    { path: "user.ip", before: "10.0.0.1", after: null },
    { path: "list.1.deep", before: "x", after: "y" },
    { path: "extra", before: undefined, after: true },
  ]);
});

test("trees of another kind are one change, and the list is bounded", () => {
  expect(changes({ a: [1] }, { a: { 0: 1 } })).toHaveLength(1);
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`k${n}`, n]));
  expect(changes(many, {}, [], 20)).toHaveLength(20);
});
