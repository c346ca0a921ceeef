/** What an issue is called: its type first, its message second, never one accidental value. */

import type { Issue } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { absolute, duration } from "../../lib/time.ts";
import type { Tone } from "../../ui/Badge.tsx";

export interface Headline {
  title: string;
  message: string;
}

export function headline(issue: Pick<Issue, "title" | "metadata" | "type">): Headline {
  const { type, value, title } = issue.metadata ?? {};
  if (type) return { title: type, message: firstLine(value ?? "") };
  const called = firstLine(title || issue.title) || "Issue without a title";
  const message = firstLine(value ?? "");
  // What is only a message is called by it.
  return { title: called, message: message === called ? "" : message };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.trim() ?? "";
}

const SUBSTATUS: Record<string, { text: string; tone: Tone } | null> = {
  new: { text: "new", tone: "info" },
  regressed: { text: "regressed", tone: "warning" },
  escalating: { text: "escalating", tone: "warning" },
  ongoing: null,
};

export function statusWords(issue: Pick<Issue, "status" | "substatus">): { text: string; tone: Tone } | null {
  if (issue.status === "resolved") return { text: "resolved", tone: "ok" };
  if (issue.status === "ignored") return { text: "archived", tone: "neutral" };
  return SUBSTATUS[issue.substatus ?? ""] ?? null;
}

/** How it was resolved, or until when it is archived, in words. */
export function statusDetail(issue: Pick<Issue, "status" | "substatus" | "statusDetails">): string {
  const details = issue.statusDetails ?? {};
  if (issue.status === "resolved") {
    if (details.inUpcomingRelease) return "Resolved in the upcoming release";
    if (details.inNextRelease) return "Resolved in the next release";
    const commit = details.inCommit?.commit.slice(0, 12);
    if (commit && !details.inRelease) return `Resolved in the release of commit ${commit}`;
    if (commit) return `Resolved in ${String(details.inRelease)}, by commit ${commit}`;
    if (details.inRelease) return `Resolved in ${String(details.inRelease)}`;
    return "Resolved";
  }
  if (issue.status === "ignored") {
    if (typeof details.ignoreUntil === "string") return `Archived until ${absolute(details.ignoreUntil)}`;
    if (typeof details.ignoreUserCount === "number") {
      return `Archived until ${plural(details.ignoreUserCount, "more user is", "more users are")} affected`;
    }
    if (typeof details.ignoreCount === "number") {
      const window = details.ignoreWindow;
      if (typeof window === "number") {
        const times = plural(details.ignoreCount, "event");
        return `Archived until ${times} within ${duration(window * 60_000)}`;
      }
      return `Archived until ${plural(details.ignoreCount, "more event")}`;
    }
    if (issue.substatus === "archived_until_escalating") return "Archived until it escalates";
    return "Archived until somebody reopens it";
  }
  const words = statusWords(issue);
  return words ? `Unresolved, ${words.text}` : "Unresolved";
}
