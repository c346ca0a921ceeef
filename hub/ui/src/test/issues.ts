/** Issues and events as the API gives them, with only what a test cares about to be said. */

import type { EventDetail, Issue, IssueDetail } from "../api/types.ts";

export function issue(part: Partial<Issue> = {}): Issue {
  const id = part.id ?? "1";
  return {
    id,
    shortId: `SHOP-${id}`,
    title: "ValueError: amount 50 too large",
    culprit: "shop.cart in total",
    permalink: `http://localhost/organizations/acme/issues/${id}/`,
    level: "error",
    status: "unresolved",
    substatus: "ongoing",
    statusDetails: {},
    platform: "python",
    priority: "high",
    project: { id: "1", name: "Shop", slug: "shop", platform: "python" },
    type: "error",
    metadata: { type: "ValueError", value: "amount 50 too large" },
    isUnhandled: false,
    count: "1234",
    userCount: 12,
    firstSeen: "2026-01-01T00:00:00Z",
    lastSeen: "2026-01-02T00:00:00Z",
    issueType: "error",
    issueCategory: "error",
    isPublic: false,
    isBookmarked: false,
    isSubscribed: false,
    hasSeen: true,
    annotations: [],
    numComments: 0,
    lifetime: {
      count: "1234",
      userCount: 12,
      firstSeen: "2026-01-01T00:00:00Z",
      lastSeen: "2026-01-02T00:00:00Z",
    },
    stats: { "24h": [[1_767_225_600, 3]], "30d": [] },
    filtered: null,
    ...part,
  };
}

export function issueDetail(part: Partial<IssueDetail> = {}): IssueDetail {
  return {
    ...issue(part),
    activity: [],
    seenBy: [],
    participants: [],
    tags: [],
    userReportCount: 0,
    foldedCount: 0,
    grouping: {},
    firstRelease: null,
    lastRelease: { version: "shop@1.2.3", shortVersion: "1.2.3" },
    ...part,
  };
}

export function event(part: Partial<EventDetail> = {}): EventDetail {
  return {
    id: "a".repeat(32),
    eventID: "a".repeat(32),
    groupID: "1",
    projectID: "1",
    level: "error",
    "event.type": "error",
    size: 1000,
    fingerprints: [],
    groupingConfig: { id: "vedette", enhancements: "" },
    userReportCount: 0,
    sdkUpdates: [],
    resolvedWith: [],
    title: "ValueError: amount 50 too large",
    message: "",
    culprit: "shop.cart in total",
    type: "error",
    platform: "python",
    dateCreated: "2026-01-02T00:00:10Z",
    dateReceived: "2026-01-02T00:00:10.300Z",
    dateDigested: "2026-01-02T00:00:11Z",
    user: null,
    tags: [{ key: "environment", value: "production" }],
    sdk: { name: "sentry.python", version: "2.0.0" },
    contexts: {},
    context: {},
    packages: {},
    entries: [],
    metadata: { type: "ValueError", value: "amount 50 too large" },
    errors: [],
    nextEventID: null,
    previousEventID: null,
    ...part,
  };
}

/** A page's headers: both links, and the count. */
export function pageHeaders(next: string | null, hits: number): Record<string, string> {
  return {
    Link:
      `</x?cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", ` +
      `</x?cursor=${next ?? "0:0:0"}>; rel="next"; results="${next !== null}"; cursor="${next ?? "0:0:0"}"`,
    "X-Hits": String(hits),
    "X-Max-Hits": "1000",
  };
}
