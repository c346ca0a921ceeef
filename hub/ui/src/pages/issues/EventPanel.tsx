/** One event, in the order in which one looks for a cause. */

import type { Entry, EventDetail } from "../../api/types.ts";
import type { Breadcrumb, ExceptionValue, RequestData, Stacktrace, Thread } from "../../lib/event-shape.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { Panel } from "../../ui/Panel.tsx";
import { RedactedMark } from "../../ui/Redacted.tsx";
import { Notice } from "../../ui/State.tsx";
import { ValueTree } from "../../ui/ValueTree.tsx";
import { Attachments } from "./Attachments.tsx";
import { Breadcrumbs } from "./Breadcrumbs.tsx";
import { Contexts } from "./Contexts.tsx";
import styles from "./EventPanel.module.css";
import { Grouping } from "./Grouping.tsx";
import { RawJson } from "./RawJson.tsx";
import { RequestPanel } from "./RequestPanel.tsx";
import { StackTrace } from "./StackTrace.tsx";
import { Threads } from "./Threads.tsx";

interface Found<T> {
  data: T;
  meta: Meta;
}

/** Remarks have the shape of what the SDK sent, where some things go by another name. */
const SENT_AS: Record<string, string> = { message: "logentry" };

/** The entry of a type, with the remarks on its data. */
function find<T>(event: EventDetail, type: string): Found<T> | null {
  const entry = event.entries.find((each: Entry) => each.type === type && each.data);
  if (!entry) return null;
  return { data: entry.data as T, meta: child(event._meta, SENT_AS[type] ?? type) };
}

/** Lists may be sent bare, or as the values of an object. */
function valuesMeta(meta: Meta | undefined): Meta {
  return child(meta, "values") ?? meta;
}

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
  const crumbs = find<{ values?: (Breadcrumb | null)[] }>(event, "breadcrumbs");
  const request = find<RequestData>(event, "request");
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
            <ul>
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
      {crumbs?.data.values?.length ? (
        <Breadcrumbs
          key={`crumbs-${event.eventID}`}
          crumbs={crumbs.data.values}
          at={event.dateCreated}
          meta={valuesMeta(crumbs.meta)}
        />
      ) : null}
      {request ? <RequestPanel request={request.data} meta={request.meta} /> : null}
      <Attachments org={org} project={project} event={event} />
      <Contexts event={event} />
      <Grouping event={event} />
      <RawJson event={event} />
    </div>
  );
}
