/**
 * Resolve, archive, reopen, assign, weigh: at once on the page, then at the hub, with ten seconds
 * to take it back. What the hub refuses is put back as it was.
 */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { deleteIssues, deletionsKey, discardIssues, mergeIssues, takeBack } from "../../api/deletions.ts";
import {
  activityKey,
  type IssueEdit,
  type IssueFilter,
  type IssuePages,
  issueKey,
  issuesKey,
  refreshLists,
  type StatusChange,
  updateIssues,
} from "../../api/issues.ts";
import type { Assignee, Deletion, Issue, IssueDetail, IssueStatus, StatusWish } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { statusOf } from "../../lib/query-text.ts";
import { useToast } from "../../ui/Toasts.tsx";

/** Of more issues than this it is told how far it is. */
const STEP = 100;

type Some = Pick<
  Issue,
  | "id"
  | "shortId"
  | "status"
  | "statusDetails"
  | "substatus"
  | "assignedTo"
  | "priority"
  | "priorityLockedAt"
  | "isBookmarked"
  | "isSubscribed"
>;

export const RESOLVE: StatusChange = { status: "resolved", statusDetails: {} };
export const REOPEN: StatusChange = { status: "unresolved", statusDetails: {} };
export const ARCHIVE: StatusChange = {
  status: "ignored",
  statusDetails: {},
  substatus: "archived_until_escalating",
};

/** Archived until something happens. */
export function archived(statusDetails: StatusWish): StatusChange {
  return { status: "ignored", statusDetails, substatus: "archived_until_condition_met" };
}

const DONE: Record<IssueStatus, string> = {
  resolved: "resolved",
  ignored: "archived",
  unresolved: "reopened",
};

/** One thing done to issues, and the way back. */
interface Deed {
  to: IssueEdit;
  /** What the page shows at once. */
  patch: Partial<Issue>;
  /** The rest of a sentence that begins with the issue. */
  done: string;
  /** What makes an issue as it was. */
  back: (before: Some) => IssueEdit;
}

function statusDeed(to: StatusChange): Deed {
  return {
    to,
    patch: { status: to.status, statusDetails: to.statusDetails ?? {}, substatus: to.substatus ?? null },
    done: DONE[to.status],
    back: ({ status, statusDetails, substatus }) => ({
      status,
      statusDetails,
      ...(status === "resolved" ? {} : { substatus }),
    }),
  };
}

const actor = (who: Assignee | null | undefined) => (who ? `${who.type}:${who.id}` : "");

function assignDeed(who: Assignee | null): Deed {
  return {
    to: { assignedTo: actor(who) },
    patch: { assignedTo: who },
    done: who ? `assigned to ${who.name}` : "assigned to nobody",
    back: ({ assignedTo }) => ({ assignedTo: actor(assignedTo) }),
  };
}

function priorityDeed(priority: string): Deed {
  return {
    to: { priority },
    patch: { priority },
    done: `set to ${priority} priority`,
    // What nobody had weighed is the hub's to weigh again.
    back: (before) => ({
      priority: before.priority,
      ...(before.priorityLockedAt ? {} : { priorityLocked: false as const }),
    }),
  };
}

function bookmarkDeed(isBookmarked: boolean): Deed {
  return {
    to: { isBookmarked },
    patch: { isBookmarked },
    done: isBookmarked ? "bookmarked" : "bookmarked no more",
    back: (before) => ({ isBookmarked: before.isBookmarked }),
  };
}

function subscribeDeed(isSubscribed: boolean): Deed {
  return {
    to: { isSubscribed },
    patch: { isSubscribed },
    done: isSubscribed ? "subscribed to" : "subscribed to no more",
    back: (before) => ({ isSubscribed: before.isSubscribed }),
  };
}

const REVIEW: Deed = {
  to: { inbox: false },
  patch: { substatus: "ongoing" },
  done: "reviewed",
  back: ({ status, substatus }) => ({ status, substatus }),
};

/** Whether an issue calls for a look. */
export const wantsReview = ({ status, substatus }: Pick<Issue, "status" | "substatus">) =>
  status === "unresolved" && ["new", "regressed", "escalating"].includes(substatus ?? "");

