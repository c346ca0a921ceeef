import { describe, expect, it } from "vitest";
import { weekTrend } from "./trend.ts";

const DAY = 86_400;
/** Midnight, so that days are whole. */
const NOW = 1_767_225_600_000;

/** Counts of days that end now, the last one last. */
const days = (...counts: number[]) =>
  counts.map((n, i) => [NOW / 1000 - (counts.length - i) * DAY, n] as [number, number]);
const weeks = (before: number, now: number) =>
  days(...Array<number>(7).fill(before), ...Array<number>(7).fill(now));

describe("the trend against the week before", () => {
  const check = (before: number, now: number) => {
    const { way, text } = weekTrend(weeks(before, now), NOW);
    return `${way} ${text}`;
  };

  it("is told in percent, and in times where percents grow large", () => {
    expect(check(10, 15)).toBe("up +50%");
    expect(check(10, 5)).toBe("down −50%");
    expect(check(10, 10)).toBe("even ±0%");
    expect(check(10, 42)).toBe("up 4.2 times");
  });

  it("has words where there is nothing to divide by", () => {
    expect(check(0, 3)).toBe("up new");
    expect(check(0, 0)).toBe("even quiet");
    expect(check(3, 0)).toBe("down −100%");
  });

  it("is not fooled by a day that has just begun", () => {
    // Ten a day, and one in the tenth of a day since midnight.
    const points = [...days(...Array<number>(15).fill(10)), [NOW / 1000, 1] as [number, number]];
    const { now, before } = weekTrend(points, NOW + 0.1 * DAY * 1000);
    expect(now).toBe(70);
    expect(before).toBe(70);
  });
});
