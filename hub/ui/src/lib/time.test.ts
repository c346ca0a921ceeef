import { afterEach, describe, expect, it } from "vitest";
import {
  absolute,
  age,
  clock,
  duration,
  fromInput,
  isPeriod,
  offset,
  relative,
  showZone,
  toInput,
  toMillis,
} from "./time.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

describe("times", () => {
  it.each([
    [2 * S, "now"],
    [42 * S, "42 s ago"],
    [5 * MIN, "5 min ago"],
    [119 * MIN, "1 h ago"],
    [13 * D, "13 d ago"],
    [20 * D, "2 wk ago"],
    [100 * D, "3 mo ago"],
    [800 * D, "2 y ago"],
    [-2 * H, "in 2 h"],
  ])("reads %i ms ago as %s", (ago, text) => {
    expect(relative(NOW - ago, NOW)).toBe(text);
  });

  it("leaves the ago out where the column says it", () => {
    expect(age(NOW - 3 * H, NOW)).toBe("3 h");
    expect(age(null, NOW)).toBe("never");
  });

  it.each([
    [0.4, "0 ms"],
    [320, "320 ms"],
    [59_999, "59 s"],
    [3_600_000, "1 h"],
  ])("gives %d ms as %s", (ms, text) => expect(duration(ms)).toBe(text));

  it.each([
    [0, "0 ms"],
    [-1250, "−1.25 s"],
    [-42_300, "−42.3 s"],
    [-200 * S, "−3 min 20 s"],
    [-120 * S, "−2 min"],
    [15, "+15 ms"],
    [-7 * H, "−7 h"],
  ])("tells a distance of %d ms to the crash as %s", (ms, text) => expect(offset(ms)).toBe(text));

  it("shows absolute times to the second with their zone", () => {
    expect(absolute("2026-03-01T12:00:00.123Z", { utc: true })).toBe("2026-03-01 12:00:00 UTC");
    expect(absolute("2026-03-01T12:00:00.123Z", { utc: true, millis: true })).toBe(
      "2026-03-01 12:00:00.123 UTC",
    );
    expect(clock("2026-03-01T12:00:00.123Z")).toMatch(/^\d\d:\d\d:00\.123$/);
  });

  it("takes seconds, milliseconds and text, and nothing else", () => {
    expect(toMillis(1_700_000_000)).toBe(1_700_000_000_000);
    expect(toMillis(1_700_000_000_000)).toBe(1_700_000_000_000);
    expect(toMillis("2023-11-14T22:13:20Z")).toBe(1_700_000_000_000);
    expect(toMillis("soon")).toBeNull();
    expect(toMillis(undefined)).toBeNull();
    expect(relative("soon")).toBe("never");
  });

  it("knows the API's periods", () => {
    expect(["1h", "24h", "90d"].every(isPeriod)).toBe(true);
    expect(["", "h", "0d", "1y", "1h "].some(isPeriod)).toBe(false);
  });
});

describe("a zone of one's own", () => {
  afterEach(() => showZone(""));

  it("moves what is shown, in summer and in winter", () => {
    showZone("Europe/Berlin");
    expect(absolute("2026-07-01T10:00:00Z")).toBe("2026-07-01 12:00:00 UTC+2");
    expect(absolute("2026-01-01T10:00:00Z")).toBe("2026-01-01 11:00:00 UTC+1");
    expect(clock("2026-01-01T23:30:00.250Z")).toBe("00:30:00.250");
    showZone("Asia/Kathmandu");
    expect(absolute("2026-01-01T10:00:00Z")).toBe("2026-01-01 15:45:00 UTC+5:45");
  });

  it("is the zone in which times are typed", () => {
    showZone("Europe/Berlin");
    for (const iso of ["2026-07-01T10:00:00.000Z", "2026-03-29T00:30:00.000Z", "2026-03-29T01:30:00.000Z"]) {
      expect(fromInput(toInput(iso))).toBe(iso);
    }
    expect(fromInput("nonsense")).toBeUndefined();
  });

  it("that nobody knows is the browser's", () => {
    showZone("Nowhere/At-All");
    expect(absolute("2026-01-01T10:00:00Z")).toBe("2026-01-01 10:00:00 UTC");
  });
});
