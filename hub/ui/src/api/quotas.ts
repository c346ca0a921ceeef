/** The limits over all projects of an organization. */

import { queryOptions } from "@tanstack/react-query";
import type { Quota } from "../lib/quota.ts";
import { get, request } from "./client.ts";
import type { OrganizationQuotas } from "./types.ts";

const at = (org: string) => `vedette/organizations/${org}/quotas/`;

export const quotasQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "quotas"],
    queryFn: ({ signal }) => get<OrganizationQuotas>(at(org), { signal }),
  });

export async function setQuotas(org: string, quotas: Quota[]) {
  return (await request<OrganizationQuotas>("PUT", at(org), { body: { quotas } })).data;
}
