/** Issues and their events: what to ask, how it is cached, how it is changed. */

import {
  type InfiniteData,
  infiniteQueryOptions,
  keepPreviousData,
  type QueryClient,
  queryOptions,
} from "@tanstack/react-query";
import { get, request, segment } from "./client.ts";
import { getPage, type Page } from "./page.ts";
import type {
  Activity,
  Corrections,
  Environment,
  EventDetail,
  EventSummary,
  Issue,
  IssueDetail,
  IssueStatus,
  IssueTag,
  StatusWish,
  Suggestions,
  TagValue,
  Tombstone,
} from "./types.ts";

export const PAGE_SIZE = 50;
/** Behind the first page one is on the way down: fewer and larger answers. */
const FURTHER_PAGE_SIZE = 100;

export interface IssueFilter {
  query: string;
  sort: string;
  project: readonly string[];
  environment: readonly string[];
  statsPeriod?: string;
  start?: string;
  end?: string;
  /** What the counts over time cover; a day when absent. */
  groupStatsPeriod?: "14d";
}

export type IssuePage = Page<Issue>;
export type IssuePages = InfiniteData<IssuePage, string>;

/** More pages than these are not fetched anew by themselves: whoever reads that far down asks for it. */
export const LIVE_PAGES_MAX = 3;

export const issuesKey = (org: string) => ["org", org, "issues"] as const;
export const issueKey = (org: string, id: string) => ["org", org, "issue", id] as const;

const fetchIssues = (org: string, filter: IssueFilter, cursor: string, signal?: AbortSignal) =>
  getPage<Issue>(`organizations/${org}/issues/`, {
    signal,
    query: {
      ...filter,
      cursor,
      limit: cursor ? FURTHER_PAGE_SIZE : PAGE_SIZE,
      groupStatsPeriod: filter.groupStatsPeriod ?? "24h",
      shortIdLookup: 1,
    },
    // Without a query the API asks for unresolved issues; an empty one asks for all.
    keep: ["query"],
  });

export const issuesQuery = (org: string, filter: IssueFilter) =>
  infiniteQueryOptions({
    queryKey: [...issuesKey(org), filter],
    queryFn: ({ signal, pageParam }) => fetchIssues(org, filter, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (page: IssuePage) => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 0) > LIVE_PAGES_MAX ? false : 10_000),
    refetchOnWindowFocus: (query) => (query.state.data?.pages.length ?? 0) <= LIVE_PAGES_MAX,
    staleTime: 2000,
  });

/** Asks for the lists anew, but for those that are too long for it. */
export function refreshLists(client: QueryClient, org: string): Promise<void> {
  return client.invalidateQueries({
    queryKey: issuesKey(org),
    predicate: (query) =>
      ((query.state.data as IssuePages | undefined)?.pages?.length ?? 0) <= LIVE_PAGES_MAX,
  });
}

/** Every issue a search finds, up to `max`; tells how many were found after each step. */
export async function allIssues(
  org: string,
  filter: IssueFilter,
  max: number,
  onStep: (found: number) => void,
): Promise<Issue[]> {
  const found: Issue[] = [];
  let cursor: string | null = "";
  while (cursor !== null && found.length < max) {
    const page: IssuePage = await fetchIssues(org, filter, cursor);
    found.push(...page.items);
    cursor = page.next;
    onStep(found.length);
  }
  return found.slice(0, max);
}

export const issueQuery = (org: string, id: string) =>
  queryOptions({
    queryKey: issueKey(org, id),
    queryFn: ({ signal }) => get<IssueDetail>(`organizations/${org}/issues/${id}/`, { signal }),
    refetchInterval: 15_000,
    staleTime: 2000,
  });

/** What of an issue's numbers is of environments, where some are chosen. */
export type EnvironmentNumbers = Pick<
  IssueDetail,
  "count" | "userCount" | "firstSeen" | "lastSeen" | "stats"
>;

export const environmentNumbersQuery = (org: string, id: string, environment: readonly string[]) =>
  queryOptions({
    queryKey: [...issueKey(org, id), "numbers", environment],
    queryFn: async ({ signal }): Promise<EnvironmentNumbers> => {
      const at = `organizations/${org}/issues/${id}/`;
      const issue = await get<IssueDetail>(at, { signal, query: { environment } });
      const { count, userCount, firstSeen, lastSeen, stats } = issue;
      return { count, userCount, firstSeen, lastSeen, stats };
    },
    enabled: environment.length > 0,
    refetchInterval: 15_000,
    staleTime: 2000,
  });

/** The filter under which one steps through the events of an issue. */
export interface EventFilter {
  query?: string;
  environment?: readonly string[];
  /** From and to, ISO 8601. */
  start?: string;
  end?: string;
}

export const eventQuery = (org: string, issue: string, event: string, filter: EventFilter = {}) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "event", event, filter],
    queryFn: ({ signal }) =>
      get<EventDetail>(`organizations/${org}/issues/${issue}/events/${event}/`, {
        signal,
        query: { ...filter },
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

export const issueTagValuesQuery = (org: string, issue: string, key: string) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "tags", "values", key],
    queryFn: ({ signal }) =>
      get<TagValue[]>(`organizations/${org}/issues/${issue}/tags/${segment(key)}/values/`, { signal }),
    staleTime: 10_000,
  });