export function useIssueActions(org: string) {
  const client = useQueryClient();
  const toast = useToast();

  const apply = useCallback(
    async (issues: readonly Some[], deed: Deed) => {
      if (issues.length === 0) return;
      await client.cancelQueries({ queryKey: issuesKey(org) });
      const before = snapshot(client, org, issues);
      paint(client, org, issues, deed.patch);
      let [done, isTakenBack] = [0, false];
      const undo = () => {
        isTakenBack = true;
        before.restore();
        void sent
          .then(() => putBack(org, issues.slice(0, done), deed.back))
          .catch((error: Error) => toast({ text: `Not undone: ${error.message}`, tone: "danger" }))
          .finally(() => refresh(client, org, issues));
      };
      const all = issues.length === 1 ? issues[0]?.shortId : plural(issues.length, "issue");
      const isLong = issues.length > STEP;
      const whole = { text: `${all} ${deed.done}`, undo };
      const say = toast(isLong ? { text: `0 of ${all} ${deed.done}`, undo, busy: true } : whole);
      const sent = updateIssues(
        org,
        issues.map((issue) => issue.id),
        deed.to,
        (n) => {
          done = n;
          if (isLong) {
            const isDone = n === issues.length;
            say(isDone ? whole : { text: `${exact(n)} of ${all} ${deed.done}`, undo, busy: true });
          }
          return !isTakenBack;
        },
      );
      try {
        await sent;
      } catch (error) {
        before.restore();
        const what = done > 0 ? `Only ${exact(done)} of ${all} ${deed.done}` : "Nothing was changed";
        say({
          text: `${what}: ${(error as Error).message}`,
          tone: "danger",
          undo: done > 0 ? undo : undefined,
        });
      } finally {
        refresh(client, org, issues);
      }
    },
    [client, org, toast],
  );

  const change = useCallback(
    (issues: readonly Some[], to: StatusChange) => apply(issues, statusDeed(to)),
    [apply],
  );
  const assign = useCallback(
    (issues: readonly Some[], who: Assignee | null) => apply(issues, assignDeed(who)),
    [apply],
  );
  const prioritise = useCallback(
    (issues: readonly Some[], priority: string) => apply(issues, priorityDeed(priority)),
    [apply],
  );

  const bookmark = useCallback(
    (issues: readonly Some[], isBookmarked: boolean) => apply(issues, bookmarkDeed(isBookmarked)),
    [apply],
  );
  const subscribe = useCallback(
    (issues: readonly Some[], isSubscribed: boolean) => apply(issues, subscribeDeed(isSubscribed)),
    [apply],
  );
  const review = useCallback((issues: readonly Some[]) => apply(issues.filter(wantsReview), REVIEW), [apply]);

  /** They go at once on the page, and at the hub when it is too late to take it back. */
  const leave = useCallback(
    async (issues: readonly Some[], ask: Ask, done: string) => {
      await client.cancelQueries({ queryKey: issuesKey(org) });
      const before = snapshot(client, org, issues);
      takeOut(client, org, issues);
      const asked: Deletion[] = [];
      const anew = () => {
        refresh(client, org, issues);
        void client.invalidateQueries({ queryKey: deletionsKey(org) });
      };
      const undo = () => {
        before.restore();
        void sent
          .catch(() => {})
          .then(() => Promise.all(asked.map(({ id }) => takeBack(org, id))))
          .catch((error: Error) => toast({ text: `Not undone: ${error.message}`, tone: "danger" }))
          .finally(anew);
      };
      const say = toast({ text: "Asking the hub …", busy: true });
      const sent = ask((deletion) => void asked.push(deletion));
      try {
        await sent;
        const n = asked.reduce((sum, deletion) => sum + deletion.issues, 0);
        const all = n === 1 && issues.length === 1 ? issues[0]?.shortId : plural(n, "issue");
        say({ text: `${all} ${done}`, undo: n > 0 ? undo : undefined });
      } catch (error) {
        before.restore();
        const what = asked.length > 0 ? `Not all ${done}` : `Not ${done}`;
        const back = asked.length > 0 ? undo : undefined;
        say({ text: `${what}: ${(error as Error).message}`, tone: "danger", undo: back });
      } finally {
        anew();
      }
    },
    [client, org, toast],
  );
  /** The issues, or all that a search finds of which they are what is seen. */
  const remove = useCallback(
    (issues: readonly Some[], search?: IssueFilter) => {
      const what = search ?? issues.map((issue) => issue.id);
      return leave(issues, (onAsked) => deleteIssues(org, what, onAsked), "deleted");
    },
    [leave, org],
  );
  const discard = useCallback(
    (issues: readonly Some[]) => {
      const ids = issues.map((issue) => issue.id);
      return leave(issues, (onAsked) => discardIssues(org, ids, onAsked), "discarded");
    },
    [leave, org],
  );
  /** The issues, or all that a search finds; answers the one that is left. */
  const merge = useCallback(
    async (issues: readonly Pick<Some, "id">[], search?: IssueFilter): Promise<string | null> => {
      await client.cancelQueries({ queryKey: issuesKey(org) });
      const before = snapshot(client, org, issues);
      const anew = () => {
        refresh(client, org, issues);
        void client.invalidateQueries({ queryKey: deletionsKey(org) });
      };
      const say = toast({ text: "Asking the hub …", busy: true });
      try {
        const asked = await mergeIssues(org, search ?? issues.map((issue) => issue.id));
        if (!asked) {
          say({ text: "There is nothing to merge" });
          return null;
        }
        const gone = issues.filter(({ id }) => id !== asked.into);
        takeOut(client, org, gone);
        const undo = () => {
          before.restore();
          void takeBack(org, asked.id)
            .catch((error: Error) => toast({ text: `Not undone: ${error.message}`, tone: "danger" }))
            .finally(anew);
        };
        say({ text: `${plural(asked.issues + 1, "issue")} become one`, undo });
        return asked.into ?? null;
      } catch (error) {
        say({ text: `Not merged: ${(error as Error).message}`, tone: "danger" });
        return null;
      } finally {
        anew();
      }
    },
    [client, org, toast],
  );

  return { change, assign, prioritise, bookmark, subscribe, review, remove, discard, merge };
}

