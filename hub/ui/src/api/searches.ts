/** Searches that people keep, for themselves or for everyone, and what their list begins with. */

import { queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import type { NewSearch, SavedSearch } from "./types.ts";

const at = (org: string) => `organizations/${org}/searches/`;
const pinnedAt = (org: string) => `organizations/${org}/pinned-searches/`;

export const searchesQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "searches"],
    queryFn: ({ signal }) => get<SavedSearch[]>(at(org), { signal }),
    staleTime: 60_000,
  });

export async function saveSearch(org: string, body: NewSearch) {
  return (await request<SavedSearch>("POST", at(org), { body })).data;
}

export async function removeSearch(org: string, id: string) {
  await request("DELETE", `${at(org)}${id}/`);
}

export async function pinSearch(org: string, body: { query: string; sort: string }) {
  await request("PUT", pinnedAt(org), { body });
}

export async function unpinSearch(org: string) {
  await request("DELETE", pinnedAt(org));
}
