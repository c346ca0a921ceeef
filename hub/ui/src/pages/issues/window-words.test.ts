import { expect, it } from "vitest";
import { numberWords, placeWords, windowWords } from "./window-words.ts";

it("says of which time and environments numbers are", () => {
  expect(windowWords({})).toBe("");
  expect(windowWords({ statsPeriod: "14d" })).toBe("in the last 14 days");
  expect(windowWords({ statsPeriod: "3h", environment: [""] })).toBe("in the last 3h without an environment");
  expect(windowWords({ end: "2026-01-01", environment: ["a", "b"] })).toBe(
    "in the chosen time in 2 environments",
  );
  expect(placeWords(["production"])).toBe("in production");
});

it("says a number beside what it is a part of", () => {
  const of = (filtered: number | null, within: number, all: number, window = "") =>
    numberWords({ filtered, within, all }, "event", window);
  expect(of(null, 1, 1)).toBe("1 event");
  expect(of(null, 1204, 88231, "in the last 14 days")).toBe(
    "1,204 events in the last 14 days · 88,231 in all",
  );
  expect(of(7, 1234, 1234)).toBe("7 of 1,234 events match the search");
  expect(of(7, 12, 40, "in production")).toBe("7 of 12 events in production match the search · 40 in all");
});
