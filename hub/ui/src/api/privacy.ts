/** Rules of what relays remove, trials of them, and what was removed. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { apiUrl, get, request } from "./client.ts";
import type {
  OrganizationChange,
  OrganizationDetail,
  PrivacyDryRun,
  PrivacyPreview,
  Removals,
} from "./types.ts";

export const organizationKey = (org: string) => ["org", org, "detail"] as const;

export const organizationQuery = (org: string) =>
  queryOptions({
    queryKey: organizationKey(org),
    queryFn: ({ signal }) => get<OrganizationDetail>(`organizations/${org}/`, { signal }),
  });

export interface RemovalQuestion {
  statsPeriod?: string;
  start?: string;
  end?: string;
  project?: readonly string[];
}

const removalsAt = (org: string) => `vedette/organizations/${org}/removals/`;

export const removalsQuery = (org: string, asked: RemovalQuestion) =>
  queryOptions({
    queryKey: ["org", org, "removals", asked],
    queryFn: ({ signal }) => get<Removals>(removalsAt(org), { signal, query: { ...asked } }),
    placeholderData: keepPreviousData,
  });

/** The same as a file for spreadsheets. */
export function removalsFile(org: string, asked: RemovalQuestion): string {
  return apiUrl(removalsAt(org), { ...asked, format: "csv" }).toString();
}

/** What is left out stays. */
export async function setOrganizationPrivacy(org: string, change: OrganizationChange) {
  return (await request<OrganizationDetail>("PUT", `organizations/${org}/`, { body: change })).data;
}

const trialAt = (org: string, slug: string) => `vedette/projects/${org}/${slug}/privacy/`;

export async function previewRules(org: string, slug: string, rules: string) {
  return (await request<PrivacyPreview>("POST", `${trialAt(org, slug)}preview/`, { body: { rules } })).data;
}

export async function dryRunRules(org: string, slug: string, rules: string) {
  return (await request<PrivacyDryRun>("POST", `${trialAt(org, slug)}dry-run/`, { body: { rules } })).data;
}
