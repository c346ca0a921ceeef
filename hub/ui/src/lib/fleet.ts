/** What the fleet page needs to know of relays: order, search, worst figures. */

import type { Relay, RelayLane } from "../api/types.ts";
import { toMillis } from "./time.ts";

export const COLUMNS = [
  "name",
  "region",
  "version",
  "link",
  "loss",
  "rate",
  "backlog",
  "oldest",
  "seen",
  "config",
  "clock",
  "disk",
] as const;
export type Column = (typeof COLUMNS)[number];

/** Lanes that hold something, the most important first. */
export function waitingLanes(relay: Relay): RelayLane[] {
  return relay.backlog.filter((lane) => lane.records > 0);
}

export function backlogBytes(relay: Relay): number {
  return relay.backlog.reduce((sum, lane) => sum + lane.bytes, 0);
}

export function backlogRecords(relay: Relay): number {
  return relay.backlog.reduce((sum, lane) => sum + lane.records, 0);
}

/** When the oldest record that waits was received, in unix milliseconds. */
export function oldestWaiting(relay: Relay): number | null {
  const times = waitingLanes(relay)
    .map((lane) => toMillis(lane.oldestReceivedAt))
    .filter((time) => time !== null);
  return times.length ? Math.min(...times) : null;
}

/** The share of its filesystem that the spool takes, or of what it may take; 0 to 1. */
export function spoolShare(relay: Relay): number | null {
  const report = relay.report;
  if (!report || report.spoolBytesMax === 0) return null;
  return report.spoolBytes / report.spoolBytesMax;
}

/** A number or a text to sort by; `null` goes last whichever way. */
function key(relay: Relay, column: Column): number | string | null {
  const report = relay.report;
  switch (column) {
    case "name":
      return relay.name.toLowerCase();
    case "region":
      return relay.region ?? null;
    case "version":
      return relay.version || null;
    case "link":
      return report && report.roundTripMs > 0 ? report.roundTripMs : null;
    case "loss":
      return report?.lossPpm ?? null;
    case "rate":
      return report?.sentPerSecond ?? null;
    case "backlog":
      return report ? backlogBytes(relay) : null;
    case "oldest": {
      const oldest = oldestWaiting(relay);
      // Sorted by age: the oldest is the most.
      return oldest === null ? null : -oldest;
    }
    case "seen":
      return toMillis(relay.lastSeenAt);
    case "config":
      return report?.rosterVersion ?? null;
    case "clock":
      return relay.clockOffsetMs == null ? null : Math.abs(relay.clockOffsetMs);
    case "disk":
      return spoolShare(relay);
  }
}

/** Labels with more values than this are typed. */
const CHOICES_MAX = 60;
const LABELS_SHOWN = 2;

const collator = new Intl.Collator("en", { numeric: true });

export function sortRelays(relays: readonly Relay[], column: Column, down: boolean): Relay[] {
  const rows = relays.map((relay) => [key(relay, column), relay] as const);
  rows.sort(([a, one], [b, other]) => {
    const equal = collator.compare(one.name, other.name) || collator.compare(one.id, other.id);
    if (a === null || b === null) return a === b ? equal : a === null ? 1 : -1;
    const order =
      typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
    return (down ? -order : order) || equal;
  });
  return rows.map(([, relay]) => relay);
}

/** What a relay is doing, in a word. */
export type Standing = "connected" | "away" | "drained" | "revoked";

export function standing(relay: Relay): Standing {
  if (relay.state === "revoked") return "revoked";
  if (relay.state === "drained") return "drained";
  return relay.isConnected ? "connected" : "away";
}

/** What is wrong with a relay, by kind. A clone stays one until its mark is taken off. */
export function troubles(relay: Relay): string[] {
  const kinds = relay.conditions.map((condition) => condition.kind);
  if (relay.clonedAt && !kinds.includes("cloned")) kinds.push("cloned");
  return kinds;
}

/**
 * Every word must be found somewhere: in the name, the address, the version, a label as
 * `region=eu`, the standing, or what is wrong as `is:dark`.
 */
export function matches(relay: Relay, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const has = [
    relay.name,
    relay.id,
    relay.address ?? "",
    relay.version,
    relay.report?.carrier ?? "",
    ...Object.entries(relay.labels).map(([name, value]) => `${name}=${value}`),
  ].map((each) => each.toLowerCase());
  const wrong = troubles(relay);
  const is: string[] = [standing(relay), ...wrong];
  if (wrong.length) is.push("wrong");
  return words.every((word) => {
    if (word.startsWith("is:")) return is.some((each) => each.startsWith(word.slice(3)));
    // A label with its value is meant whole: region=eu is not region=eu-2.
    if (/^[^=]+=[^=]+$/.test(word)) return has.includes(word);
    return has.some((each) => each.includes(word));
  });
}

