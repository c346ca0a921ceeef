import { describe, expect, it } from "vitest";
import { relay } from "../test/relays.ts";
import {
  durabilityText,
  filterValue,
  isDurable,
  labelChoices,
  lossText,
  matches,
  oldestWaiting,
  sortRelays,
  troubles,
  withFilter,
} from "./fleet.ts";
import { parseLabels } from "./labels.ts";
import { rowsInWindow } from "./window.ts";

const named = (name: string, change = {}) => relay({ id: name, name, ...change });

describe("the order of relays", () => {
  it("counts numbers in names, and puts what is not known last either way", () => {
    const relays = [named("edge-10"), named("edge-9"), named("edge-1", { report: null })];
    const names = (down: boolean, column: Parameters<typeof sortRelays>[1]) =>
      sortRelays(relays, column, down).map((each) => each.name);
    expect(names(false, "name")).toEqual(["edge-1", "edge-9", "edge-10"]);
    expect(names(true, "name")).toEqual(["edge-10", "edge-9", "edge-1"]);
    expect(names(false, "link").at(-1)).toBe("edge-1");
    expect(names(true, "link").at(-1)).toBe("edge-1");
  });

  it("takes the oldest as the most", () => {
    const old = named("old", {
      backlog: [{ lane: 1, name: "errors", records: 1, bytes: 1, oldestReceivedAt: "2020-01-01T00:00:00Z" }],
    });
    const here = { ...named("a"), region: "sea" };
    const there = { ...named("b"), region: "eu" };
    const nowhere = { ...named("c"), region: null };
    const regions = (down: boolean) =>
      sortRelays([nowhere, here, there], "region", down).map(({ name }) => name);
    expect([regions(false), regions(true)]).toEqual([
      ["b", "a", "c"],
      ["a", "b", "c"],
    ]);
    expect(sortRelays([named("new"), old], "oldest", true)[0]?.name).toBe("old");
    expect(oldestWaiting(named("none", { backlog: [] }))).toBeNull();
  });
});

it("finds relays by words, labels, standing and trouble", () => {
  const dark = relay({ conditions: [{ kind: "dark", detail: "", since: "" }] });
  for (const text of ["", "SHIP", "region=sea ship", "10.0.0", "is:away", "is:dark", "is:wrong 0.1"]) {
    expect(matches(dark, text), text).toBe(true);
  }
  for (const text of ["region=eu", "region=se", "ship-2", "is:connected", "is:behind"]) {
    expect(matches(dark, text), text).toBe(false);
  }
});

it("counts a clone as wrong until its mark is taken off", () => {
  const cloned = relay({ clonedAt: "2026-01-01T00:00:00Z" });
  expect(troubles(cloned)).toEqual(["cloned"]);
  expect(matches(cloned, "is:cloned is:wrong")).toBe(true);
  expect(troubles(relay())).toEqual([]);
});

it("writes loss as a share", () => {
  expect([0, 5, 200, 14_000, 300_000].map(lossText)).toEqual(["0 %", "<0.01 %", "0.02 %", "1.4 %", "30 %"]);
});

it("reads labels as names and values", () => {
  expect(parseLabels("a=1 b=2,c=3")).toEqual({ a: "1", b: "2", c: "3" });
  expect(parseLabels("=1 a= nothing")).toEqual({});
});

it("draws a few rows beyond the window and never more than there are", () => {
  expect(rowsInWindow(3, 48, 0, 800)).toEqual({ from: 0, to: 3, above: 0, below: 0 });
  const middle = rowsInWindow(5000, 48, 48_000, 480);
  expect(middle).toEqual({ from: 992, to: 1018, above: 992 * 48, below: (5000 - 1018) * 48 });
  expect(rowsInWindow(10, 48, 1e9, 480)).toEqual({ from: 10, to: 10, above: 480, below: 0 });
});

it("changes one word of a filter and leaves the others", () => {
  expect(withFilter("ship is:away", "region=", "eu")).toBe("ship is:away region=eu");
  expect(withFilter("region=eu ship", "region=", "us")).toBe("ship region=us");
  expect(withFilter("region=eu", "region=", "")).toBe("");
  expect(filterValue("ship region=eu", "region=")).toBe("eu");
  expect(filterValue("ship", "is:")).toBe("");
});

it("offers the labels that tell relays apart, the region first", () => {
  const relays = Array.from({ length: 100 }, (_, i) =>
    relay({ labels: { site: `s${i}`, ring: `${i % 3}`, region: i % 2 ? "eu" : "us", all: "same" } }),
  );
  expect(labelChoices(relays)).toEqual([
    { name: "region", values: ["eu", "us"] },
    { name: "ring", values: ["0", "1", "2"] },
  ]);
  expect(labelChoices([])).toEqual([]);
});

it("says what a 200 promises", () => {
  expect(["", "fsync", "interval=1s", "memory"].map(isDurable)).toEqual([true, true, false, false]);
  expect(durabilityText("interval=1s")).toContain("since the last sync");
  expect(durabilityText("memory")).toContain("a crash loses events");
});
