/** An event and its issue as Markdown: for a ticket, a chat, or a language model. */

import type { EventDetail, IssueDetail } from "../../api/types.ts";
import type { Breadcrumb, ExceptionValue, RequestData } from "../../lib/event-shape.ts";
import { exact } from "../../lib/format.ts";
import { markdown } from "../../lib/markdown.ts";
import { statusDetail } from "./issue-text.ts";

export function toMarkdown(issue: IssueDetail, event: EventDetail): string {
  const data = (type: string) => event.entries.find((entry) => entry.type === type)?.data;
  const values = <T>(type: string) =>
    ((data(type) as { values?: (T | null)[] } | undefined)?.values ?? []).filter((value): value is T & {} =>
      Boolean(value),
    );
  const tag = (key: string) => event.tags.find((each) => each.key === key)?.value;
  return markdown({
    title: `${issue.shortId}: ${event.title}`,
    facts: [
      ["Issue", issue.permalink],
      ["Status", statusDetail(issue)],
      ["Events", `${exact(Number(issue.count))}, of ${exact(issue.userCount)} users`],
      ["First seen", seen(issue.firstSeen, issue.firstRelease?.version)],
      ["Last seen", seen(issue.lastSeen, issue.lastRelease?.version)],
      ["Culprit", event.culprit],
      ["Event", event.eventID],
      ["Happened", event.dateCreated],
      ["Environment", tag("environment")],
      ["Release", event.release?.version],
      ["Platform", event.platform],
      ["Transaction", tag("transaction")],
    ],
    message: (data("message") as { formatted?: string } | undefined)?.formatted ?? "",
    exceptions: values<ExceptionValue>("exception"),
    breadcrumbs: values<Breadcrumb>("breadcrumbs"),
    request: (data("request") as RequestData | undefined) ?? null,
    tags: event.tags.map(({ key, value }) => [key, value ?? ""] as const),
  });
}

function seen(at: string, version: string | undefined): string {
  return version ? `${at} in ${version}` : at;
}
