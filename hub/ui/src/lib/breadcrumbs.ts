/** What led to an event: in which order it happened, and each step in words. */

import type { Breadcrumb, Json } from "./event-shape.ts";
import { toMillis } from "./time.ts";

/** By time: several parts of an SDK may each have kept their own. One without a time stays with the one before. */
export function inOrder(crumbs: readonly (Breadcrumb | null)[]): { crumb: Breadcrumb; index: number }[] {
  let last = Number.NEGATIVE_INFINITY;
  return crumbs
    .map((crumb, index) => {
      last = toMillis(crumb?.timestamp) ?? last;
      return { crumb: crumb ?? {}, index, time: last };
    })
    .sort((a, b) => (a.time === b.time ? a.index - b.index : a.time - b.time))
    .map(({ crumb, index }) => ({ crumb, index }));
}

/** Kinds that speak through their data get a sentence; what it does not say stays as data. */
export function describe(crumb: Breadcrumb): { headline: string; rest: Record<string, Json> | null } {
  const data = { ...(crumb.data ?? {}) };
  const take = (...names: string[]): string => {
    for (const key of names) {
      const value = data[key];
      if (value !== undefined && value !== null && value !== "") {
        delete data[key];
        return typeof value === "string" ? value : JSON.stringify(value);
      }
    }
    return "";
  };
  let headline = crumb.message ?? "";
  const category = crumb.category ?? "";
  if (
    !headline &&
    (crumb.type === "http" || category === "xhr" || category === "fetch" || category.startsWith("http"))
  ) {
    const method = take("method", "http.method") || "GET";
    const url = take("url", "http.url");
    const status = take("status_code", "http.response.status_code", "status");
    headline = `${method} ${url}${status ? ` → ${status}` : ""}`.trim();
  } else if (!headline && (crumb.type === "navigation" || category === "navigation")) {
    const from = take("from");
    const to = take("to");
    headline = from && to ? `${from} → ${to}` : to || from;
  } else if (!headline) {
    headline = take("message", "description", "action", "name", "arguments");
  }
  const left = Object.keys(data).length > 0 ? (data as Record<string, Json>) : null;
  return { headline, rest: left };
}
