import { expect, it } from "vitest";
import { SHORTCUTS, type ShortcutGroup, shortcutsOf } from "./shortcuts.ts";

const TOGETHER: ShortcutGroup[][] = [
  ["everywhere", "places", "issues"],
  ["everywhere", "places", "issue", "stack"],
  ["everywhere", "places", "items"],
  ["everywhere", "places", "fleet"],
];

it("gives no key two meanings on one page", () => {
  for (const groups of TOGETHER) {
    const keys = groups.flatMap((group) => shortcutsOf(group).map(([, { key }]) => key));
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([]);
    // A key that begins a pair does nothing by itself.
    const firsts = new Set(keys.filter((key) => key.includes(" ")).map((key) => key.split(" ")[0]));
    expect(keys.filter((key) => firsts.has(key))).toEqual([]);
  }
  expect(new Set(TOGETHER.flat()).size).toBe(Object.keys(SHORTCUTS).length);
});
