/** What people wrote, in every state it can be in: on a page of its own, and on an issue's. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useCallback, useMemo, useRef, useState } from "react";
import { type FeedbackFilter, feedbackQuery } from "../api/feedback.ts";
import type { Feedback } from "../api/types.ts";
import { Button } from "../ui/Button.tsx";
import { cx } from "../ui/classes.ts";
import { Dialog, DialogActions } from "../ui/Dialog.tsx";
import { Icon } from "../ui/icons.tsx";
import { PHONE, useMedia } from "../ui/media.ts";
import { ErrorState, Skeleton } from "../ui/State.tsx";
import { TimeAgo } from "../ui/Time.tsx";
import { VirtualList, type VirtualListHandle } from "../ui/VirtualList.tsx";
import styles from "./FeedbackList.module.css";

interface Props {
  org: string;
  filter: FeedbackFilter;
  /** What stands here when there is none. */
  children: ReactNode;
}

/** Heights of a row, in pixels. Longer words are cut there, and whole behind a click. */
const HEIGHT = { phone: 132, wide: 96 };
/** Words of so many characters fit a row. */
const WHOLE_MAX = 160;

export function FeedbackList({ org, filter, children }: Props) {
  const feedback = useInfiniteQuery(feedbackQuery(org, filter));
  const isPhone = useMedia(PHONE);
  const [whole, setWhole] = useState<Feedback | null>(null);
  const list = useRef<VirtualListHandle>(null);
  const rows = useMemo(() => feedback.data?.pages.flatMap((page) => page.items), [feedback.data]);
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = feedback;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  const rowHeight = isPhone ? HEIGHT.phone : HEIGHT.wide;
  if (feedback.isError && !rows) {
    return (
      <ErrorState
        error={feedback.error}
        title="The feedback could not be loaded"
        retry={() => void feedback.refetch()}
      />
    );
  }
  if (!rows) return <Skeleton rows={5} rowHeight={rowHeight} label="Loading feedback" />;
  if (rows.length === 0) return children;
  return (
    <section
      className={styles.list}
      style={{ "--row-height": `${rowHeight}px` } as React.CSSProperties}
      aria-label="Feedback"
    >
      <VirtualList items={rows} rowHeight={rowHeight} headHeight={0} handle={list} onEnd={more}>
        {(each) => (
          <Row
            key={`${each.kind}.${each.id}`}
            org={org}
            feedback={each}
            ofIssue={filter.issue !== undefined}
            onWhole={setWhole}
          />
        )}
      </VirtualList>
      {feedback.isFetchingNextPage ? <Skeleton rows={1} label="Loading more feedback" /> : null}
      {feedback.isFetchNextPageError ? (
        <ErrorState
          error={feedback.error}
          title="The next feedback could not be loaded"
          retry={() => void fetchNextPage()}
        />
      ) : null}
      {whole ? (
        <Dialog title={`What ${authorOf(whole)} wrote`} onClose={() => setWhole(null)} wide>
          <p className={styles.whole}>{whole.comments}</p>
          <DialogActions>
            <Button onClick={() => setWhole(null)}>Close</Button>
          </DialogActions>
        </Dialog>
      ) : null}
    </section>
  );
}

/** Who wrote it, as far as they said. */
export const authorOf = ({ name, email }: Pick<Feedback, "name" | "email">) => name || email || "Somebody";

interface RowProps {
  org: string;
  feedback: Feedback;
  /** The issue is known already. */
  ofIssue: boolean;
  onWhole: (feedback: Feedback) => void;
}

function Row({ org, feedback, ofIssue, onWhole }: RowProps) {
  const { name, email, comments, dateCreated, url, issue, eventID, project } = feedback;
  return (
    <li className={styles.row}>
      <div className={styles.head}>
        <strong className={styles.name}>{authorOf(feedback)}</strong>
        {name && email ? <span className={styles.email}>{email}</span> : null}
        <span className={styles.when}>
          <TimeAgo at={dateCreated} />
        </span>
      </div>
      <p className={styles.words}>{comments || "Without words"}</p>
      <div className={styles.foot}>
        {comments.length > WHOLE_MAX || comments.includes("\n") ? (
          <button type="button" className={styles.more} onClick={() => onWhole(feedback)}>
            All of it
          </button>
        ) : null}
        {issue && !ofIssue ? (
          <Link
            to="/organizations/$org/issues/$issueId"
            params={{ org, issueId: issue.id }}
            className={styles.issue}
          >
            {issue.shortId} {issue.title}
          </Link>
        ) : null}
        {eventID ? (
          <Link
            to="/organizations/$org/events/$eventId"
            params={{ org, eventId: eventID }}
            title={eventID}
            className={styles.event}
          >
            Event {eventID.slice(0, 8)}
          </Link>
        ) : null}
        {url ? (
          <span className={cx(styles.url)} title={url}>
            <Icon name="link" size={12} /> {url}
          </span>
        ) : null}
        {ofIssue ? null : <span className={styles.project}>{project.slug}</span>}
      </div>
    </li>
  );
}
