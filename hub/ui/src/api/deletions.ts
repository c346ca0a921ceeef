/** Deletions and merges of many issues: asked for, watched, taken back. */

import { queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import { IDS_MAX, type IssueFilter } from "./issues.ts";
import type { Deletion } from "./types.ts";

/** How long one can be taken back, in seconds: as long as the page offers it, and the way there. */
const UNDO_SECS = 12;

export const deletionsKey = (org: string) => ["org", org, "deletions"] as const;

/** Those that are not done. */
export const deletionsQuery = (org: string) =>
  queryOptions({
    queryKey: deletionsKey(org),
    queryFn: ({ signal }) => get<Deletion[]>(`vedette/organizations/${org}/deletions/`, { signal }),
    refetchInterval: (query) => (query.state.data?.length ? 2000 : false),
    staleTime: 10_000,
  });

/** Issues go, or all that a search finds; tells of each deletion that the hub makes of it. */
export async function deleteIssues(
  org: string,
  what: readonly string[] | IssueFilter,
  onAsked: (deletion: Deletion) => void,
): Promise<void> {
  const ask = async (query: object) => {
    const asked = { query: { ...query, undoSeconds: UNDO_SECS }, keep: ["query"] };
    const { data, status } = await request<Deletion>("DELETE", `organizations/${org}/issues/`, asked);
    if (status === 202) onAsked(data);
  };
  if ("query" in what) return ask(searchOf(what));
  for (let i = 0; i < what.length; i += IDS_MAX) await ask({ id: what.slice(i, i + IDS_MAX) });
}

/** Issues go, and what comes of them is dropped from then on. */
export async function discardIssues(
  org: string,
  ids: readonly string[],
  onAsked: (deletion: Deletion) => void,
): Promise<void> {
  for (let i = 0; i < ids.length; i += IDS_MAX) {
    const asked = {
      query: { id: ids.slice(i, i + IDS_MAX), undoSeconds: UNDO_SECS },
      body: { discard: true },
    };
    const { data, status } = await request<Deletion>("PUT", `organizations/${org}/issues/`, asked);
    if (status === 202) onAsked(data);
  }
}

/**
 * Makes one issue of several, or of all that a search finds: the one with most events has the
 * others' too. What the hub makes of it; nothing where there is nothing to merge.
 */
export async function mergeIssues(
  org: string,
  what: readonly string[] | IssueFilter,
): Promise<Deletion | null> {
  const query = "query" in what ? searchOf(what) : { id: what };
  const asked = {
    query: { ...query, undoSeconds: UNDO_SECS },
    keep: ["query"],
    body: { merge: 1 },
  };
  const { data, status } = await request<Deletion>("PUT", `organizations/${org}/issues/`, asked);
  return status === 202 ? data : null;
}

/** What a search finds, in whatever order. */
function searchOf({ sort: _, groupStatsPeriod: __, ...search }: IssueFilter) {
  return search;
}

export async function takeBack(org: string, deletion: string): Promise<void> {
  await request("DELETE", `vedette/organizations/${org}/deletions/${deletion}/`);
}
