import { describe, expect, it } from "vitest";
import { align, compare } from "./compare.ts";

describe("two documents", () => {
  it("are compared value by value, whatever lies between", () => {
    const rows = compare(
      { os: { name: "Linux", version: "6" }, n: 1 },
      { os: { name: "Linux" }, n: 2, x: [true] },
    );
    expect(rows.map(({ path, left, right, same }) => [path, left, right, same])).toEqual([
      ["os.name", "Linux", "Linux", true],
      ["os.version", "6", undefined, false],
      ["n", "1", "2", false],
      ["x.0", undefined, "true", false],
    ]);
  });

  it("take nothing for something: an empty list is none, and null is not there", () => {
    expect(compare({ a: [], b: null }, { a: {} })).toEqual([
      { path: "a", left: "[]", right: "{}", same: false },
    ]);
    expect(compare(undefined, undefined)).toEqual([]);
  });
});

describe("two traces", () => {
  const check = (left: string, right: string) =>
    align([...left], [...right])
      .map((line) => `${line.left ?? "-"}${line.right ?? "-"}`)
      .join(" ");

  it("stand beside each other where they agree", () => {
    expect(check("abcd", "abxd")).toBe("aa bb c- -x dd");
    expect(check("", "ab")).toBe("-a -b");
    expect(check("ab", "")).toBe("a- b-");
    expect(check("abc", "abc")).toBe("aa bb cc");
  });

  it("are read to a limit", () => {
    const long = Array.from({ length: 5000 }, (_, i) => String(i));
    expect(align(long, long)).toHaveLength(400);
  });
});
