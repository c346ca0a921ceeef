/** The rows, in every state they can be in, with the keys that move through them. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { allIssues, type IssueFilter } from "../../api/issues.ts";
import { useLive } from "../../api/live.ts";
import { releasesQuery } from "../../api/releases.ts";
import type { Issue } from "../../api/types.ts";
import { marksByProject } from "../../lib/release-marks.ts";
import { cx } from "../../ui/classes.ts";
import { useShortcuts } from "../../ui/hotkeys.ts";
import { PHONE, useMedia } from "../../ui/media.ts";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { VirtualList, type VirtualListHandle } from "../../ui/VirtualList.tsx";
import { ARCHIVE, REOPEN, RESOLVE, useIssueActions } from "./actions.ts";
import type { ColumnKey } from "./columns.ts";
import styles from "./IssueList.module.css";
import { IssueListHead } from "./IssueListHead.tsx";
import { IssueRow } from "./IssueRow.tsx";
import { usePeek } from "./peeking.ts";
import { placeWords, windowWords } from "./window-words.ts";

interface Props {
  org: string;
  /** Undefined until the first ones are here. */
  items: readonly Issue[] | undefined;
  /** What was asked: for all that it finds, not only what is loaded. */
  filter: IssueFilter;
  columns: readonly ColumnKey[];
  stale: boolean;
  error: Error | null;
  retry: () => void;
  compact: boolean;
  /** There are more, and `more` brings them. */
  hasMore: boolean;
  more: () => void;
  /** Whether a filter is in force that could be the reason for an empty list. */
  filtered: boolean;
  clear: () => void;
}

/** Heights of a row, in pixels; the style sheet takes them from here. */
const HEIGHT = { phone: 96, comfortable: 44, compact: 32 };
const HEAD_HEIGHT = 38;
const NoIssues = lazy(() => import("./NoIssues.tsx").then((m) => ({ default: m.NoIssues })));
const Peek = lazy(() => import("./Peek.tsx").then((m) => ({ default: m.Peek })));

/** Of all that a search finds, no more are chosen at once. */
const CHOSEN_MAX = 10_000;

