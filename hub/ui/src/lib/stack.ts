/** Stack traces: which frames to show, in which order, how exceptions hang together, and all of it as text. */

import type { ExceptionValue, Frame, Stacktrace } from "./event-shape.ts";

export type Row =
  | { kind: "frame"; frame: Frame; index: number; repeats: number }
  | { kind: "hidden"; count: number; from: number };

/**
 * The rows of a trace, crash first. With `appOnly`, runs of system frames become one row each; a
 * trace without any application frame is shown whole, since nothing would be left of it.
 */
export function rows(trace: Stacktrace, appOnly: boolean): Row[] {
  const frames = (trace.frames ?? []).map((frame, index) => ({ frame: frame ?? {}, index }));
  const crash = frames.length - 1;
  const hideSystem = appOnly && frames.some(({ frame }) => frame.inApp);
  const out: Row[] = [];
  for (let i = frames.length - 1; i >= 0; i -= 1) {
    const { frame, index } = frames[i] as { frame: Frame; index: number };
    const last = out[out.length - 1];
    if (hideSystem && !frame.inApp && index !== crash) {
      if (last?.kind === "hidden") last.count += 1;
      else out.push({ kind: "hidden", count: 1, from: index });
    } else if (last?.kind === "frame" && sameFrame(last.frame, frame)) {
      last.repeats += 1;
    } else {
      out.push({ kind: "frame", frame, index, repeats: 1 });
    }
  }
  return out;
}

/** Recursion: the same place called again. */
function sameFrame(a: Frame, b: Frame): boolean {
  return (
    a.lineNo !== null &&
    a.lineNo !== undefined &&
    a.lineNo === b.lineNo &&
    a.colNo === b.colNo &&
    a.function === b.function &&
    (a.absPath ?? a.filename) === (b.absPath ?? b.filename) &&
    a.module === b.module
  );
}

/** The frame that stands open: the application's frame nearest the crash, else the crash itself. */
export function openFrame(trace: Stacktrace): number {
  const frames = trace.frames ?? [];
  for (let i = frames.length - 1; i >= 0; i -= 1) {
    if (frames[i]?.inApp) return i;
  }
  return frames.length - 1;
}

export interface Link {
  exception: ExceptionValue;
  /** Place in the event's list, for remarks. */
  index: number;
  /** How this one came from the one shown above it; absent for the first. */
  sentence: string | null;
}

/**
 * Exceptions with the one that was raised last first, and under it what led to it. The event
 * lists them oldest cause first.
 */
export function chain(values: readonly ExceptionValue[]): Link[] {
  const newestFirst = values.map((exception, index) => ({ exception, index })).reverse();
  return newestFirst.map((link, i) => {
    const above = newestFirst[i - 1]?.exception;
    return { ...link, sentence: above ? sentenceFor(link.exception, above, values) : null };
  });
}

function sentenceFor(cause: ExceptionValue, above: ExceptionValue, all: readonly ExceptionValue[]): string {
  const source = cause.mechanism?.source ?? "";
  const parentId = cause.mechanism?.parent_id;
  const parent = all.find(
    (e) => parentId !== null && parentId !== undefined && e.mechanism?.exception_id === parentId,
  );
  const result = parent ?? above;
  const it = name(cause);
  const other = name(result);
  if (result.mechanism?.is_exception_group && /^(exceptions|errors)\[/.test(source)) {
    return `${other} is a group, and ${it} is one of its members`;
  }
  if (source === "__context__") return `While ${it} was being handled, ${other} was raised`;
  return `${it} was the direct cause of ${other}`;
}

export function name(exception: ExceptionValue): string {
  return exception.type || "an error without a type";
}

/** "shop/cart.py in total, line 42". */
export function location(frame: Frame): string {
  const file = frame.filename || frame.absPath || frame.module || frame.package || "<unknown file>";
  const line = frame.lineNo ? `:${frame.lineNo}${frame.colNo ? `:${frame.colNo}` : ""}` : "";
  return `${file}${line}`;
}

/** The trace as a person would paste it into a ticket: crash first, as on the page. */
export function asText(values: readonly ExceptionValue[]): string {
  return chain(values)
    .map(({ exception, sentence }) => {
      const value = exception.value === null || exception.value === undefined ? "" : String(exception.value);
      const head = value ? `${name(exception)}: ${value}` : name(exception);
      const frames = [...(exception.stacktrace?.frames ?? [])].reverse().map((frame) => {
        const at = `    at ${frame?.function || "<anonymous>"} (${location(frame ?? {})})`;
        const line = contextLine(frame ?? {});
        return line ? `${at}\n        ${line.trim()}` : at;
      });
      return [...(sentence ? [`${sentence}:\n`] : []), head, ...frames].join("\n");
    })
    .join("\n\n");
}

export function contextLine(frame: Frame): string | null {
  return frame.context?.find(([no]) => no === frame.lineNo)?.[1] ?? null;
}

/** Whether a person would find something to look at when the frame is opened. */
export function hasBody(frame: Frame): boolean {
  return (frame.context?.length ?? 0) > 0 || Object.keys(frame.vars ?? {}).length > 0;
}
