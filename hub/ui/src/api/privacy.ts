/** Rules of what relays remove, trials of them, and what was removed. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { apiUrl, get, request } from "./client.ts";
import type {
  OrganizationChange,
  OrganizationDetail,
  PrivacyDryRun,
  PrivacyPreview,
  Removals,
  SettingsAsRules,
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

export const settingsAsRulesKey = (org: string) => ["org", org, "settings as rules"] as const;

/** The rules that privacy settings stand for: those of a project with its organization's, or the latter alone. */
export const settingsAsRulesQuery = (org: string, slug?: string) =>
  queryOptions({
    queryKey: [...settingsAsRulesKey(org), slug],
    queryFn: ({ signal }) => {
      const of = slug === undefined ? `organizations/${org}` : `projects/${org}/${slug}`;
      return get<SettingsAsRules>(`vedette/${of}/privacy/rules/`, { signal });
    },
  });

const trialAt = (org: string, slug: string) => `vedette/projects/${org}/${slug}/privacy/`;

export async function previewRules(org: string, slug: string, rules: string) {
  return (await request<PrivacyPreview>("POST", `${trialAt(org, slug)}preview/`, { body: { rules } })).data;
}

export async function dryRunRules(org: string, slug: string, rules: string) {
  return (await request<PrivacyDryRun>("POST", `${trialAt(org, slug)}dry-run/`, { body: { rules } })).data;
}
