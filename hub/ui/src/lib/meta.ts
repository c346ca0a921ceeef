/**
 * Remarks: what the relay or the hub changed in an event, and which rule made it do so.
 *
 * `_meta` has the shape of the event; a node's own remarks lie under the empty key:
 * `{"": {"rem": [["@password", "s", 0, 10]], "len": 40, "err": [...]}}`.
 */

export type Meta = { [key: string]: unknown } | null | undefined;

export interface Remark {
  rule: string;
  /** What was done, as a participle. */
  action: string;
}

const ACTIONS: Record<string, string> = {
  a: "noticed",
  x: "removed",
  s: "replaced",
  m: "masked",
  p: "replaced by a pseudonym",
  e: "encrypted",
};

/** The remarks of a child. Lists are maps from their indices. */
export function child(meta: Meta, ...path: (string | number)[]): Meta {
  let node: unknown = meta;
  for (const key of path) {
    if (typeof node !== "object" || node === null) return null;
    node = (node as Record<string, unknown>)[String(key)];
  }
  return typeof node === "object" && node !== null ? (node as Meta) : null;
}

export function remarks(meta: Meta): Remark[] {
  const own = child(meta, "") as { rem?: unknown } | null;
  if (!own || !Array.isArray(own.rem)) return [];
  return own.rem.filter(Array.isArray).map((rem) => ({
    rule: String(rem[0] ?? "unknown rule"),
    action: ACTIONS[String(rem[1] ?? "")] ?? "changed",
  }));
}

/** What a node says about itself, in sentences for a tooltip. */
export function explain(meta: Meta): string[] {
  const own = child(meta, "") as { len?: unknown; err?: unknown } | null;
  const lines = remarks(meta).map(({ rule, action }) => `${capital(action)} by the rule ${rule}`);
  if (own && typeof own.len === "number") lines.push(`Was ${own.len} characters long`);
  if (own && Array.isArray(own.err)) {
    for (const err of own.err) lines.push(`Not valid: ${String(Array.isArray(err) ? err[0] : err)}`);
  }
  return lines;
}

/** How many values below this node were changed. */
export function total(meta: unknown): number {
  if (typeof meta !== "object" || meta === null) return 0;
  let n = 0;
  for (const [key, value] of Object.entries(meta)) {
    if (key === "") n += remarks({ "": value }).length > 0 ? 1 : 0;
    else n += total(value);
  }
  return n;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
