/** Releases, when they came, and whose commits may have brought an issue. */

import { queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";
import { issueKey } from "./issues.ts";
import { getPage } from "./page.ts";
import type { Committers, ReleaseOfList } from "./types.ts";

/** The releases of a time, the latest first: no chart shows more than a page of them. */
export const releasesQuery = (org: string, project: readonly string[], statsPeriod: "24h" | "30d") =>
  queryOptions({
    queryKey: ["org", org, "releases", project, statsPeriod],
    queryFn: async ({ signal }) => {
      const query = { project, statsPeriod, per_page: 100 };
      return (await getPage<ReleaseOfList>(`organizations/${org}/releases/`, { signal, query })).items;
    },
    staleTime: 60_000,
  });

export const committersQuery = (org: string, issue: string) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "committers"],
    queryFn: ({ signal }) => get<Committers>(`organizations/${org}/issues/${issue}/committers/`, { signal }),
    staleTime: 60_000,
  });
