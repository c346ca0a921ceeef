/**
 * Resolve, archive, reopen: at once on the page, then at the hub, with ten seconds to take it
 * back. What the hub refuses is put back as it was.
 */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import {
  deleteIssues,
  type IssueFilter,
  type IssuePage,
  issueKey,
  issuesKey,
  type StatusChange,
  updateIssues,
} from "../../api/issues.ts";
import type { Issue, IssueDetail, IssueStatus } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { statusOf } from "../../lib/query-text.ts";
import { useToast } from "../../ui/Toasts.tsx";

type Some = Pick<Issue, "id" | "shortId" | "status" | "statusDetails" | "substatus">;

export const RESOLVE: StatusChange = { status: "resolved", statusDetails: {} };
export const REOPEN: StatusChange = { status: "unresolved", statusDetails: {} };
export const ARCHIVE: StatusChange = {
  status: "ignored",
  statusDetails: {},
  substatus: "archived_until_escalating",
};

const DONE: Record<IssueStatus, string> = {
  resolved: "resolved",
  ignored: "archived",
  unresolved: "reopened",
};

export function useIssueActions(org: string) {
  const client = useQueryClient();
  const toast = useToast();

  const change = useCallback(
    async (issues: readonly Some[], to: StatusChange) => {
      if (issues.length === 0) return;
      await client.cancelQueries({ queryKey: issuesKey(org) });
      const before = snapshot(client, org, issues);
      paint(client, org, issues, to);
      const sent = updateIssues(
        org,
        issues.map((issue) => issue.id),
        to,
      );
      toast({
        text: `${issues.length === 1 ? issues[0]?.shortId : plural(issues.length, "issue")} ${DONE[to.status]}`,
        undo: () => {
          before.restore();
          void sent
            .then(() => putBack(org, issues))
            .catch((error: Error) => toast({ text: `Not undone: ${error.message}`, tone: "danger" }))
            .finally(() => refresh(client, org, issues));
        },
      });
      try {
        await sent;
      } catch (error) {
        before.restore();
        toast({ text: `Nothing was changed: ${(error as Error).message}`, tone: "danger" });
      } finally {
        refresh(client, org, issues);
      }
    },
    [client, org, toast],
  );

  /** Deleted is gone: the caller has asked before. */
  const remove = useCallback(
    async (issues: readonly Some[]) => {
      try {
        await deleteIssues(
          org,
          issues.map((issue) => issue.id),
        );
        toast({ text: `${plural(issues.length, "issue")} deleted` });
      } catch (error) {
        toast({ text: `Not deleted: ${(error as Error).message}`, tone: "danger" });
      } finally {
        await client.invalidateQueries({ queryKey: issuesKey(org) });
      }
    },
    [client, org, toast],
  );

  return { change, remove };
}

/** What each issue was before, kept apart from what the page shows. */
async function putBack(org: string, issues: readonly Some[]): Promise<void> {
  const groups = new Map<string, { to: StatusChange; ids: string[] }>();
  for (const { id, status, statusDetails, substatus } of issues) {
    const to: StatusChange = {
      status,
      statusDetails,
      ...(status === "resolved" ? {} : { substatus }),
    };
    const key = JSON.stringify(to);
    const group = groups.get(key) ?? { to, ids: [] };
    group.ids.push(id);
    groups.set(key, group);
  }
  for (const { to, ids } of groups.values()) await updateIssues(org, ids, to);
}

function snapshot(client: QueryClient, org: string, issues: readonly Some[]) {
  const lists = client.getQueriesData<IssuePage>({ queryKey: issuesKey(org) });
  const details = issues.map(
    ({ id }) => [issueKey(org, id), client.getQueryData(issueKey(org, id))] as const,
  );
  return {
    restore: () => {
      for (const [key, data] of [...lists, ...details]) if (data) client.setQueryData(key, data);
    },
  };
}

function paint(client: QueryClient, org: string, issues: readonly Some[], to: StatusChange): void {
  const ids = new Set(issues.map((issue) => issue.id));
  const patch = { status: to.status, statusDetails: to.statusDetails ?? {}, substatus: to.substatus ?? null };
  for (const [key, page] of client.getQueriesData<IssuePage>({ queryKey: issuesKey(org) })) {
    if (!page) continue;
    const filter = key[key.length - 1] as IssueFilter;
    const wanted = statusOf(filter.query);
    const stays = wanted === null || sameStatus(wanted, to.status);
    const items = stays
      ? page.items.map((issue) => (ids.has(issue.id) ? { ...issue, ...patch } : issue))
      : page.items.filter((issue) => !ids.has(issue.id));
    const hits = page.hits === null ? null : page.hits - (page.items.length - items.length);
    client.setQueryData<IssuePage>(key, { ...page, items, hits });
  }
  for (const id of ids) {
    client.setQueryData<IssueDetail>(issueKey(org, id), (issue) => issue && { ...issue, ...patch });
  }
}

function sameStatus(word: string, status: IssueStatus): boolean {
  return word === status || (status === "ignored" && (word === "archived" || word === "muted"));
}

function refresh(client: QueryClient, org: string, issues: readonly Some[]): void {
  void client.invalidateQueries({ queryKey: issuesKey(org) });
  for (const { id } of issues) void client.invalidateQueries({ queryKey: issueKey(org, id), exact: true });
}
