/** Erasures: who or what is to be forgotten, and how far it is. */

import { queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import type { Erasure, ErasureWish } from "./types.ts";

/** How often is looked while the hub is at work, in milliseconds. */
const WHILE_AT_WORK_MS = 2000;

const at = (org: string, slug: string) => `projects/${org}/${slug}/erasures/`;

export const erasuresQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: ["org", org, "project", slug, "erasures"],
    queryFn: ({ signal }) => get<Erasure[]>(at(org, slug), { signal }),
    refetchInterval: ({ state }) =>
      state.data?.some((erasure) => !erasure.hub.dateDone) ? WHILE_AT_WORK_MS : false,
  });

export async function askErasure(org: string, slug: string, wish: ErasureWish) {
  return (await request<Erasure>("POST", at(org, slug), { body: wish })).data;
}
