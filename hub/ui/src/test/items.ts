/** Items and feedback as the API gives them. */

import type { Feedback, Item, ItemDetail } from "../api/types.ts";

const AT = "2026-01-02T00:00:10.250Z";

export function item(part: Partial<Item> = {}): Item {
  return {
    id: "1",
    projectID: "1",
    kind: "log",
    eventID: null,
    name: "slow query",
    dateCreated: AT,
    dateReceived: AT,
    size: 2048,
    sampleRate: 1,
    facts: { level: "info", body: "slow query", trace_id: "d1901c4e6b5d6d4cb962dc071d7b7f9e" },
    ...part,
  };
}

export function itemDetail(part: Partial<ItemDetail> = {}): ItemDetail {
  return { ...item(), header: {}, payload: {}, entry: null, trace: null, client: null, ...part };
}

export function feedback(part: Partial<Feedback> = {}): Feedback {
  return {
    id: "1",
    kind: "report",
    project: { id: "1", slug: "shop", name: "Shop", platform: "python" },
    name: "Jane",
    email: "jane@example.org",
    comments: "It broke",
    dateCreated: AT,
    url: null,
    eventID: "a".repeat(32),
    issue: { id: "1", shortId: "SHOP-1", title: "ValueError: amount 50 too large" },
    ...part,
  };
}
