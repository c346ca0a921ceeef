import { describe, expect, it } from "vitest";
import type { Item } from "../api/types.ts";
import { item } from "../test/items.ts";
import { attributeOf, kindName, lineOf, milliseconds, traceOf } from "./items.ts";

const line = (kind: string, facts: Item["facts"], more: Partial<Item> = {}) =>
  lineOf(item({ kind, facts, name: "named", ...more }));

describe("the line of an item", () => {
  it.each([
    ["log", { level: "warn", body: "slow query" }, { level: "warning", text: "slow query" }],
    [
      "span",
      { op: "db.query", duration_ms: 12.5, status: "ok" },
      { mark: "db.query", isBad: false, text: "named", figure: "12.5 ms" },
    ],
    [
      "trace_metric",
      { type: "counter", value: 1200, unit: "byte" },
      { mark: "counter", text: "named", figure: "1,200 byte" },
    ],
    [
      "transaction",
      { status: "internal_error", duration_ms: 1250 },
      { mark: "internal_error", isBad: true, text: "named", figure: "1.25 s" },
    ],
    [
      "check_in",
      { status: "missed", duration: 2 },
      { mark: "missed", isBad: true, text: "named", figure: "2.00 s" },
    ],
    ["sessions", { release: "shop@1", exited: 7, crashed: 2 }, { text: "shop@1", figure: "9, 2 crashed" }],
    ["user_report", { comments: "It broke" }, { mark: "named", text: "It broke" }],
    ["something_new", {}, { text: "named", figure: "2 KiB" }],
  ])("of a %s says what matters", (kind, facts, expected) => {
    expect(line(kind, facts)).toMatchObject(expected);
  });

  it("of what an old relay sent together says how many there are", () => {
    expect(line("log", { count: 12 }).text).toBe("12 entries: named, …");
  });

  it("holds whatever types the facts are of", () => {
    for (const kind of [
      "log",
      "span",
      "trace_metric",
      "transaction",
      "check_in",
      "session",
      "replay_event",
    ]) {
      const facts = {
        level: 3,
        body: null,
        status: [],
        duration: "x",
        duration_ms: {},
        urls: "a",
        value: "7",
      };
      expect(line(kind, facts as unknown as Item["facts"]).text).toBeTruthy();
    }
  });
});

it("names kinds in people's words, and unknown ones by their own", () => {
  expect([kindName("trace_metric"), kindName("vendor_thing")]).toEqual(["Metrics", "vendor_thing"]);
});

it("reads times, traces and attributes", () => {
  expect([0.42, 7, 65_000].map(milliseconds)).toEqual(["0.42 ms", "7 ms", "1 min 5 s"]);
  expect(traceOf({ facts: { trace_id: "d1901c4e6b5d6d4cb962dc071d7b7f9e" } })).toBe(
    "d1901c4e6b5d6d4cb962dc071d7b7f9e",
  );
  expect(traceOf({ facts: { trace_id: "nonsense" } })).toBeNull();
  expect(attributeOf({ value: 7, type: "integer", unit: "ms" })).toEqual({ value: 7, about: "integer, ms" });
  expect(attributeOf("plain")).toEqual({ value: "plain", about: "" });
});
