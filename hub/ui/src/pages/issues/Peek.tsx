/** A look into an issue without leaving the list: where its latest event was raised. */

import { useQuery } from "@tanstack/react-query";
import { eventQuery } from "../../api/issues.ts";
import type { EventDetail } from "../../api/types.ts";
import type { ExceptionValue, Frame } from "../../lib/event-shape.ts";
import { location, name, openFrame } from "../../lib/stack.ts";
import { Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { Source } from "./FrameView.tsx";
import styles from "./Peek.module.css";
import { HEIGHT_MAX, type Looked, WIDTH } from "./peeking.ts";
import frameStyles from "./StackTrace.module.css";

export function Peek({ org, looked }: { org: string; looked: Looked }) {
  const { issue, left, top } = looked;
  const event = useQuery(eventQuery(org, issue.id, "latest"));
  const isAbove = top + HEIGHT_MAX > window.innerHeight;
  return (
    <div
      role="tooltip"
      className={styles.peek}
      style={{
        left,
        width: WIDTH,
        maxHeight: HEIGHT_MAX,
        ...(isAbove ? { bottom: window.innerHeight - top } : { top }),
      }}
    >
      {event.data && !event.isPlaceholderData ? (
        <Look event={event.data} />
      ) : event.isError ? (
        <p className={styles.none}>{event.error.message}</p>
      ) : (
        <Skeleton rows={3} label="Loading the latest event" />
      )}
    </div>
  );
}

function Look({ event }: { event: EventDetail }) {
  const found = raisedAt(event);
  return (
    <>
      <p className={styles.head}>
        <strong>{found ? name(found.exception) : event.title}</strong>
        <span className={styles.when}>
          latest event <TimeAgo at={event.dateCreated} />
        </span>
      </p>
      {found?.frame ? (
        <>
          <p className={styles.where}>
            {location(found.frame)}
            {found.frame.function ? ` in ${found.frame.function}` : ""}
          </p>
          {found.frame.context?.length ? (
            <div className={frameStyles.body}>
              <Source frame={found.frame} platform={event.platform} />
            </div>
          ) : null}
        </>
      ) : (
        <p className={styles.none}>{event.message || event.culprit || "It came without a stack trace."}</p>
      )}
    </>
  );
}

function raisedAt(event: EventDetail): { exception: ExceptionValue; frame: Frame | null } | null {
  const data = event.entries.find((entry) => entry.type === "exception")?.data as
    | { values?: (ExceptionValue | null)[] }
    | undefined;
  const exception = data?.values?.filter(Boolean).at(-1);
  if (!exception) return null;
  const trace = exception.stacktrace;
  return { exception, frame: trace?.frames?.[openFrame(trace)] ?? null };
}
