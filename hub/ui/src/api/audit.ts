/** The audit log of an organization: who changed what. */

import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { request } from "./client.ts";
import { parseLinks } from "./page.ts";
import type { AuditEntry, AuditLog } from "./types.ts";

export interface AuditFilter {
  event?: string;
  /** A user's id. */
  actor?: string;
  target?: string;
  statsPeriod?: string;
  start?: string;
  end?: string;
}

/** Entries that one export holds; what is more, `vedette-hub audit export` writes. */
export const EXPORT_MAX = 10_000;

async function page(org: string, filter: AuditFilter, cursor: string, signal?: AbortSignal) {
  const query = { ...filter, cursor: cursor || undefined };
  const { data, headers } = await request<AuditLog>("GET", `organizations/${org}/audit-logs/`, {
    query,
    signal,
  });
  return { ...data, next: parseLinks(headers.get("Link")).next };
}

export const auditQuery = (org: string, filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ["org", org, "audit", filter],
    queryFn: ({ pageParam, signal }) => page(org, filter, pageParam, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
  });

/** What a filter finds, the latest first; says whether there is more. */
export async function exportAudit(org: string, filter: AuditFilter) {
  const rows: AuditEntry[] = [];
  let cursor: string | null = "";
  while (cursor !== null && rows.length < EXPORT_MAX) {
    const { rows: more, next }: { rows: AuditEntry[]; next: string | null } = await page(org, filter, cursor);
    rows.push(...more);
    cursor = next;
  }
  return { rows, isCut: cursor !== null };
}
