/** What was done to an issue, in words. */

import type { Activity } from "../../api/types.ts";
import type { Json } from "../../lib/event-shape.ts";
import { plural, shortRelease } from "../../lib/format.ts";
import { absolute, duration } from "../../lib/time.ts";
import type { IconName } from "../../ui/icons.tsx";

/**
 * An activity as the rest of a sentence that begins with who did it. `names` are those of people
 * and teams, by `user:1` and `team:1`.
 */
export function sentence(
  { type, data, user }: Pick<Activity, "type" | "data"> & Partial<Pick<Activity, "user">>,
  names: ReadonlyMap<string, string> = new Map(),
): { icon: IconName; text: string } {
  const version = data?.version ? shortRelease(String(data.version)) : "";
  switch (type) {
    case "first_seen":
      return { icon: "plus", text: "saw this issue for the first time" };
    case "set_resolved":
      return {
        icon: "check",
        text: data?.inUpcomingRelease ? "resolved this issue in the upcoming release" : "resolved this issue",
      };
    case "set_resolved_in_release":
      return {
        icon: "check",
        text: version ? `resolved this issue in ${version}` : "resolved this issue in the next release",
      };
    case "set_resolved_in_commit": {
      const named = (data?.inCommit as { commit?: string } | undefined)?.commit ?? data?.commit;
      const released = version ? `, which is in ${version}` : "";
      return {
        icon: "check",
        text: `resolved this issue in commit ${String(named ?? "").slice(0, 12)}${released}`,
      };
    }
    case "set_resolved_by_age":
      return { icon: "check", text: "resolved this issue, since it was not seen for a long time" };
    case "set_unresolved":
      return { icon: "reopen", text: "reopened this issue" };
    case "set_regression":
      return {
        icon: "issues",
        text: `saw this issue again after it was resolved${version ? `, in ${version}` : ""}`,
      };
    case "set_ignored":
      return { icon: "archive", text: `archived this issue${until(data ?? {})}` };
    case "set_escalating":
      return { icon: "issues", text: "saw this issue more often than before" };
    case "auto_set_ongoing":
      return { icon: "clock", text: "marked this issue as ongoing" };
    case "set_priority":
      return {
        icon: "filter",
        text: `set the priority${data?.priority ? ` to ${String(data.priority)}` : ""}`,
      };
    case "assigned": {
      const who = String(data?.assignee ?? "");
      const isSelf = user && who === `user:${user.id}`;
      const to = isSelf ? " to themselves" : names.has(who) ? ` to ${names.get(who)}` : "";
      const rule = data?.rule ? ` by the rule ${String(data.rule)}` : "";
      return { icon: "user", text: `assigned this issue${to}${rule}` };
    }
    case "unassigned":
      return { icon: "user", text: "took the assignment away" };
    case "note":
      return { icon: "mail", text: `wrote: ${String(data?.text ?? "")}` };
    case "set_public":
      return { icon: "link", text: "shared this issue by a link" };
    case "set_private":
      return { icon: "link", text: "took the link to this issue back" };
    case "merge": {
      const taken = Array.isArray(data?.issues) ? data.issues.length : 1;
      return { icon: "compare", text: `merged ${plural(taken, "issue")} into this one` };
    }
    case "unmerge_source":
      return { icon: "compare", text: "gave some of these events an issue of their own" };
    case "unmerge_destination":
      return { icon: "compare", text: "made this issue of events of another" };
    case "mark_reviewed":
      return { icon: "check", text: "reviewed this issue" };
    default:
      return { icon: "clock", text: type.replace(/_/g, " ") };
  }
}

/** What an archived issue waits for; nothing where the entry does not say. */
function until({ ignoreUntil, ignoreCount, ignoreWindow, ignoreUserCount }: Record<string, Json>): string {
  if (typeof ignoreUntil === "string") return ` until ${absolute(ignoreUntil).replace(/:\d\d /, " ")}`;
  if (typeof ignoreUserCount === "number") {
    return ` until it affects ${plural(ignoreUserCount, "more user")}`;
  }
  if (typeof ignoreCount !== "number") return "";
  return typeof ignoreWindow === "number"
    ? ` until it happens ${plural(ignoreCount, "time")} within ${duration(ignoreWindow * 60_000)}`
    : ` until it happens ${plural(ignoreCount, "more time")}`;
}
