/** Two events of the issue side by side: what differs? */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { eventQuery } from "../../api/issues.ts";
import type { EventDetail } from "../../api/types.ts";
import { align, compare } from "../../lib/compare.ts";
import type { ExceptionValue, Json } from "../../lib/event-shape.ts";
import { plural } from "../../lib/format.ts";
import { chain, location, name } from "../../lib/stack.ts";
import { IconButton } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { Segmented } from "../../ui/Tabs.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./ComparePanel.module.css";

interface Props {
  org: string;
  issue: string;
  /** The event shown on the page. */
  left: EventDetail | undefined;
  /** Another one's id; absent is the one before. */
  other?: string;
  onLeft: (event: string) => void;
  onRight: (event: string) => void;
}

export function ComparePanel({ org, issue, left, other, onLeft, onRight }: Props) {
  const wanted = other ?? left?.previousEventID ?? left?.nextEventID ?? null;
  const right = useQuery({ ...eventQuery(org, issue, wanted ?? ""), enabled: wanted !== null });
  const [all, setAll] = useState(false);
  if (!left) return <Skeleton rows={9} label="Loading the event" />;
  if (wanted === null) {
    return (
      <EmptyState icon="copy" title="There is only one event">
        Two can be compared as soon as it happens again.
      </EmptyState>
    );
  }
  if (right.isError) {
    return (
      <ErrorState
        error={right.error}
        title="The other event could not be loaded"
        retry={() => void right.refetch()}
      />
    );
  }
  if (!right.data) return <Skeleton rows={9} label="Loading the other event" />;
  const sections = sectionsOf(left, right.data);
  const differences = sections.reduce((sum, { rows }) => sum + rows.filter((row) => !row.same).length, 0);
  const frames = align(trace(left), trace(right.data));
  const framesDiffer = frames.filter((line) => line.left !== line.right).length;
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <span role="status">
          {differences + framesDiffer === 0
            ? "Nothing differs but their times"
            : `${plural(differences, "value")} and ${plural(framesDiffer, "line")} of the stack differ`}
        </span>
        <Segmented
          label="What to show"
          value={all ? "all" : "differences"}
          onChange={(next) => setAll(next === "all")}
          options={[
            { value: "differences", label: "Differences" },
            { value: "all", label: "Everything" },
          ]}
        />
      </div>
      <div className={styles.heads}>
        <Head event={left} label="Left" onGo={onLeft} />
        <Head event={right.data} label="Right" onGo={onRight} />
      </div>
      {left.eventID === right.data.eventID ? (
        <Notice>This is the same event twice. Step to another one on either side.</Notice>
      ) : null}
      {frames.length && (all || framesDiffer) ? (
        <Panel id="compare-stack" title="Stack trace" flush>
          <Lines lines={frames} />
        </Panel>
      ) : null}
      {sections.map(({ title, rows }) => {
        const shown = all ? rows : rows.filter((row) => !row.same);
        if (shown.length === 0) return null;
        return (
          <Panel key={title} id={`compare-${title}`} title={title} flush>
            <table className={styles.table} aria-label={`${title} of both events`}>
              <tbody>
                {shown.map((row) => (
                  <tr key={row.path} className={cx(!row.same && styles.differs)}>
                    <th scope="row">{row.path}</th>
                    <Side value={row.left} />
                    <Side value={row.right} />
                  </tr>
                ))}
              </tbody>
            </table>
          </Panel>
        );
      })}
    </div>
  );
}

function Side({ value }: { value: string | undefined }) {
  return <td>{value === undefined ? <span className={styles.missing}>not there</span> : value}</td>;
}

function Head({ event, label, onGo }: { event: EventDetail; label: string; onGo: (event: string) => void }) {
  const { previousEventID: older, nextEventID: newer } = event;
  return (
    <section className={styles.head} aria-label={`${label} event`}>
      <IconButton
        small
        icon="left"
        label={`Older event on the ${label.toLowerCase()}`}
        disabled={!older}
        onClick={() => older && onGo(older)}
      />
      <span>
        <code title={event.eventID}>{event.eventID.slice(0, 8)}</code>{" "}
        <span className={styles.when}>
          <TimeAgo at={event.dateCreated} />
        </span>
      </span>
      <IconButton
        small
        icon="right"
        label={`Newer event on the ${label.toLowerCase()}`}
        disabled={!newer}
        onClick={() => newer && onGo(newer)}
      />
    </section>
  );
}

function Lines({ lines }: { lines: ReturnType<typeof align> }) {
  return (
    <table className={cx(styles.table, styles.lines)} aria-label="Stack traces of both events">
      <tbody>
        {lines.map((line, i) => (
          <tr key={i} className={cx(line.left !== line.right && styles.differs)}>
            <td>{line.left ?? ""}</td>
            <td>{line.right ?? ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const data = (event: EventDetail, type: string) =>
  event.entries.find((entry) => entry.type === type)?.data as Record<string, Json> | undefined;

function exceptions(event: EventDetail): ExceptionValue[] {
  const values = data(event, "exception")?.values as (ExceptionValue | null)[] | undefined;
  return (values ?? []).filter((value): value is ExceptionValue => value !== null);
}

/** Exceptions and their frames, a line each, crash first. */
function trace(event: EventDetail): string[] {
  return chain(exceptions(event)).flatMap(({ exception }) => [
    name(exception),
    ...[...(exception.stacktrace?.frames ?? [])]
      .reverse()
      .map((frame) => `  ${frame?.function || "<anonymous>"} (${location(frame ?? {})})`),
  ]);
}

function sectionsOf(left: EventDetail, right: EventDetail) {
  const parts: [title: string, of: (event: EventDetail) => Json | undefined][] = [
    ["Event", headOf],
    ["Tags", tagsOf],
    ["User", (event) => event.user as Json | undefined],
    ["Request", (event) => requestOf(data(event, "request"))],
    ["Contexts", (event) => event.contexts as Json],
    ["Additional data", (event) => event.context as Json],
    ["Packages", (event) => event.packages as Json],
  ];
  return parts.map(([title, of]) => ({ title, rows: compare(of(left), of(right)) }));
}

function headOf(event: EventDetail): Json {
  const message = data(event, "message");
  return {
    title: event.title,
    message: message?.formatted ?? message?.message ?? null,
    value: exceptions(event).at(-1)?.value ?? null,
    culprit: event.culprit,
    level: event.level,
    release: event.release?.version ?? null,
    sdk: event.sdk ? `${event.sdk.name} ${event.sdk.version}` : null,
  };
}

/** Those that say what stands in another part as well are left out: it would count twice. */
function tagsOf(event: EventDetail): Json {
  const own = event.tags.filter(({ key }) => !/^(level|release|user|geo\..*)$/.test(key));
  return Object.fromEntries(own.map(({ key, value }) => [key, value]));
}

/** Pairs by their names, so that their order is no difference. */
function requestOf(request: Record<string, Json> | undefined): Json | undefined {
  if (!request) return undefined;
  return Object.fromEntries(
    Object.entries(request).map(([key, value]) => [
      key,
      Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2)
        ? Object.fromEntries(value.map((pair) => [String((pair as Json[])[0]), (pair as Json[])[1] ?? null]))
        : value,
    ]),
  );
}
