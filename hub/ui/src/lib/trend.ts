/** How a week compares with the week before it. */

import { exact } from "./format.ts";

export interface Trend {
  now: number;
  before: number;
  /** Which way it goes; less than a tenth either way is neither. */
  way: "up" | "down" | "even";
  /** "+50%", "4.2 times", "new", "quiet". */
  text: string;
}

const DAY_S = 86_400;
const WEEK_S = 7 * DAY_S;
/** Above this a percentage says less than a factor. */
const FACTOR_FROM = 3;

/**
 * Of daily counts. Weeks are counted back from `now`, and a day that is cut by their border counts
 * by its share, so that a young day does not look like a fall.
 */
export function weekTrend(points: readonly (readonly [at: number, n: number])[], now: number): Trend {
  const end = now / 1000;
  const within = (from: number, to: number) =>
    points.reduce((sum, [at, n]) => {
      // The running day holds what came until now, and all of that came in its elapsed part.
      const length = Math.min(at + DAY_S, end) - at;
      if (length <= 0) return sum;
      const part = Math.max(0, Math.min(at + length, to) - Math.max(at, from));
      return sum + (n * part) / length;
    }, 0);
  const week = Math.round(within(end - WEEK_S, end));
  const before = Math.round(within(end - 2 * WEEK_S, end - WEEK_S));
  return { now: week, before, ...judge(week, before) };
}

function judge(now: number, before: number): Pick<Trend, "way" | "text"> {
  if (now === 0 && before === 0) return { way: "even", text: "quiet" };
  if (before === 0) return { way: "up", text: "new" };
  const ratio = now / before;
  if (ratio >= FACTOR_FROM) return { way: "up", text: `${Number(ratio.toPrecision(2))} times` };
  const percent = Math.round((ratio - 1) * 100);
  const way = percent >= 10 ? "up" : percent <= -10 ? "down" : "even";
  return { way, text: `${percent > 0 ? "+" : percent < 0 ? "−" : "±"}${exact(Math.abs(percent))}%` };
}
