/** Limits as people write them: one a line, items and time and the categories counted together. */

export interface Quota {
  categories: string[];
  /** Items. */
  count: number;
  /** Seconds. */
  window: number;
  /** Items that may come at once. */
  burst?: number | null;
}

/** `100/1h+20 error security` a line: 20 may come at once; no category is all. */
export function quotaLine(quota: Quota): string {
  const units = [
    [86_400, "d"],
    [3600, "h"],
    [60, "m"],
  ] as const;
  const unit = units.find(([size]) => quota.window % size === 0);
  const window = unit ? `${quota.window / unit[0]}${unit[1]}` : `${quota.window}s`;
  const burst = quota.burst ? `+${quota.burst}` : "";
  return [`${quota.count}/${window}${burst}`, ...quota.categories].join(" ");
}

/** What a line says, or the line itself when it says nothing. */
function quotaOf(line: string): Quota | string {
  const [head = "", ...categories] = line.split(/[\s,]+/);
  const parts = /^(\d{1,15})\/(\d{1,7})([smhd])(?:\+(\d{1,15}))?$/.exec(head);
  if (!parts) return line;
  const size = { s: 1, m: 60, h: 3600, d: 86_400 }[parts[3] as "s" | "m" | "h" | "d"];
  const quota = { count: Number(parts[1]), window: Number(parts[2]) * size, categories };
  return parts[4] ? { ...quota, burst: Number(parts[4]) } : quota;
}

/** The limits of a text, or what is wrong with it. */
export function quotasOf(text: string): Quota[] | string {
  const lines = text.split("\n").map((line) => line.trim());
  const read = lines.filter(Boolean).map(quotaOf);
  const wrong = read.find((quota) => typeof quota === "string");
  if (wrong !== undefined) return `"${wrong}" is not a limit such as 1000/1h error`;
  return read.filter((quota) => typeof quota !== "string");
}
