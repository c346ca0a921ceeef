/** What is kept beside events: logs, spans, metrics, transactions and the rest. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { get, segment } from "./client.ts";
import { getPage, type Page } from "./page.ts";
import type { Item, ItemDetail } from "./types.ts";

const PAGE_SIZE = 100;
/** A list of more pages than this does not ask anew by itself. */
const LIVE_PAGES_MAX = 1;

/** Which items are looked for; no kind is every kind. */
export interface ItemFilter {
  kind?: string;
  trace?: string;
  project?: readonly string[];
  environment?: readonly string[];
  statsPeriod?: string;
  start?: string;
  end?: string;
}

export const itemsQuery = (org: string, filter: ItemFilter) =>
  infiniteQueryOptions({
    queryKey: ["org", org, "items", filter],
    queryFn: ({ signal, pageParam }) =>
      getPage<Item>(`organizations/${org}/vedette/items/`, {
        signal,
        query: { ...filter, cursor: pageParam, limit: PAGE_SIZE },
      }),
    initialPageParam: "",
    getNextPageParam: (page: Page<Item>) => page.next,
    refetchInterval: (query) =>
      (query.state.data?.pages.length ?? 0) > LIVE_PAGES_MAX || document.hidden ? false : 10_000,
  });

/** The kinds that are there. */
export const itemKindsQuery = (org: string, project: readonly string[] = []) =>
  queryOptions({
    queryKey: ["org", org, "item-kinds", project],
    queryFn: async ({ signal }) =>
      (
        await get<{ kinds: string[] }>(`organizations/${org}/vedette/item-kinds/`, {
          signal,
          query: { project },
        })
      ).kinds,
    staleTime: 30_000,
  });

const at = (org: string, project: string, id: string) =>
  `projects/${org}/${segment(project)}/vedette/items/${segment(id)}/`;

/** One item with its body; of a project by slug or id. */
export const itemQuery = (org: string, project: string, id: string) =>
  queryOptions({
    queryKey: ["org", org, "item", project, id],
    queryFn: ({ signal }) => get<ItemDetail>(at(org, project, id), { signal }),
    staleTime: 60_000,
  });

/** Where the body is as a file. */
export const itemFile = at;
