/** Issues that whoever has the link may see. */

import { queryOptions } from "@tanstack/react-query";
import { get, request, segment } from "./client.ts";
import type { SharedIssue } from "./types.ts";

export const sharedIssueQuery = (shareId: string) =>
  queryOptions({
    queryKey: ["shared", shareId],
    queryFn: ({ signal }) => get<SharedIssue>(`shared/issues/${segment(shareId)}/`, { signal }),
    retry: false,
    staleTime: 60_000,
  });

/** Shares an issue, or takes its link back. */
export async function share(org: string, issue: string, isPublic: boolean): Promise<void> {
  await request("PUT", `organizations/${org}/issues/`, { query: { id: [issue] }, body: { isPublic } });
}
