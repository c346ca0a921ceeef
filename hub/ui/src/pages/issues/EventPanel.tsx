/** One event, in the order in which one looks for a cause. */

import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import type { EventDetail, UserReport } from "../../api/types.ts";
import type { ExceptionValue, Stacktrace, Thread } from "../../lib/event-shape.ts";
import { exact } from "../../lib/format.ts";
import { child } from "../../lib/meta.ts";
import { Panel } from "../../ui/Panel.tsx";
import { RedactedMark } from "../../ui/Redacted.tsx";
import { Notice, Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { ValueTree } from "../../ui/ValueTree.tsx";
import styles from "./EventPanel.module.css";
import { find, valuesMeta } from "./event-entries.ts";
import { StackTrace } from "./StackTrace.tsx";
import { Threads } from "./Threads.tsx";

/** What is below the trace is not waited for. */
const EventDetails = lazy(() => import("./EventDetails.tsx").then((m) => ({ default: m.EventDetails })));

interface Props {
  org: string;
  /** Slug or id of the project. */
  project: string;
  event: EventDetail;
}

export function EventPanel({ org, project, event }: Props) {
  const message = find<{ formatted?: string; message?: string }>(event, "message");
  const exception = find<{ values?: (ExceptionValue | null)[] }>(event, "exception");
  const stacktrace = find<Stacktrace>(event, "stacktrace");
  const threads = find<{ values?: (Thread | null)[] }>(event, "threads");
  const csp = find<Record<string, never>>(event, "csp");
  const values = exception?.data.values?.filter((value): value is ExceptionValue => value !== null) ?? [];
  const text = message ? message.data.formatted || message.data.message : values.length ? "" : event.message;
  return (
    <div className={styles.column}>
      {event.errors.length ? (
        <Notice tone="warning">
          <details>
            <summary>
              {event.errors.length === 1 ? "One part" : `${event.errors.length} parts`} of this event had to
              be put right or left out
            </summary>
            <ul className={styles.errors}>
              {event.errors.map((error, i) => (
                <li key={i}>
                  {error.message || error.type}{" "}
                  {error.data ? <code>{JSON.stringify(error.data)}</code> : null}
                </li>
              ))}
            </ul>
          </details>
        </Notice>
      ) : null}
      {text ? (
        <Panel id="message" title="Message">
          <div className={styles.message}>
            {text}
            <RedactedMark
              meta={
                child(message?.meta, "formatted") ??
                child(message?.meta, "message") ??
                child(event._meta, "message")
              }
              value={text}
            />
          </div>
        </Panel>
      ) : null}
      {event.userReport ? (
        <Wrote report={event.userReport} org={org} issue={event.groupID} n={event.userReportCount} />
      ) : null}
      {values.length ? (
        <StackTrace
          key={event.eventID}
          title={values.length > 1 ? `Exceptions (${values.length})` : "Exception"}
          values={values}
          platform={event.platform}
          meta={valuesMeta(exception?.meta)}
        />
      ) : null}
      {!values.length && stacktrace ? (
        <StackTrace
          key={event.eventID}
          title="Stack trace"
          values={[{ type: "Stack trace", stacktrace: stacktrace.data }]}
          platform={event.platform}
        />
      ) : null}
      {threads?.data.values?.length ? (
        <Threads
          key={`threads-${event.eventID}`}
          threads={threads.data.values}
          event={event}
          hasException={values.length > 0}
        />
      ) : null}
      {csp ? (
        <Panel id="csp" title="Content security policy">
          <ValueTree value={csp.data} meta={csp.meta} />
        </Panel>
      ) : null}
      <Suspense fallback={<Skeleton rows={6} label="Loading the rest of the event" />}>
        <EventDetails org={org} project={project} event={event} />
      </Suspense>
    </div>
  );
}

interface WroteProps {
  report: UserReport;
  org: string;
  issue: string;
  /** How much people wrote about the event. */
  n: number;
}

/** What the person who saw it wrote last; the rest stands at the issue. */
function Wrote({ report, org, issue, n }: WroteProps) {
  const { name, email, comments, dateCreated } = report;
  return (
    <Panel
      id="wrote"
      title={`What ${name || email || "somebody"} wrote`}
      actions={<TimeAgo at={dateCreated} />}
    >
      <p className={styles.wrote}>{comments}</p>
      {name && email ? <p className={styles.from}>{email}</p> : null}
      {n > 1 ? (
        <p className={styles.from}>
          <Link
            to="/organizations/$org/issues/$issueId"
            params={{ org, issueId: issue }}
            search={{ tab: "feedback" }}
          >
            {exact(n)} wrote about this event
          </Link>
        </p>
      ) : null}
    </Panel>
  );
}