/** What stands behind a word's beginning in a filter: `eu` of `region=eu` for `region=`. */
export function filterValue(text: string, begin: string): string {
  const word = text.split(/\s+/).find((each) => each.startsWith(begin));
  return word ? word.slice(begin.length) : "";
}

/** The filter with that word changed, or taken out for an empty value. */
export function withFilter(text: string, begin: string, value: string): string {
  const words = text.split(/\s+/).filter((each) => each && !each.startsWith(begin));
  if (value) words.push(begin + value);
  return words.join(" ");
}

/** Labels worth a choice of their own: the region first, then those that most relays have. */
export function labelChoices(relays: readonly Relay[]): { name: string; values: string[] }[] {
  const found = new Map<string, { n: number; values: Set<string> }>();
  for (const relay of relays) {
    for (const [name, value] of Object.entries(relay.labels)) {
      const known = found.get(name) ?? { n: 0, values: new Set() };
      known.n += 1;
      // A word of the filter holds no spaces.
      if (!/\s/.test(value)) known.values.add(value);
      found.set(name, known);
    }
  }
  const weight = (name: string, n: number) => (name === "region" ? Number.POSITIVE_INFINITY : n);
  return [...found]
    .filter(([name, { values }]) => !/\s/.test(name) && values.size >= 2 && values.size <= CHOICES_MAX)
    .sort(([a, one], [b, other]) => weight(b, other.n) - weight(a, one.n) || collator.compare(a, b))
    .slice(0, LABELS_SHOWN)
    .map(([name, { values }]) => ({ name, values: [...values].sort(collator.compare) }));
}

const CONDITIONS: Record<string, string> = {
  dark: "dark",
  behind: "behind",
  unbalanced: "out of balance",
  failing_disk: "failing disk",
  cloned: "cloned",
  incompatible: "incompatible",
};

export function conditionWord(kind: string): string {
  return CONDITIONS[kind] ?? kind.replace(/_/g, " ");
}

const REMEDIES: Record<string, string> = {
  dark: "Look whether its host runs and has a network: there, `vedette-relay status` says how it is and `vedette-relay doctor` what to do.",
  behind:
    "See in the charts whether the link is slow or away. A higher bandwidth or fewer quiet hours let it catch up; what it holds is safe until its spool is full.",
  unbalanced:
    "The ledger below names project and category. This is never expected: keep the relay's logs, and report it.",
  failing_disk:
    "Look at the disk of its host with `dmesg` and `smartctl -a`, or move its spool. Requests that it cannot keep are refused, and counted.",
  cloned:
    "On the host that is the copy, run `vedette-relay join HUB TOKEN --force` for an identity of its own. Then take the mark off here.",
  incompatible:
    "Upgrade whichever program is older, the relay's or this hub's. What it keeps is delivered then.",
};

/** What to do about something that is wrong. */
export function remedy(kind: string): string | null {
  return REMEDIES[kind] ?? null;
}

/** Whether a 200 of a relay means that the event is on its disk. */
export function isDurable(durability: string): boolean {
  return durability === "" || durability === "fsync";
}

/** What a 200 of a relay promises, in words. */
export function durabilityText(durability: string): string {
  if (durability === "fsync") return "A 200 means that the event is on the disk of the relay's host.";
  if (durability.startsWith("interval")) {
    return "A 200 comes before the disk has the event: a power cut loses what came since the last sync.";
  }
  if (durability === "memory") return "A 200 comes before anything is written: a crash loses events.";
  return "The relay says what its 200 promises in a word that this hub does not know.";
}

const LANES: Record<number, string> = {
  0: "Control",
  1: "Errors",
  2: "Logs and metrics",
  3: "Traces",
  4: "Attachments",
  5: "Control, backlog",
  6: "Errors, backlog",
};

export function laneName(lane: number): string {
  return LANES[lane] ?? `Lane ${lane}`;
}

const SHORT: Record<number, string> = {
  0: "ctl",
  1: "err",
  2: "log",
  3: "trc",
  4: "att",
  5: "ctl+",
  6: "err+",
};

/** For narrow columns. */
export function laneShort(lane: number): string {
  return SHORT[lane] ?? `L${lane}`;
}

/** Millionths as a percentage of two digits: "0 %", "0.02 %", "1.4 %", "30 %". */
export function lossText(ppm: number): string {
  const percent = ppm / 10_000;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "<0.01 %";
  return `${percent < 1 ? percent.toFixed(2) : percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
}
