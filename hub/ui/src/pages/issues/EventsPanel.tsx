/** All events of the issue, newest first, under the filter in force. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type EventFilter, issueEventsQuery } from "../../api/issues.ts";
import type { EventSummary } from "../../api/types.ts";
import { shortRelease } from "../../lib/format.ts";
import { EnvironmentPicker, TimePicker } from "../../parts/Filters.tsx";
import type { FilterSearch } from "../../routes.tsx";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./EventsPanel.module.css";
import { SearchBox } from "./SearchBox.tsx";
import { queryProblem } from "./search-problem.ts";

interface Props {
  org: string;
  issue: string;
  filter: EventFilter;
  onFilter: (query: string | undefined) => void;
  /** Environments or the time were chosen. */
  onRange: (change: FilterSearch) => void;
  onOpen: (event: string) => void;
  onCompare: (left: string, right: string) => void;
}

export function EventsPanel({ org, issue, filter, onFilter, onRange, onOpen, onCompare }: Props) {
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const scope = useMemo(() => ({ kind: "events" as const, org, issue }), [org, issue]);
  const events = useInfiniteQuery(issueEventsQuery(org, issue, filter));
  const isFiltered = Object.values(filter).some((part) => part?.length);
  const rows = events.data?.pages.flatMap((page) => page.items) ?? [];
  const tag = (event: EventSummary, key: string) => event.tags.find((each) => each.key === key)?.value;
  // Two can be compared; a third one takes the place of the first.
  const choose = (id: string) =>
    setChosen((before) =>
      before.includes(id) ? before.filter((each) => each !== id) : [...before.slice(-1), id],
    );
  const [left, right] = chosen;
  const columns: Column<EventSummary>[] = [
    {
      name: "Compare",
      quiet: true,
      cell: (event) => (
        <input
          type="checkbox"
          aria-label={`Compare ${event.eventID.slice(0, 8)}`}
          checked={chosen.includes(event.eventID)}
          onChange={() => choose(event.eventID)}
        />
      ),
    },
    {
      name: "Event",
      cell: (event) => (
        <button type="button" className={styles.id} onClick={() => onOpen(event.eventID)}>
          <code>{event.eventID.slice(0, 8)}</code>
        </button>
      ),
    },
    {
      name: "Title",
      rest: true,
      cell: (event) => {
        const title = event.message || event.title;
        return (
          <span className={styles.title} title={title}>
            {title}
          </span>
        );
      },
    },
    { name: "Environment", whole: true, cell: (event) => tag(event, "environment") ?? "" },
    {
      name: "Release",
      whole: true,
      cell: (event) => {
        const release = tag(event, "release");
        return release ? (
          <Link to="/organizations/$org/releases/$version" params={{ org, version: release }} title={release}>
            {shortRelease(release)}
          </Link>
        ) : (
          ""
        );
      },
    },
    {
      name: "User",
      cell: ({ user }) => {
        const name = user?.email || user?.username || user?.id || user?.ip_address || "";
        return (
          <span className={styles.user} title={name}>
            {name}
          </span>
        );
      },
    },
    { name: "When", numeric: true, cell: (event) => <TimeAgo at={event.dateCreated} /> },
  ];
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <SearchBox
          scope={scope}
          value={filter.query ?? ""}
          label="Search events"
          placeholder="Message, function, file, tag:value …"
          onSubmit={(query) => onFilter(query || undefined)}
          problem={queryProblem(events.error)}
        />
        <EnvironmentPicker
          org={org}
          filter={{ environment: filter.environment && [...filter.environment] }}
          onChange={onRange}
        />
        <TimePicker org={org} filter={{ start: filter.start, end: filter.end }} onChange={onRange} ranges />
        <Button
          icon="compare"
          disabled={!left || !right}
          title="Choose two events of the table"
          onClick={() => left && right && onCompare(left, right)}
        >
          Compare two
        </Button>
      </div>
      {events.isError ? (
        <ErrorState
          error={events.error}
          title={queryProblem(events.error) ? "This search cannot be read" : undefined}
          retry={() => void events.refetch()}
        />
      ) : events.isPending ? (
        <Skeleton rows={8} label="Loading events" />
      ) : rows.length === 0 ? (
        <EmptyState icon="search" title={isFiltered ? "No event matches" : "No events are kept"}>
          {isFiltered
            ? "Change the filter, or take it away."
            : "They are older than the time for which events are kept."}
        </EmptyState>
      ) : (
        <Panel flush>
          <Table label="Events" columns={columns} rows={rows} rowKey={(event) => event.eventID} />
        </Panel>
      )}
      {events.hasNextPage ? (
        <Button busy={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
          More events
        </Button>
      ) : null}
    </div>
  );
}
