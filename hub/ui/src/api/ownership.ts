/** Who looks after what of a project, and whom its rules name. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import { issueKey } from "./issues.ts";
import { projectKey } from "./projects.ts";
import type { Codeowners, Ownership, OwnershipChange, SuggestedOwners } from "./types.ts";

const at = (org: string, slug: string) => `projects/${org}/${slug}/`;
const codeownersAt = (org: string, slug: string) => `${at(org, slug)}codeowners/`;

export const ownershipQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "ownership"],
    queryFn: ({ signal }) => get<Ownership>(`${at(org, slug)}ownership/`, { signal }),
  });

export async function updateOwnership(org: string, slug: string, body: OwnershipChange) {
  return (await request<Ownership>("PUT", `${at(org, slug)}ownership/`, { body })).data;
}

export const codeownersQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "codeowners"],
    queryFn: ({ signal }) => get<Codeowners[]>(codeownersAt(org, slug), { signal }),
  });

export async function uploadCodeowners(org: string, slug: string, raw: string) {
  return (await request<Codeowners>("POST", codeownersAt(org, slug), { body: { raw } })).data;
}

export async function removeCodeowners(org: string, slug: string, id: string) {
  await request("DELETE", `${codeownersAt(org, slug)}${id}/`);
}

/** Whom rules that are not in force yet name for the project's latest event. */
export const ownershipTrialQuery = (org: string, slug: string, raw: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "ownership", "trial", raw],
    queryFn: async ({ signal }) =>
      (
        await request<SuggestedOwners>("POST", `vedette/projects/${org}/${slug}/ownership/try/`, {
          body: { raw },
          signal,
        })
      ).data,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 10_000,
  });

/** Whom the project's rules name for an issue. */
export const issueOwnersQuery = (org: string, issue: string) =>
  queryOptions({
    queryKey: [...issueKey(org, issue), "owners"],
    queryFn: ({ signal }) => get<SuggestedOwners>(`organizations/${org}/issues/${issue}/owners/`, { signal }),
    staleTime: 60_000,
  });
