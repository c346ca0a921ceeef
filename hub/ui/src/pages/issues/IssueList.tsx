/** The rows, in every state they can be in, with the keys that move through them. */

import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import type { IssuePage, StatusChange } from "../../api/issues.ts";
import type { Issue } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { Confirm } from "../../ui/Dialog.tsx";
import { useHotkeys } from "../../ui/hotkeys.ts";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { ARCHIVE, REOPEN, RESOLVE, useIssueActions } from "./actions.ts";
import styles from "./IssueList.module.css";
import { IssueRow } from "./IssueRow.tsx";
import { StatusActions } from "./StatusActions.tsx";

interface Props {
  org: string;
  page: IssuePage | undefined;
  stale: boolean;
  error: Error | null;
  retry: () => void;
  compact: boolean;
  /** Whether a filter is in force that could be the reason for an empty list. */
  filtered: boolean;
  clear: () => void;
}

export function IssueList({ org, page, stale, error, retry, compact, filtered, clear }: Props) {
  const navigate = useNavigate();
  const { change, remove } = useIssueActions(org);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const list = useRef<HTMLUListElement>(null);
  const lastIndex = useRef(0);

  const items = page?.items ?? [];
  const selection = items.filter((issue) => chosen.has(issue.id));
  const at = items.findIndex((issue) => issue.id === current);
  if (at >= 0) lastIndex.current = at;

  const onSelect = useCallback((issue: Issue, selected: boolean) => {
    setChosen((before) => {
      const next = new Set(before);
      if (selected) next.add(issue.id);
      else next.delete(issue.id);
      return next;
    });
  }, []);
  const onFocus = useCallback((issue: Issue) => setCurrent(issue.id), []);

  const moveTo = (index: number) => {
    const issue = items[Math.max(0, Math.min(index, items.length - 1))];
    if (!issue) return;
    setCurrent(issue.id);
    const row = list.current?.querySelector<HTMLElement>(`[data-issue="${issue.id}"]`);
    row?.scrollIntoView({ block: "nearest" });
    row?.querySelector<HTMLElement>("a")?.focus({ preventScroll: true });
  };
  const act = (to: StatusChange | ((issue: Issue) => StatusChange)) => {
    const targets = selection.length ? selection : at >= 0 ? [items[at] as Issue] : [];
    if (targets.length === 0) return;
    const first = targets[0] as Issue;
    setChosen(new Set());
    void change(targets, typeof to === "function" ? to(first) : to);
  };

  // A row that was acted upon has left the list: stay at its place.
  const gone = current !== null && at < 0 && items.length > 0;
  useEffect(() => {
    if (gone) setCurrent(items[Math.min(lastIndex.current, items.length - 1)]?.id ?? null);
  }, [gone, items]);

  useHotkeys({
    j: () => moveTo(at + 1),
    k: () => moveTo(at < 0 ? 0 : at - 1),
    ArrowDown: (event) => {
      if (at < 0) return;
      event.preventDefault();
      moveTo(at + 1);
    },
    ArrowUp: (event) => {
      if (at < 0) return;
      event.preventDefault();
      moveTo(at - 1);
    },
    x: () => {
      const issue = items[at];
      if (issue) onSelect(issue, !chosen.has(issue.id));
    },
    Enter: (event) => {
      const issue = items[at];
      if (!issue || (event.target as HTMLElement).closest("button, a, input")) return;
      void navigate({ to: "/organizations/$org/issues/$issueId", params: { org, issueId: issue.id } });
    },
    e: () => act((issue) => (issue.status === "resolved" ? REOPEN : RESOLVE)),
    m: () => act((issue) => (issue.status === "ignored" ? REOPEN : ARCHIVE)),
  });

  const statuses = new Set(selection.map((issue) => issue.status));
  const all = items.length > 0 && selection.length === items.length;
  return (
    <section
      className={cx(styles.list, compact && styles.compact)}
      aria-label="Issues"
      aria-busy={stale || !page}
    >
      <div className={cx(styles.head, selection.length > 0 && styles.headActive)}>
        <input
          type="checkbox"
          className={styles.check}
          aria-label="Select all issues on this page"
          disabled={items.length === 0}
          checked={all}
          ref={(input) => {
            if (input) input.indeterminate = selection.length > 0 && !all;
          }}
          onChange={() => setChosen(all ? new Set() : new Set(items.map((issue) => issue.id)))}
        />
        {selection.length > 0 ? (
          <div className={styles.bulk} role="toolbar" aria-label="Actions on the selected issues">
            <span className={styles.chosen}>{plural(selection.length, "issue")} selected</span>
            <StatusActions
              small
              status={statuses.size === 1 ? (selection[0]?.status ?? "mixed") : "mixed"}
              onChange={act}
            />
            <Button small kind="quiet" icon="trash" onClick={() => setAsking(true)}>
              Delete
            </Button>
          </div>
        ) : (
          <>
            <span>Issue</span>
            <span className={styles.spark}>Last 24 hours</span>
            <span className={styles.number}>Events</span>
            <span className={styles.number}>Users</span>
            <span className={styles.time}>Last seen</span>
            <span className={cx(styles.time, styles.first)}>First seen</span>
          </>
        )}
      </div>
      {error && !page ? (
        <ErrorState
          error={error}
          retry={retry}
          title={
            "span" in error && error.span ? "This search cannot be read" : "The issues could not be loaded"
          }
        />
      ) : error && stale ? (
        <ErrorState error={error} retry={retry} title="This search did not work" />
      ) : !page ? (
        <Skeleton rows={12} label="Loading issues" />
      ) : items.length === 0 ? (
        filtered ? (
          <EmptyState
            icon="search"
            title="No issue matches"
            action={<Button onClick={clear}>Clear search and filters</Button>}
          >
            Nothing fits this search within these filters. Words are looked for in messages, exceptions, stack
            traces and tags.
          </EmptyState>
        ) : (
          <EmptyState icon="check" title="No unresolved issues">
            New errors show up here by themselves.
          </EmptyState>
        )
      ) : (
        <ul ref={list} className={cx(stale && styles.stale)}>
          {items.map((issue) => (
            <IssueRow
              key={issue.id}
              org={org}
              issue={issue}
              selected={chosen.has(issue.id)}
              current={issue.id === current}
              compact={compact}
              onSelect={onSelect}
              onFocus={onFocus}
            />
          ))}
        </ul>
      )}
      {asking ? (
        <Confirm
          title={`Delete ${plural(selection.length, "issue")}?`}
          confirm="Delete"
          onClose={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            setChosen(new Set());
            void remove(selection);
          }}
        >
          Their events go with them, and nothing can bring them back. If the error happens again, it starts as
          a new issue.
        </Confirm>
      ) : null}
    </section>
  );
}
