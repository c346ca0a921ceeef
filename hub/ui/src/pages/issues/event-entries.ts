/** The parts of an event by their type. */

import type { Entry, EventDetail } from "../../api/types.ts";
import { child, type Meta } from "../../lib/meta.ts";

export interface Found<T> {
  data: T;
  meta: Meta;
}

/** Remarks have the shape of what the SDK sent, where some things go by another name. */
const SENT_AS: Record<string, string> = { message: "logentry" };

/** The entry of a type, with the remarks on its data. */
export function find<T>(event: EventDetail, type: string): Found<T> | null {
  const entry = event.entries.find((each: Entry) => each.type === type && each.data);
  if (!entry) return null;
  return { data: entry.data as T, meta: child(event._meta, SENT_AS[type] ?? type) };
}

/** Lists may be sent bare, or as the values of an object. */
export function valuesMeta(meta: Meta | undefined): Meta {
  return child(meta, "values") ?? meta;
}
