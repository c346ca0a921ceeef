/** Why events are in one issue, what sets them apart, and the rules of a project about it. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import { issueKey } from "./issues.ts";
import { projectKey } from "./projects.ts";
import type {
  EventSummary,
  GroupingChange,
  GroupingInfo,
  GroupingSettings,
  GroupingTrial,
  GroupingTrialAnswer,
  IssueHash,
  Neighbour,
  Parted,
} from "./types.ts";

const at = (org: string, slug: string) => `vedette/projects/${org}/${slug}/grouping/`;
const issueAt = (org: string, issue: string) => `organizations/${org}/issues/${issue}/`;

/** Why an event is in its issue, and what it nearly joined. */
export const groupingInfoQuery = (org: string, slug: string, event: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "grouping-info", event],
    queryFn: ({ signal }) =>
      get<GroupingInfo>(`projects/${org}/${slug}/events/${event}/grouping-info/`, { signal }),
    staleTime: 60_000,
  });

export const similarQuery = (org: string, issue: string) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "similar"],
    queryFn: ({ signal }) => get<Neighbour[]>(`${issueAt(org, issue)}similar/`, { signal }),
    staleTime: 60_000,
  });

/** Hashes that lead to an issue. */
export const hashesQuery = (org: string, issue: string) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "hashes"],
    queryFn: ({ signal }) => get<IssueHash[]>(`${issueAt(org, issue)}hashes/`, { signal }),
  });

/** Takes the events of hashes out of an issue, into one of their own. */
export async function unmerge(org: string, issue: string, hashes: readonly string[]) {
  const query = { id: [...hashes] };
  return (await request<Parted>("DELETE", `${issueAt(org, issue)}hashes/`, { query })).data;
}

/** Gives each value of a tag an issue of its own, for good. */
export async function splitIssue(org: string, issue: string, tag: string) {
  const path = `vedette/organizations/${org}/issues/${issue}/split/`;
  return (await request<Parted>("POST", path, { body: { tag } })).data;
}

/** Puts issues back that were made of one; it is as it was. */
export async function putBack(org: string, { source, issues }: Parted): Promise<void> {
  const path = `vedette/organizations/${org}/issues/${source}/split/`;
  await request("DELETE", path, { query: { id: issues } });
}

export const groupingQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "grouping"],
    queryFn: ({ signal }) => get<GroupingSettings>(at(org, slug), { signal }),
  });

export async function updateGrouping(org: string, slug: string, body: GroupingChange) {
  return (await request<GroupingSettings>("PUT", at(org, slug), { body })).data;
}

/** How an event would be grouped by rules that are not in force yet. */
export const groupingTrialQuery = (org: string, slug: string, body: GroupingTrial) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "grouping", "trial", body],
    queryFn: async ({ signal }) =>
      (await request<GroupingTrialAnswer>("POST", `${at(org, slug)}try/`, { body, signal })).data,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 10_000,
  });

/** The latest event of a project: what rules are tried on. */
export const latestEventQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "latest-event"],
    queryFn: async ({ signal }) =>
      (await get<EventSummary[]>(`projects/${org}/${slug}/events/`, { signal, query: { per_page: 1 } }))[0] ??
      null,
    staleTime: 60_000,
  });
