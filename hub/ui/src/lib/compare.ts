/** What differs between two documents: values by their path, and lists of lines by their order. */

import type { Json } from "./event-shape.ts";

export interface Difference {
  path: string;
  /** Undefined where only the other has it. */
  left: string | undefined;
  right: string | undefined;
  same: boolean;
}

/** Of each side, no more values than these are looked at. */
const VALUES_MAX = 1000;
/** Lines are compared each with each; longer lists are compared from their beginning. */
const LINES_MAX = 400;

/** Every value below `json` by its path, as text. */
export function flatten(json: Json | undefined, max: number = VALUES_MAX): Map<string, string> {
  const flat = new Map<string, string>();
  const walk = (value: Json | undefined, path: string) => {
    if (flat.size >= max || value === undefined || value === null) return;
    if (typeof value !== "object") {
      flat.set(path, String(value));
      return;
    }
    const entries = Object.entries(value);
    if (entries.length === 0) flat.set(path, Array.isArray(value) ? "[]" : "{}");
    for (const [key, child] of entries) walk(child, path ? `${path}.${key}` : key);
  };
  walk(json, "");
  return flat;
}

/** Every path that either has, in the order of the left and then of the right. */
export function compare(left: Json | undefined, right: Json | undefined): Difference[] {
  const [a, b] = [flatten(left), flatten(right)];
  return [...new Set([...a.keys(), ...b.keys()])].map((path) => ({
    path,
    left: a.get(path),
    right: b.get(path),
    same: a.get(path) === b.get(path),
  }));
}

export interface Line {
  left: string | undefined;
  right: string | undefined;
}

/** Two lists side by side, so that as many lines as can be stand beside their equal. */
export function align(left: readonly string[], right: readonly string[]): Line[] {
  const a = left.slice(0, LINES_MAX);
  const b = right.slice(0, LINES_MAX);
  // common[i][j]: how many lines the ends from i and from j have in common, at best.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      (common[i] as Uint16Array)[j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push({ left: a[i++], right: b[j++] });
    else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1)))
      lines.push({ left: a[i++], right: undefined });
    else lines.push({ left: undefined, right: b[j++] });
  }
  return lines;
}