/** Asks the hub to delete, and tells of each deletion that it makes of it. */
type Ask = (onAsked: (deletion: Deletion) => void) => Promise<void>;

/** What each issue was before, kept apart from what the page shows. */
async function putBack(org: string, issues: readonly Some[], back: Deed["back"]): Promise<void> {
  const groups = new Map<string, { to: IssueEdit; ids: string[] }>();
  for (const issue of issues) {
    const to = back(issue);
    const key = JSON.stringify(to);
    const group = groups.get(key) ?? { to, ids: [] };
    group.ids.push(issue.id);
    groups.set(key, group);
  }
  for (const { to, ids } of groups.values()) await updateIssues(org, ids, to);
}

function snapshot(client: QueryClient, org: string, issues: readonly Pick<Some, "id">[]) {
  const lists = client.getQueriesData<IssuePages>({ queryKey: issuesKey(org) });
  const details = issues.map(
    ({ id }) => [issueKey(org, id), client.getQueryData(issueKey(org, id))] as const,
  );
  return {
    restore: () => {
      for (const [key, data] of [...lists, ...details]) if (data) client.setQueryData(key, data);
    },
  };
}

function paint(client: QueryClient, org: string, issues: readonly Some[], patch: Partial<Issue>): void {
  const ids = new Set(issues.map((issue) => issue.id));
  for (const [key, data] of client.getQueriesData<IssuePages>({ queryKey: issuesKey(org) })) {
    if (!data) continue;
    const filter = key[key.length - 1] as IssueFilter;
    const wanted = statusOf(filter.query);
    const stays = wanted === null || patch.status === undefined || sameStatus(wanted, patch.status);
    const change = (issue: Issue) => (ids.has(issue.id) ? { ...issue, ...patch } : issue);
    const pages = data.pages.map((page) => ({ ...page, items: page.items.map(change) }));
    client.setQueryData<IssuePages>(key, stays ? { ...data, pages } : without(data, ids));
  }
  for (const id of ids) {
    client.setQueryData<IssueDetail>(issueKey(org, id), (issue) => issue && { ...issue, ...patch });
  }
}

/** Takes issues out of every list. */
function takeOut(client: QueryClient, org: string, issues: readonly Pick<Some, "id">[]): void {
  const ids = new Set(issues.map((issue) => issue.id));
  client.setQueriesData<IssuePages>({ queryKey: issuesKey(org) }, (data) => data && without(data, ids));
}

function without(data: IssuePages, ids: ReadonlySet<string>): IssuePages {
  const left = data.pages.flatMap((page) => page.items).filter(({ id }) => ids.has(id)).length;
  const pages = data.pages.map((page) => ({
    ...page,
    hits: page.hits === null ? null : page.hits - left,
    items: page.items.filter((issue) => !ids.has(issue.id)),
  }));
  return { ...data, pages };
}

function sameStatus(word: string, status: IssueStatus): boolean {
  return word === status || (status === "ignored" && (word === "archived" || word === "muted"));
}

function refresh(client: QueryClient, org: string, issues: readonly Pick<Some, "id">[]): void {
  void refreshLists(client, org);
  for (const { id } of issues) {
    void client.invalidateQueries({ queryKey: issueKey(org, id), exact: true });
    void client.invalidateQueries({ queryKey: activityKey(org, id) });
  }
}
