/** The threads of an event, the one that crashed first, and the stack of the chosen one. */

import { useId, useState } from "react";
import type { EventDetail } from "../../api/types.ts";
import type { Thread } from "../../lib/event-shape.ts";
import { byWeight, threadName } from "../../lib/threads.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { StackTrace } from "./StackTrace.tsx";
import styles from "./Threads.module.css";

interface Props {
  threads: readonly (Thread | null)[];
  event: EventDetail;
  /** The exception above is what the crashed thread was at. */
  hasException: boolean;
}

export function Threads({ threads, event, hasException }: Props) {
  const all = byWeight(threads);
  const [at, setAt] = useState(0);
  const group = useId();
  const chosen = all[at];
  if (!chosen || (all.length === 1 && !chosen.stacktrace)) return null;
  const title = threadName(chosen);
  return (
    <>
      {all.length > 1 ? (
        <Panel id="threads" title={`Threads (${all.length})`} flush>
          {/* Choices of one name: arrow keys go from one to the next. */}
          <fieldset className={styles.list} aria-label="Threads">
            {all.map((thread, i) => (
              <label key={i} className={styles.thread}>
                <input type="radio" name={group} checked={i === at} onChange={() => setAt(i)} />
                <span className={styles.name}>{threadName(thread)}</span>
                {thread.crashed ? <Badge tone="danger">crashed</Badge> : null}
                {thread.current && !thread.crashed ? <Badge tone="info">current</Badge> : null}
                {thread.state ? <span className={styles.state}>{thread.state}</span> : null}
              </label>
            ))}
          </fieldset>
        </Panel>
      ) : null}
      {chosen.stacktrace ? (
        <StackTrace
          key={`${event.eventID} ${at}`}
          id="thread"
          title={title}
          values={[{ type: title, stacktrace: chosen.stacktrace }]}
          platform={event.platform}
        />
      ) : (
        <p className={styles.none}>
          {chosen.crashed && hasException
            ? `${title} was at the exception above.`
            : `${title} came without a stack.`}
        </p>
      )}
    </>
  );
}
