/** Issues and their events: what to ask, how it is cached, how it is changed. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import { getPage, type Page } from "./page.ts";
import type {
  Environment,
  EventDetail,
  EventSummary,
  Issue,
  IssueDetail,
  IssueStatus,
  IssueTag,
  StatusWish,
} from "./types.ts";

export const PAGE_SIZE = 50;

export interface IssueFilter {
  query: string;
  sort: string;
  project: readonly string[];
  environment: readonly string[];
  statsPeriod?: string;
  start?: string;
  end?: string;
  cursor?: string;
}

export type IssuePage = Page<Issue>;

export const issuesKey = (org: string) => ["org", org, "issues"] as const;
export const issueKey = (org: string, id: string) => ["org", org, "issue", id] as const;

export const issuesQuery = (org: string, filter: IssueFilter) =>
  queryOptions({
    queryKey: [...issuesKey(org), filter],
    queryFn: ({ signal }) =>
      getPage<Issue>(`organizations/${org}/issues/`, {
        signal,
        query: { ...filter, limit: PAGE_SIZE, groupStatsPeriod: "24h" },
        // Without a query the API asks for unresolved issues; an empty one asks for all.
        keep: ["query"],
      }),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
    staleTime: 2000,
  });

export const issueQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: issueKey(org, id),
    queryFn: ({ signal }) => get<IssueDetail>(`organizations/${org}/issues/${id}/`, { signal }),
    refetchInterval: 15_000,
    staleTime: 2000,
  });

/** The filter under which one steps through the events of an issue. */
export interface EventFilter {
  query?: string;
  environment?: readonly string[];
}

export const eventQuery = (org: string, issue: string, event: string, filter: EventFilter = {}) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "event", event, filter],
    queryFn: ({ signal }) =>
      get<EventDetail>(`organizations/${org}/issues/${issue}/events/${event}/`, {
        signal,
        query: { query: filter.query, environment: filter.environment },
      }),
    placeholderData: keepPreviousData,
    staleTime: event === "latest" || event === "oldest" ? 2000 : 60_000,
  });

export const issueEventsQuery = (org: string, issue: string, filter: EventFilter) =>
  infiniteQueryOptions({
    queryKey: [...issueKey(org, issue), "events", filter],
    queryFn: ({ signal, pageParam }) =>
      getPage<EventSummary>(`organizations/${org}/issues/${issue}/events/`, {
        signal,
        query: { ...filter, cursor: pageParam, per_page: PAGE_SIZE },
      }),
    initialPageParam: "",
    getNextPageParam: (page: Page<EventSummary>) => page.next,
  });

export const issueTagsQuery = (org: string, issue: string, environment: readonly string[] = []) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "tags", environment],
    queryFn: ({ signal }) =>
      get<IssueTag[]>(`organizations/${org}/issues/${issue}/tags/`, { signal, query: { environment } }),
    staleTime: 10_000,
  });

export const environmentsQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "environments"],
    queryFn: ({ signal }) => get<Environment[]>(`organizations/${org}/environments/`, { signal }),
    staleTime: 60_000,
  });

export interface StatusChange {
  status: IssueStatus;
  statusDetails?: StatusWish;
  substatus?: string | null;
}

/** The API takes this many ids at once. */
const IDS_MAX = 100;

export async function updateIssues(org: string, ids: readonly string[], change: StatusChange): Promise<void> {
  for (let i = 0; i < ids.length; i += IDS_MAX) {
    await request("PUT", `organizations/${org}/issues/`, {
      query: { id: ids.slice(i, i + IDS_MAX) },
      body: change,
    });
  }
}

export async function deleteIssues(org: string, ids: readonly string[]): Promise<void> {
  for (let i = 0; i < ids.length; i += IDS_MAX) {
    await request("DELETE", `organizations/${org}/issues/`, { query: { id: ids.slice(i, i + IDS_MAX) } });
  }
}
