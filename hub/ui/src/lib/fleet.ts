/** What the fleet page needs to know of relays: order, search, worst figures. */

import type { Relay, RelayLane } from "../api/types.ts";
import { toMillis } from "./time.ts";

export const COLUMNS = [
  "name",
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
  const is = [standing(relay), ...relay.conditions.map((condition) => condition.kind)];
  if (relay.conditions.length) is.push("wrong");
  return words.every((word) =>
    word.startsWith("is:")
      ? is.some((each) => each.startsWith(word.slice(3)))
      : has.some((each) => each.includes(word)),
  );
}

const CONDITIONS: Record<string, string> = {
  dark: "dark",
  behind: "behind",
  unbalanced: "out of balance",
  failing_disk: "failing disk",
  cloned: "cloned",
};

export function conditionWord(kind: string): string {
  return CONDITIONS[kind] ?? kind.replace(/_/g, " ");
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
