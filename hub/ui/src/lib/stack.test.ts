import { describe, expect, it } from "vitest";
import type { ExceptionValue, Frame } from "./event-shape.ts";
import { asText, chain, location, openFrame, rows } from "./stack.ts";

const frame = (name: string, inApp: boolean, lineNo = 1): Frame => ({
  filename: `${name}.py`,
  function: name,
  lineNo,
  inApp,
});

describe("rows of a trace", () => {
  const trace = {
    frames: [
      frame("main", true),
      frame("lib_a", false),
      frame("lib_b", false),
      frame("mine", true),
      frame("raise_it", false),
    ],
  };

  it("put the crash first", () => {
    expect(rows(trace, false).map((row) => (row.kind === "frame" ? row.frame.function : ""))).toEqual([
      "raise_it",
      "mine",
      "lib_b",
      "lib_a",
      "main",
    ]);
  });

  it("fold runs of system frames, but never the crash", () => {
    expect(rows(trace, true).map((row) => (row.kind === "frame" ? row.frame.function : row.count))).toEqual([
      "raise_it",
      "mine",
      2,
      "main",
    ]);
  });

  it("stay whole when nothing belongs to the application", () => {
    const foreign = { frames: [frame("a", false), frame("b", false)] };
    expect(rows(foreign, true)).toHaveLength(2);
  });

  it("count recursion instead of repeating it", () => {
    const deep = {
      frames: [frame("main", true), ...Array.from({ length: 50 }, () => frame("again", true, 7))],
    };
    expect(rows(deep, false).map((row) => (row.kind === "frame" ? row.repeats : 0))).toEqual([50, 1]);
  });

  it("survive frames that are not there", () => {
    expect(rows({ frames: [null, frame("a", true)] }, false)).toHaveLength(2);
    expect(rows({ frames: null }, true)).toEqual([]);
    expect(rows({}, true)).toEqual([]);
  });

  it("open the application's frame nearest the crash", () => {
    expect(openFrame(trace)).toBe(3);
    expect(openFrame({ frames: [frame("a", false), frame("b", false)] })).toBe(1);
    expect(openFrame({})).toBe(-1);
  });
});

describe("chained exceptions", () => {
  const values: ExceptionValue[] = [
    { type: "KeyError", value: "'id'" },
    { type: "LookupFailed", value: "no user", mechanism: { source: "__cause__" } },
    { type: "RuntimeError", value: "boom" },
  ];

  it("are read from the last one raised to its causes, with a sentence between", () => {
    expect(chain(values).map((link) => [link.exception.type, link.sentence])).toEqual([
      ["RuntimeError", null],
      ["LookupFailed", "LookupFailed was the direct cause of RuntimeError"],
      ["KeyError", "KeyError was the direct cause of LookupFailed"],
    ]);
  });

  it("tell a context from a cause", () => {
    const [, second] = chain([{ type: "A", mechanism: { source: "__context__" } }, { type: "B" }]);
    expect(second?.sentence).toBe("While A was being handled, B was raised");
  });

  it("name the members of a group by their parent", () => {
    const group: ExceptionValue[] = [
      { type: "Two", mechanism: { exception_id: 2, parent_id: 0, source: "exceptions[1]" } },
      { type: "One", mechanism: { exception_id: 1, parent_id: 0, source: "exceptions[0]" } },
      { type: "Group", mechanism: { exception_id: 0, is_exception_group: true } },
    ];
    expect(chain(group).map((link) => link.sentence)).toEqual([
      null,
      "Group is a group, and One is one of its members",
      "Group is a group, and Two is one of its members",
    ]);
  });

  it("become text in the same order", () => {
    const text = asText([
      { type: "A", value: "first" },
      {
        type: "B",
        value: "second",
        stacktrace: { frames: [frame("main", true), { ...frame("go", true, 3), context: [[3, "  go()"]] }] },
      },
    ]);
    expect(text).toBe(
      "B: second\n    at go (go.py:3)\n        go()\n    at main (main.py:1)\n\nA was the direct cause of B:\n\nA: first",
    );
  });
});

it("says where a frame is with what it has", () => {
  expect(location({ filename: "a.js", lineNo: 3, colNo: 9 })).toBe("a.js:3:9");
  expect(location({ module: "shop.cart" })).toBe("shop.cart");
  expect(location({})).toBe("<unknown file>");
});