/** Keys that events have, or values of one key that begin so, with exact counts. */
export const suggestionsQuery = (org: string, project: readonly string[], key = "", part = "") =>
  queryOptions({
    queryKey: ["org", org, "suggestions", project, key, part],
    queryFn: ({ signal }) =>
      get<Suggestions>(`organizations/${org}/vedette/suggestions/`, {
        signal,
        query: { project, key, part },
      }),
    // What came before stays until the answer is here, where it is of the same key.
    placeholderData: (before, asked) => (asked?.queryKey[4] === key ? before : undefined),
    staleTime: 30_000,
  });

/** What a search that finds nothing may have been meant for. */
export const correctionsQuery = (org: string, filter: IssueFilter) =>
  queryOptions({
    queryKey: ["org", org, "corrections", filter],
    queryFn: async ({ signal }) => {
      const { sort: _, groupStatsPeriod: __, ...query } = filter;
      const at = `organizations/${org}/vedette/corrections/`;
      return (await get<Corrections>(at, { signal, query })).corrections;
    },
    staleTime: 30_000,
  });

/** The issue of a short id. */
export const shortIdQuery = (org: string, shortId: string) =>
  queryOptions({
    queryKey: ["org", org, "shortid", shortId],
    queryFn: ({ signal }) =>
      get<{ group: Issue }>(`organizations/${org}/shortids/${segment(shortId)}/`, { signal }),
    staleTime: 60_000,
  });

/** Some issues that words find, for who wants to go to one of them. */
export const issuesByWordsQuery = (org: string, query: string) =>
  queryOptions({
    queryKey: ["org", org, "issues by words", query],
    queryFn: ({ signal }) =>
      get<Issue[]>(`organizations/${org}/issues/`, { signal, query: { query, limit: 5, sort: "date" } }),
    retry: false,
    staleTime: 10_000,
  });

/** Which issue has the event of an id. */
export const eventIdQuery = (org: string, event: string) =>
  queryOptions({
    queryKey: ["org", org, "eventid", event],
    queryFn: async ({ signal }) => {
      const at = `organizations/${org}/eventids/${segment(event)}/`;
      const { groupId, event: found } = await get<EventOfId>(at, { signal });
      return { groupID: groupId, title: found.title };
    },
    retry: false,
    staleTime: 60_000,
  });

interface EventOfId {
  groupId: string;
  event: EventDetail;
}

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

/** Whatever of an issue people change. */
export interface IssueEdit extends Partial<StatusChange> {
  /** `user:1`, `team:1`; empty is nobody. */
  assignedTo?: string;
  priority?: string;
  /** `false`: the hub weighs it again. */
  priorityLocked?: false;
  isBookmarked?: boolean;
  /** Whether the signed-in user is told of what others do to it. */
  isSubscribed?: boolean;
  /** `false`: somebody has looked at it. */
  inbox?: false;
}

/** The API takes this many ids at once. */
export const IDS_MAX = 100;

/** Changes issues in steps; `goesOn` hears how many are done and may end it there. */
export async function updateIssues(
  org: string,
  ids: readonly string[],
  change: IssueEdit,
  goesOn: (done: number) => boolean = () => true,
): Promise<void> {
  for (let i = 0; i < ids.length; i += IDS_MAX) {
    const step = ids.slice(i, i + IDS_MAX);
    await request("PUT", `organizations/${org}/issues/`, { query: { id: step }, body: change });
    if (!goesOn(i + step.length)) return;
  }
}

/** Whether the signed-in user is told of what others do to an issue. */
export async function subscribe(org: string, id: string, isSubscribed: boolean): Promise<void> {
  await request("PUT", `organizations/${org}/issues/`, { query: { id: [id] }, body: { isSubscribed } });
}

/** Notes that the signed-in user has seen an issue. */
export async function markSeen(org: string, id: string): Promise<void> {
  await request("PUT", `organizations/${org}/issues/`, { query: { id: [id] }, body: { hasSeen: true } });
}

/** What is left of discarded issues. */
export const tombstonesQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: ["org", org, "project", slug, "tombstones"],
    queryFn: ({ signal }) => get<Tombstone[]>(`projects/${org}/${slug}/tombstones/`, { signal }),
  });

export async function removeTombstone(org: string, slug: string, id: string): Promise<void> {
  await request("DELETE", `projects/${org}/${slug}/tombstones/${id}/`);
}

export const activityKey = (org: string, issue: string) => [...issueKey(org, issue), "activity"] as const;

/** What was done to an issue, the latest first. */
export const activityQuery = (org: string, issue: string) =>
  infiniteQueryOptions({
    queryKey: activityKey(org, issue),
    queryFn: ({ signal, pageParam }) => {
      const query = { cursor: pageParam, limit: PAGE_SIZE };
      return getPage<Activity>(
        `organizations/${org}/issues/${issue}/activities/`,
        { signal, query },
        "activity",
      );
    },
    initialPageParam: "",
    getNextPageParam: (page: Page<Activity>) => page.next,
    staleTime: 2000,
  });

const notesAt = (org: string, issue: string) => `organizations/${org}/issues/${issue}/notes/`;

export async function writeNote(org: string, issue: string, text: string): Promise<void> {
  await request("POST", notesAt(org, issue), { body: { text } });
}

export async function rewriteNote(org: string, issue: string, note: string, text: string): Promise<void> {
  await request("PUT", `${notesAt(org, issue)}${note}/`, { body: { text } });
}

export async function removeNote(org: string, issue: string, note: string): Promise<void> {
  await request("DELETE", `${notesAt(org, issue)}${note}/`);
}
