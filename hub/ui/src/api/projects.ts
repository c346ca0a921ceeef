/** Projects, their keys, alert rules and notifications. */

import { queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import type { components } from "./schema.gen.ts";
import type {
  AlertRule,
  InboundFilter,
  Intake,
  IntakeChange,
  Notification,
  Project,
  ProjectChange,
  ProjectDetail,
  ProjectKey,
  RuleBody,
  RuleChange,
} from "./types.ts";

export const projectsKey = (org: string) => ["org", org, "projects"] as const;
export const projectKey = (org: string, slug: string) => ["org", org, "project", slug] as const;

const at = (org: string, slug: string) => `projects/${org}/${slug}/`;

export const projectsQuery = (org: string) =>
  queryOptions({
    queryKey: projectsKey(org),
    queryFn: ({ signal }) =>
      get<Project[]>(`organizations/${org}/projects/`, { signal, query: { statsPeriod: "24h" } }),
    staleTime: 30_000,
  });

export const projectQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: projectKey(org, slug),
    queryFn: ({ signal }) => get<ProjectDetail>(at(org, slug), { signal }),
  });

export const keysQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "keys"],
    queryFn: ({ signal }) => get<ProjectKey[]>(`${at(org, slug)}keys/`, { signal }),
  });

export const filtersKey = (org: string, slug: string) => [...projectKey(org, slug), "filters"] as const;
export const intakeKey = (org: string, slug: string) => [...projectKey(org, slug), "intake"] as const;

export const filtersQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: filtersKey(org, slug),
    queryFn: ({ signal }) => get<InboundFilter[]>(`${at(org, slug)}filters/`, { signal }),
  });

export const intakeQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: intakeKey(org, slug),
    queryFn: ({ signal }) => get<Intake>(`vedette/projects/${org}/${slug}/intake/`, { signal }),
  });

export const rulesQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "rules"],
    queryFn: ({ signal }) => get<AlertRule[]>(`${at(org, slug)}rules/`, { signal }),
  });

export const notificationsQuery = (org: string, slug: string) =>
  queryOptions({
    queryKey: [...projectKey(org, slug), "notifications"],
    queryFn: ({ signal }) => get<Notification[]>(`${at(org, slug)}notifications/`, { signal }),
    refetchInterval: 10_000,
  });

export async function createProject(org: string, body: { name: string; slug?: string; platform: string }) {
  return (await request<ProjectDetail>("POST", `organizations/${org}/projects/`, { body })).data;
}

export async function updateProject(org: string, slug: string, body: ProjectChange) {
  return (await request<ProjectDetail>("PUT", at(org, slug), { body })).data;
}

export async function setFilter(
  org: string,
  slug: string,
  id: string,
  body: { active?: boolean; subfilters?: string[] },
) {
  await request("PUT", `${at(org, slug)}filters/${id}/`, { body });
}

export async function updateIntake(org: string, slug: string, body: IntakeChange) {
  return (await request<Intake>("PUT", `vedette/projects/${org}/${slug}/intake/`, { body })).data;
}

export async function deleteProject(org: string, slug: string) {
  await request("DELETE", at(org, slug));
}

export async function createKey(org: string, slug: string, name: string) {
  return (await request<ProjectKey>("POST", `${at(org, slug)}keys/`, { body: { name } })).data;
}

export type KeyChange = Partial<components["schemas"]["KeyChange"]>;

export async function updateKey(org: string, slug: string, id: string, body: KeyChange) {
  return (await request<ProjectKey>("PUT", `${at(org, slug)}keys/${id}/`, { body })).data;
}

export async function deleteKey(org: string, slug: string, id: string) {
  await request("DELETE", `${at(org, slug)}keys/${id}/`);
}

export async function createRule(org: string, slug: string, body: RuleBody) {
  return (await request<AlertRule>("POST", `${at(org, slug)}rules/`, { body })).data;
}

export async function updateRule(org: string, slug: string, id: string, body: RuleChange) {
  return (await request<AlertRule>("PUT", `${at(org, slug)}rules/${id}/`, { body })).data;
}

export async function deleteRule(org: string, slug: string, id: string) {
  await request("DELETE", `${at(org, slug)}rules/${id}/`);
}

export async function testRule(org: string, slug: string, id: string) {
  return (await request<unknown>("POST", `${at(org, slug)}rules/${id}/test/`, { body: {} })).data;
}
