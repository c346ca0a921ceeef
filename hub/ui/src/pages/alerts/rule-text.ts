/** Rules and notifications in words. */

import type { AlertRule, Notification, RuleAction } from "../../api/types.ts";
import { middle } from "../../lib/format.ts";
import type { Tone } from "../../ui/Badge.tsx";

const TRIGGERS: Record<string, string> = {
  new_issue: "an issue is seen for the first time",
  regression: "a resolved issue comes back",
  escalating: "an archived issue is seen more often than foretold",
  spike_protection: "much more came than usual",
  test: "a test was asked for",
};

export function triggerText(kind: string): string {
  return TRIGGERS[kind] ?? kind.replace(/_/g, " ");
}

export function actionText(action: RuleAction | null | undefined): string {
  if (!action) return "–";
  return action.type === "webhook" ? middle(action.url, 60) : action.to;
}

/** "When …, in production, tell …; at most once in 30 minutes per issue." */
export function ruleText(
  rule: Pick<AlertRule, "triggers" | "actions" | "environment" | "frequencyMinutes">,
): string {
  const when = rule.triggers.map(triggerText).join(" or ");
  const where = rule.environment ? `, in ${rule.environment}` : "";
  const whom = rule.actions.map(actionText).join(" and ");
  return `When ${when}${where}: tell ${whom}. At most once in ${minutesText(rule.frequencyMinutes)} per issue.`;
}

export function minutesText(minutes: number): string {
  if (minutes % 1440 === 0) return minutes === 1440 ? "a day" : `${minutes / 1440} days`;
  if (minutes % 60 === 0) return minutes === 60 ? "an hour" : `${minutes / 60} hours`;
  return `${minutes} minutes`;
}

export const STATE_TONE: Record<Notification["state"], Tone> = {
  sent: "ok",
  pending: "info",
  failed: "danger",
};
