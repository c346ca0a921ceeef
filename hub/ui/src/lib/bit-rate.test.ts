import { expect, it } from "vitest";
import { bitRate, rateBytes, rateParts } from "./bit-rate.ts";

it("writes a bandwidth with the unit that fits", () => {
  expect([125, 8000, 124_875, 125_000, 187_500].map(bitRate)).toEqual([
    "1 kbit/s",
    "64 kbit/s",
    "999 kbit/s",
    "1 Mbit/s",
    "1.5 Mbit/s",
  ]);
});

it("reads what it wrote", () => {
  for (const bytes of [1, 100, 8000, 125_001, 9_999_999]) {
    const { value, unit } = rateParts(bytes);
    expect(Math.abs((rateBytes(String(value), unit) ?? 0) - bytes)).toBeLessThanOrEqual(63);
  }
  expect(rateBytes(" ", "kbit/s")).toBeNull();
  expect(rateBytes("1,5", "Mbit/s")).toBe(187_500);
  expect(rateBytes("fast", "kbit/s")).toBeNaN();
});
