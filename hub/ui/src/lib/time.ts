/** Times as people read them: relative in the text, absolute with seconds and zone on hover. */

const UNITS: [limit: number, seconds: number, short: string, long: string][] = [
  [60, 1, "s", "second"],
  [3600, 60, "min", "minute"],
  [86_400, 3600, "h", "hour"],
  [86_400 * 14, 86_400, "d", "day"],
  [86_400 * 60, 86_400 * 7, "wk", "week"],
  [86_400 * 365, 86_400 * 30, "mo", "month"],
  [Number.POSITIVE_INFINITY, 86_400 * 365, "y", "year"],
];

export type When = string | number | Date | null | undefined;

/** Unix milliseconds, or null for what is no time. Numbers below 10¹¹ are taken as seconds. */
export function toMillis(when: When): number | null {
  if (when === null || when === undefined || when === "") return null;
  if (when instanceof Date) return Number.isNaN(when.getTime()) ? null : when.getTime();
  if (typeof when === "number") return when < 1e11 ? when * 1000 : when;
  const parsed = Date.parse(when);
  return Number.isNaN(parsed) ? null : parsed;
}

/** "now", "5 min ago", "3 d ago", "in 2 h". */
export function relative(when: When, now: number = Date.now()): string {
  const then = toMillis(when);
  if (then === null) return "never";
  const distance = Math.round((now - then) / 1000);
  if (Math.abs(distance) < 5) return "now";
  const text = duration(Math.abs(distance) * 1000);
  return distance > 0 ? `${text} ago` : `in ${text}`;
}

/** The same without "ago", for narrow columns: "5 min". */
export function age(when: When, now: number = Date.now()): string {
  const then = toMillis(when);
  if (then === null) return "never";
  return now - then < 5000 ? "now" : duration(now - then);
}

/** One number and one unit: "12 s", "5 min", "3 d". */
export function duration(ms: number): string {
  const seconds = Math.abs(ms) / 1000;
  if (seconds < 1) return `${Math.round(Math.abs(ms))} ms`;
  for (const [limit, size, short] of UNITS) {
    if (seconds < limit) return `${Math.floor(seconds / size)} ${short}`;
  }
  return "";
}

/** Distance to the crash: "0 ms", "−1.25 s", "−3 min 20 s". */
export function offset(ms: number): string {
  const sign = ms > 0 ? "+" : ms < 0 ? "−" : "";
  const size = Math.abs(ms);
  if (size < 1000) return `${sign}${Math.round(size)} ms`;
  if (size < 10_000) return `${sign}${(size / 1000).toFixed(2)} s`;
  if (size < 60_000) return `${sign}${(size / 1000).toFixed(1)} s`;
  if (size < 3_600_000) {
    const seconds = Math.floor((size % 60_000) / 1000);
    return `${sign}${Math.floor(size / 60_000)} min${seconds ? ` ${seconds} s` : ""}`;
  }
  return `${sign}${duration(size)}`;
}

/** "2026-11-21 04:05:06.123 UTC+1": sortable, to the second, with the zone. */
export function absolute(when: When, options: { utc?: boolean; millis?: boolean } = {}): string {
  const then = toMillis(when);
  if (then === null) return "";
  const minutes = options.utc ? 0 : zoneMinutes(then);
  const local = new Date(then + minutes * 60_000).toISOString();
  const text = `${local.slice(0, 10)} ${local.slice(11, options.millis ? 23 : 19)}`;
  return `${text} ${zoneName(minutes)}`;
}

/** "04:05:06.123", for lists whose date is known. */
export function clock(when: When): string {
  const then = toMillis(when);
  if (then === null) return "";
  const minutes = zoneMinutes(then);
  return new Date(then + minutes * 60_000).toISOString().slice(11, 23);
}

/** The clock of the zone that is shown; none is the browser's own. */
let zoneClock: Intl.DateTimeFormat | null = null;

/** Shows times in a zone by its name, as `Europe/Berlin`; anything unknown is the browser's own. */
export function showZone(name: string): void {
  try {
    zoneClock = name
      ? new Intl.DateTimeFormat("en-US", {
          timeZone: name,
          hourCycle: "h23",
          year: "numeric",
          month: "numeric",
          day: "numeric",
          hour: "numeric",
          minute: "numeric",
        })
      : null;
  } catch {
    zoneClock = null;
  }
}

/** How far the shown zone is ahead of UTC at a time, in minutes. */
function zoneMinutes(at: number): number {
  if (!zoneClock) return -new Date(at).getTimezoneOffset();
  const parts = new Map(zoneClock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0;
  const wall = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"));
  return Math.round((wall - Math.floor(at / 60_000) * 60_000) / 60_000);
}

/** A time as a field for date and time takes it, in the shown zone. */
export function toInput(iso: string | undefined): string {
  return iso ? absolute(iso).slice(0, 16).replace(" ", "T") : "";
}

/** The other way round; `undefined` for what is no time. */
export function fromInput(text: string): string | undefined {
  const wall = text ? Date.parse(`${text}Z`) : Number.NaN;
  if (Number.isNaN(wall)) return undefined;
  // The offset there, by the one at about that time: two steps find it around a change of clocks.
  const near = wall - zoneMinutes(wall) * 60_000;
  return new Date(wall - zoneMinutes(near) * 60_000).toISOString();
}

function zoneName(minutes: number): string {
  if (minutes === 0) return "UTC";
  const sign = minutes > 0 ? "+" : "−";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${sign}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

/** Ranges offered by the picker, in the API's notation. */
export const PERIODS: readonly { value: string; label: string }[] = [
  { value: "1h", label: "Last hour" },
  { value: "24h", label: "Last 24 hours" },
  { value: "7d", label: "Last 7 days" },
  { value: "14d", label: "Last 14 days" },
  { value: "30d", label: "Last 30 days" },
  { value: "90d", label: "Last 90 days" },
];

export function isPeriod(text: string): boolean {
  return /^[1-9]\d{0,4}[smhdw]$/.test(text);
}
