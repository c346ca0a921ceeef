/** Releases: what they are made of, where they were deployed, and whose commits may have brought an issue. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, request, segment } from "./client.ts";
import { issueKey } from "./issues.ts";
import { getPage } from "./page.ts";
import type { Commit, CommitFile, Committers, Deploy, Issue, ReleaseChange, ReleaseOfList } from "./types.ts";

export interface ReleaseFilter {
  /** A part of the version. */
  query?: string;
  project?: readonly string[];
  status?: "archived";
  sort?: string;
  /** Of the sessions, which the list tells of with each release. */
  environment?: readonly string[];
}

const PAGE_SIZE = 50;

/** Of lists and of single ones alike: what is done to a release shows in both. */
export const releasesKey = (org: string) => ["org", org, "releases"] as const;
export const releaseKey = (org: string, version: string) => [...releasesKey(org), "one", version] as const;

const at = (org: string, version: string) => `organizations/${org}/releases/${segment(version)}/`;

/** All releases that a filter finds, the latest first. */
export const releaseListQuery = (org: string, filter: ReleaseFilter) =>
  infiniteQueryOptions({
    queryKey: [...releasesKey(org), "list", filter],
    queryFn: ({ pageParam, signal }) => {
      const query = { ...filter, health: "1", cursor: pageParam, per_page: PAGE_SIZE };
      return getPage<ReleaseOfList>(`organizations/${org}/releases/`, { signal, query });
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });

/** The releases of a time, the latest first: no chart shows more than a page of them. */
export const releasesQuery = (org: string, project: readonly string[], statsPeriod: "24h" | "14d" | "30d") =>
  queryOptions({
    queryKey: [...releasesKey(org), project, statsPeriod],
    queryFn: async ({ signal }) => {
      const query = { project, statsPeriod, per_page: 100 };
      return (await getPage<ReleaseOfList>(`organizations/${org}/releases/`, { signal, query })).items;
    },
    staleTime: 60_000,
  });

/** Some releases whose version has a part, the latest first: for who names one. */
export const releaseNamesQuery = (org: string, project: readonly string[], part: string) =>
  queryOptions({
    queryKey: [...releasesKey(org), "names", project, part],
    queryFn: async ({ signal }) => {
      const query = { project, query: part, per_page: 20 };
      const { items } = await getPage<ReleaseOfList>(`organizations/${org}/releases/`, { signal, query });
      return items.map(({ version }) => version);
    },
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

export const releaseQuery = (org: string, version: string) =>
  queryOptions({
    queryKey: releaseKey(org, version),
    queryFn: ({ signal }) => get<ReleaseOfList>(at(org, version), { signal }),
    staleTime: 2000,
  });

export const deploysQuery = (org: string, version: string) =>
  queryOptions({
    queryKey: [...releaseKey(org, version), "deploys"],
    queryFn: ({ signal }) => get<Deploy[]>(`${at(org, version)}deploys/`, { signal }),
  });

export const commitsQuery = (org: string, version: string) =>
  queryOptions({
    queryKey: [...releaseKey(org, version), "commits"],
    queryFn: ({ signal }) => get<Commit[]>(`${at(org, version)}commits/`, { signal }),
  });

/** The files that its commits touched. */
export const commitFilesQuery = (org: string, version: string) =>
  queryOptions({
    queryKey: [...releaseKey(org, version), "files"],
    queryFn: ({ signal }) => get<CommitFile[]>(`${at(org, version)}commitfiles/`, { signal }),
  });

/** The last one before it that has commits, if there is one. */
export const previousQuery = (org: string, version: string) =>
  queryOptions({
    queryKey: [...releaseKey(org, version), "previous"],
    queryFn: async ({ signal }) => {
      const found = await get<Partial<ReleaseOfList>>(`${at(org, version)}previous-with-commits/`, {
        signal,
      });
      return found.version ? { version: found.version, shortVersion: found.shortVersion } : null;
    },
  });

/** The first few issues that a search finds in all projects, whatever their status. */
export const issuesOfReleaseQuery = (org: string, version: string, search: string, max: number) =>
  queryOptions({
    queryKey: [...releaseKey(org, version), "issues", search, max],
    queryFn: async ({ signal }) => {
      const query = { query: search, sort: "freq", limit: max };
      return (await getPage<Issue>(`organizations/${org}/issues/`, { signal, query })).items;
    },
  });

export async function changeRelease(org: string, version: string, change: ReleaseChange) {
  return (await request<ReleaseOfList>("PUT", at(org, version), { body: change })).data;
}

export async function removeRelease(org: string, version: string): Promise<void> {
  await request("DELETE", at(org, version));
}

export const committersQuery = (org: string, issue: string) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "committers"],
    queryFn: ({ signal }) => get<Committers>(`organizations/${org}/issues/${issue}/committers/`, { signal }),
    staleTime: 60_000,
  });
