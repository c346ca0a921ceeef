/** Cursor pages: the `Link` header, and the counts beside it. Cursors are opaque. */

import { type RequestOptions, request } from "./client.ts";

export interface Page<T> {
  items: T[];
  next: string | null;
  previous: string | null;
  /** How many there are in all, when the API says so. */
  hits: number | null;
  /** The count stops here: `hits` then means "at least". */
  maxHits: number | null;
  /** The query names the one item by its id. */
  isDirectHit: boolean;
}

export interface Links {
  next: string | null;
  previous: string | null;
}

/** Both relations are always sent; `results="true"` says whether there is something behind them. */
export function parseLinks(header: string | null): Links {
  const links: Links = { next: null, previous: null };
  for (const match of (header ?? "").matchAll(/<[^>]*>((?:\s*;\s*\w+="[^"]*")+)/g)) {
    const attributes = new Map(
      [...(match[1] as string).matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1] as string, m[2] as string]),
    );
    if (attributes.get("results") !== "true") continue;
    const cursor = attributes.get("cursor") ?? null;
    if (attributes.get("rel") === "next") links.next = cursor;
    if (attributes.get("rel") === "previous") links.previous = cursor;
  }
  return links;
}

/** `within` is the field that has the list, where the answer is not the list itself. */
export async function getPage<T>(path: string, options?: RequestOptions, within?: string): Promise<Page<T>> {
  const { data: answer, headers } = await request<T[] | Record<string, T[]>>("GET", path, options);
  const data = within === undefined ? answer : (answer as Record<string, T[]> | null)?.[within];
  const number = (name: string) => {
    const text = headers.get(name);
    return text === null || !/^\d+$/.test(text) ? null : Number(text);
  };
  return {
    items: Array.isArray(data) ? data : [],
    ...parseLinks(headers.get("Link")),
    hits: number("X-Hits"),
    maxHits: number("X-Max-Hits"),
    isDirectHit: headers.get("X-Sentry-Direct-Hit") === "1",
  };
}
