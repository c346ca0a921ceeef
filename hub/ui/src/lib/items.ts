/** Items that are no events: what they are called, and the one line that says what matters of each. */

import type { Item } from "../api/types.ts";
import type { Json } from "./event-shape.ts";
import { bytes, exact, plural } from "./format.ts";

const NAMES: Record<string, string> = {
  log: "Logs",
  span: "Spans",
  trace_metric: "Metrics",
  transaction: "Transactions",
  check_in: "Check-ins",
  session: "Sessions",
  sessions: "Sessions, summed up",
  replay_event: "Replays",
  replay_recording: "Replay recordings",
  profile: "Profiles",
  profile_chunk: "Profile chunks",
  attachment: "Attachments",
  user_report: "User reports",
};

/** Kinds that one can look for before any of them has come. */
export const USUAL_KINDS = [
  "log",
  "span",
  "trace_metric",
  "transaction",
  "check_in",
  "replay_event",
  "profile",
] as const;

/** A kind in people's words; one that nobody knows keeps its own. */
export function kindName(kind: string): string {
  return NAMES[kind] ?? kind;
}

/** What of an item its row shows. */
export interface ItemLine {
  /** `fatal` to `debug`, where it has a level. */
  level?: string;
  /** A short word before the rest: an operation, a type, a status. */
  mark?: string;
  /** Whether the mark is bad news. */
  isBad?: boolean;
  /** What it is about. */
  text: string;
  /** A figure at the end. */
  figure?: string;
}

const text = (value: Json | undefined): string =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
const number = (value: Json | undefined): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** The line of an item. Facts came from outside: each may be missing, or of another type. */
export function lineOf({ kind, name, size, facts }: Item): ItemLine {
  const n = number(facts.count);
  // Relays of old sent logs, spans and metrics together.
  if (n !== null && ["log", "span", "trace_metric"].includes(kind)) {
    return { mark: "batch", text: `${plural(n, "entry", "entries")}${name ? `: ${name}, …` : ""}` };
  }
  switch (kind) {
    case "log":
      return { level: levelOf(text(facts.level)), text: text(facts.body) || name };
    case "span":
      return {
        mark: text(facts.op) || undefined,
        isBad: isFailed(text(facts.status)),
        text: name,
        figure: milliseconds(number(facts.duration_ms)),
      };
    case "trace_metric":
      return { mark: text(facts.type) || undefined, text: name, figure: metricValue(facts) };
    case "transaction":
      return {
        mark: text(facts.status) || text(facts.op) || undefined,
        isBad: isFailed(text(facts.status)),
        text: name || text(facts.transaction),
        figure: milliseconds(number(facts.duration_ms)),
      };
    case "check_in": {
      const seconds = number(facts.duration);
      return {
        mark: text(facts.status) || undefined,
        isBad: !["ok", "in_progress", ""].includes(text(facts.status)),
        text: name || text(facts.monitor_slug),
        figure: seconds === null ? undefined : milliseconds(seconds * 1000),
      };
    }
    case "session":
      return {
        mark: text(facts.status) || undefined,
        isBad: ["crashed", "abnormal", "unhandled"].includes(text(facts.status)),
        text: text(facts.release) || name,
      };
    case "sessions":
      return { text: text(facts.release) || name, figure: summed(facts) };
    case "replay_event":
    case "replay_recording":
      return {
        mark: number(facts.segment_id) === null ? undefined : `part ${text(facts.segment_id)}`,
        text: (Array.isArray(facts.urls) ? text(facts.urls[0]) : "") || name,
        figure: bytes(size),
      };
    case "profile":
    case "profile_chunk":
      return {
        mark: text(facts.platform) || undefined,
        text: text(facts.transaction) || name,
        figure: bytes(size),
      };
    case "user_report":
      return { mark: name || undefined, text: text(facts.comments) };
    case "attachment":
      return { mark: text(facts.content_type) || undefined, text: name, figure: bytes(size) };
    default:
      return { text: name || "Kept as it came", figure: bytes(size) };
  }
}

/** "0.4 ms", "12.5 ms", "1.25 s", "2 min 5 s". */
export function milliseconds(ms: number | null | undefined): string | undefined {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return undefined;
  if (ms < 1) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 1000) return `${Number(ms.toFixed(ms < 100 ? 1 : 0))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  return `${exact(Math.floor(ms / 60_000))} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** The trace of an item, where it says one. */
export function traceOf({ facts }: Pick<Item, "facts">): string | null {
  const id = text(facts.trace_id).replace(/-/g, "");
  return /^[0-9a-f]{32}$/i.test(id) ? id : null;
}

/** The value of an attribute as it is sent: alone, or with its type and unit. */
export function attributeOf(attribute: Json): { value: Json; about: string } {
  if (attribute === null || typeof attribute !== "object" || Array.isArray(attribute)) {
    return { value: attribute, about: "" };
  }
  const { value = null, type, unit } = attribute;
  return { value, about: [text(type), text(unit)].filter(Boolean).join(", ") };
}

function levelOf(level: string): string {
  return level === "warn" ? "warning" : level === "trace" ? "debug" : level || "info";
}

function isFailed(status: string): boolean {
  return !["", "ok", "cancelled", "unknown"].includes(status);
}

function metricValue(facts: Item["facts"]): string | undefined {
  const value = number(facts.value);
  if (value === null) return undefined;
  const unit = text(facts.unit);
  const short = Number.isInteger(value) ? exact(value) : String(Number(value.toPrecision(6)));
  return unit && unit !== "none" ? `${short} ${unit}` : short;
}

function summed(facts: Item["facts"]): string {
  const of = (status: string) => number(facts[status]) ?? 0;
  const all = ["exited", "errored", "abnormal", "unhandled", "crashed"].reduce((n, each) => n + of(each), 0);
  const crashed = of("crashed");
  return crashed > 0 ? `${exact(all)}, ${exact(crashed)} crashed` : exact(all);
}