export function IssueList(props: Props) {
  const { org, filter, columns, stale, error, retry, compact, hasMore, more, filtered, clear } = props;
  const items = useMemo(() => props.items ?? [], [props.items]);
  const navigate = useNavigate();
  const toast = useToast();
  const live = useLive();
  const isPhone = useMedia(PHONE);
  const releases = useQuery(releasesQuery(org, filter.project, filter.groupStatsPeriod ?? "24h")).data;
  const marks = useMemo(() => marksByProject(releases ?? []), [releases]);
  const { change, assign, prioritise, bookmark, review } = useIssueActions(org);
  const [isAssigning, setAssigning] = useState(false);
  // The issues themselves: some may lie behind what is loaded.
  const [chosen, setChosen] = useState<ReadonlyMap<string, Issue>>(new Map());
  const [current, setCurrent] = useState<string | null>(null);
  const [choosing, setChoosing] = useState<number | null>(null);
  const [looked, peek] = usePeek();
  const list = useRef<VirtualListHandle>(null);
  const wantsFocus = useRef<string | null>(null);
  const lastIndex = useRef(0);
  const lastChosen = useRef(0);

  const at = items.findIndex((issue) => issue.id === current);
  if (at >= 0) lastIndex.current = at;
  const all = useRef(items);
  all.current = items;

  const onSelect = useCallback((issue: Issue, selected: boolean, range: boolean) => {
    const index = all.current.findIndex(({ id }) => id === issue.id);
    const [from, to] = range ? [lastChosen.current, index].sort((a, b) => a - b) : [index, index];
    lastChosen.current = index;
    setChosen((before) => {
      const next = new Map(before);
      for (const each of all.current.slice(from, (to ?? index) + 1)) {
        if (selected) next.set(each.id, each);
        else next.delete(each.id);
      }
      return next;
    });
  }, []);
  const onFocus = useCallback((issue: Issue) => setCurrent(issue.id), []);
  const onAssigning = useCallback(() => setAssigning(false), []);

  const chooseAll = async () => {
    setChoosing(0);
    try {
      const found = await allIssues(org, filter, CHOSEN_MAX, setChoosing);
      setChosen(new Map(found.map((issue) => [issue.id, issue])));
    } catch (failed) {
      toast({ text: `Not all could be chosen: ${(failed as Error).message}`, tone: "danger" });
    } finally {
      setChoosing(null);
    }
  };

  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(index, items.length - 1));
    const issue = items[to];
    if (!issue) return;
    wantsFocus.current = issue.id;
    list.current?.show(to);
    setCurrent(issue.id);
  };
  const targets = () => (chosen.size ? [...chosen.values()] : at >= 0 ? [items[at] as Issue] : []);
  const act = (isDone: (issue: Issue) => boolean, to: typeof RESOLVE) => {
    const issues = targets();
    const [first] = issues;
    if (!first) return;
    setChosen(new Map());
    void change(issues, isDone(first) ? REOPEN : to);
  };

  // A row that was acted upon has left the list: stay at its place.
  const gone = current !== null && at < 0 && items.length > 0;
  useEffect(() => {
    if (!gone) return;
    const next = items[Math.min(lastIndex.current, items.length - 1)]?.id ?? null;
    // The focus went with the row; wherever else it is, it stays.
    if (document.activeElement === document.body) wantsFocus.current = next;
    setCurrent(next);
  }, [gone, items]);
  const isLookedAtGone = looked !== null && !items.some(({ id }) => id === looked.issue.id);
  useEffect(() => {
    if (isLookedAtGone) peek(null);
  }, [isLookedAtGone, peek]);

  /** What is done to issues, where there are any to do it to. */
  const toTargets = (deed: () => void) => (chosen.size > 0 || at >= 0 ? deed : null);
  useShortcuts("issues", {
    next: () => moveTo(at + 1),
    previous: () => moveTo(at < 0 ? 0 : at - 1),
    down: (event) => {
      if (at < 0) return;
      event?.preventDefault();
      moveTo(at + 1);
    },
    up: (event) => {
      if (at < 0) return;
      event?.preventDefault();
      moveTo(at - 1);
    },
    select: toTargets(() => {
      const issue = items[at];
      if (issue) onSelect(issue, !chosen.has(issue.id), false);
    }),
    open: (event) => {
      const issue = items[at];
      if (!issue || (event?.target as HTMLElement | null)?.closest("button, a, input")) return;
      void navigate({ to: "/organizations/$org/issues/$issueId", params: { org, issueId: issue.id } });
    },
    resolve: toTargets(() => act((issue) => issue.status === "resolved", RESOLVE)),
    archive: toTargets(() => act((issue) => issue.status === "ignored", ARCHIVE)),
    assign: toTargets(() => {
      setChosen(new Map(targets().map((issue) => [issue.id, issue])));
      setAssigning(true);
    }),
    bookmark: toTargets(() => {
      const issues = targets();
      void bookmark(issues, !issues[0]?.isBookmarked);
    }),
    review: toTargets(() => void review(targets())),
  });

  const within = windowWords(filter);
  const place = placeWords(filter.environment);
  const rowHeight = isPhone ? HEIGHT.phone : compact ? HEIGHT.compact : HEIGHT.comfortable;
  return (
    <section
      className={cx(styles.list, compact && !isPhone && styles.compact)}
      style={{ "--row-height": `${rowHeight}px` } as React.CSSProperties}
      aria-label="Issues"
      aria-busy={stale || !props.items}
    >
      <IssueListHead
        org={org}
        items={items}
        chosen={chosen}
        onChoose={setChosen}
        columns={columns}
        hasMore={hasMore}
        choosing={choosing}
        chosenMax={CHOSEN_MAX}
        filter={filter}
        onChooseAll={() => void chooseAll()}
        isAssigning={isAssigning}
        onAssigning={onAssigning}
      />
      {error && (stale || !props.items) ? (
        <ErrorState
          error={error}
          retry={retry}
          title={
            "span" in error && error.span
              ? "This search cannot be read"
              : stale
                ? "This search did not work"
                : "The issues could not be loaded"
          }
        />
      ) : !props.items ? (
        <Skeleton rows={12} rowHeight={rowHeight} label="Loading issues" />
      ) : items.length === 0 ? (
        <Suspense fallback={<Skeleton rows={4} rowHeight={rowHeight} label="Loading what may be meant" />}>
          <NoIssues org={org} filter={filter} filtered={filtered} clear={clear} />
        </Suspense>
      ) : (
        <VirtualList
          items={items}
          rowHeight={rowHeight}
          headHeight={HEAD_HEIGHT}
          handle={list}
          onEnd={more}
          className={cx(stale && styles.stale)}
        >
          {(issue, index) => (
            <IssueRow
              key={issue.id}
              org={org}
              issue={issue}
              index={index}
              of={hasMore ? -1 : items.length}
              columns={columns}
              range={filter.groupStatsPeriod ?? "24h"}
              within={within}
              place={place}
              marks={marks.get(issue.project.id)}
              selected={chosen.has(issue.id)}
              current={issue.id === current}
              fresh={live.touched?.has(issue.id) === true}
              compact={compact}
              wantsFocus={wantsFocus}
              onSelect={onSelect}
              onFocus={onFocus}
              onPeek={peek}
              onAssign={assign}
              onPriority={prioritise}
            />
          )}
        </VirtualList>
      )}
      {looked && !isLookedAtGone && !isPhone ? (
        <Suspense fallback={null}>
          <Peek org={org} looked={looked} />
        </Suspense>
      ) : null}
    </section>
  );
}
