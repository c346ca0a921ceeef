/** Files that came with an event. */

import { queryOptions } from "@tanstack/react-query";
import { apiUrl, bytesOf, get } from "./client.ts";
import type { Attachment } from "./types.ts";

/** Of a file, no more than this is looked into; all of it can be downloaded. */
export const VIEWED_BYTES_MAX = 4 * 1024 * 1024;

const path = (org: string, project: string, event: string) =>
  `projects/${org}/${project}/events/${event}/attachments/`;

export const attachmentsQuery = (org: string, project: string, event: string) =>
  queryOptions({
    queryKey: ["org", org, "project", project, "event", event, "attachments"],
    queryFn: ({ signal }) => get<Attachment[]>(path(org, project, event), { signal }),
    staleTime: 30_000,
  });

export const attachmentBytesQuery = (org: string, project: string, event: string, id: string) =>
  queryOptions({
    queryKey: ["org", org, "project", project, "event", event, "attachment", id],
    queryFn: ({ signal }) => bytesOf(`${path(org, project, event)}${id}/`, VIEWED_BYTES_MAX, signal),
    staleTime: Number.POSITIVE_INFINITY,
    // Megabytes are not kept for those who went on.
    gcTime: 0,
  });

export function attachmentUrl(org: string, project: string, event: string, id: string): string {
  return apiUrl(`${path(org, project, event)}${id}/`, { download: "1" }).href;
}
