/** Who may own an issue: members and teams of an organization. */

import { queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";
import type { Member, Team } from "./types.ts";

export const membersQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "members"],
    queryFn: ({ signal }) => get<Member[]>(`organizations/${org}/members/`, { signal }),
    staleTime: 60_000,
  });

export const teamsQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "teams"],
    queryFn: ({ signal }) => get<Team[]>(`organizations/${org}/teams/`, { signal }),
    staleTime: 60_000,
  });
