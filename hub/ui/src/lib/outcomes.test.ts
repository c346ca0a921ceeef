import { expect, test } from "vitest";
import { type Group, intervalFor, layers, rows, spiked } from "./outcomes.ts";

const group = (outcome: string, reason: string, values: number[]): Group => ({
  by: { outcome, reason },
  totals: { "sum(quantity)": values.reduce((a, b) => a + b, 0) },
  series: { "sum(quantity)": values },
});

const GROUPS = [
  group("filtered", "web-crawlers", [1, 2]),
  group("accepted", "none", [5, 0]),
  group("filtered", "localhost", [0, 4]),
  group("client_discard", "before_send", [9, 0]),
  group("rate_limited", "spike_protection", [0, 3]),
];

test("outcomes are stacked in one order, each summed over its groups", () => {
  expect(layers(GROUPS)).toEqual([
    { outcome: "accepted", values: [5, 0], total: 5 },
    { outcome: "filtered", values: [1, 6], total: 7 },
    { outcome: "rate_limited", values: [0, 3], total: 3 },
    { outcome: "client_discard", values: [9, 0], total: 9 },
  ]);
  expect(layers([])).toEqual([]);
});

test("rows are the largest first, and what SDKs dropped was never received", () => {
  const table = rows(GROUPS, "reason");
  expect(table.map((row) => [row.name, row.received])).toEqual([
    ["before_send", 0],
    ["none", 5],
    ["localhost", 4],
    ["spike_protection", 3],
    ["web-crawlers", 3],
  ]);
  const sum = table.reduce((all, row) => all + row.received, 0);
  expect(sum).toBe(5 + 7 + 3);
});

test("what belongs to no project has an empty name", () => {
  const [row] = rows(
    [{ ...group("invalid", "auth", [2]), by: { outcome: "invalid", project: null } }],
    "project",
  );
  expect(row?.name).toBe("");
});

test("items over the limit against spikes are counted", () => {
  expect(spiked(GROUPS)).toBe(3);
});

test("a range is cut into intervals that read well", () => {
  const hours = (n: number) => intervalFor(0, n * 3_600_000);
  expect([hours(3), hours(48), hours(49), hours(14 * 24), hours(15 * 24)]).toEqual([
    "1h",
    "1h",
    "6h",
    "6h",
    "1d",
  ]);
  expect(intervalFor(null, 1)).toBe("1d");
});
