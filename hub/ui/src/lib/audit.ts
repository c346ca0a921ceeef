/** Entries of the audit log, as people read them. */

import type { Json } from "./event-shape.ts";

export interface Change {
  field: string;
  before: string;
  after: string;
}

const NOTHING = "nothing";

function word(value: Json | undefined): string {
  if (value === null || value === undefined || value === "") return NOTHING;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The fields that an entry says were changed. */
export function changesOf(data: Record<string, Json>): Change[] {
  const { changes } = data;
  if (typeof changes !== "object" || changes === null || Array.isArray(changes)) return [];
  return Object.entries(changes).flatMap(([field, both]) =>
    Array.isArray(both) && both.length === 2 ? [{ field, before: word(both[0]), after: word(both[1]) }] : [],
  );
}

/** What else an entry says, but for its changes and what it names. */
export function detailsOf(data: Record<string, Json>): [name: string, value: Json][] {
  return Object.entries(data).filter(([name]) => !["changes", "targets", "count"].includes(name));
}

/** The things that an entry about many names: the first of them. */
export function namesOf(data: Record<string, Json>): string[] {
  if (!Array.isArray(data.targets)) return [];
  return data.targets.flatMap((each) =>
    typeof each === "object" && each !== null && !Array.isArray(each) && typeof each.name === "string"
      ? [each.name]
      : [],
  );
}

/** How many things it was done to, by their kind: "3 issues"; one thing by its name. */
export function targetText(kind: string, label: string, id: string, data: Record<string, Json>): string {
  if (typeof data.count === "number") return `${data.count} ${kind}${data.count === 1 ? "" : "s"}`;
  return label || id;
}
