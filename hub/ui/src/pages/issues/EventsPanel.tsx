/** All events of the issue, newest first, under the filter in force. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { type EventFilter, issueEventsQuery } from "../../api/issues.ts";
import type { EventSummary } from "../../api/types.ts";
import { shortRelease } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./EventsPanel.module.css";
import { SearchBox } from "./SearchBox.tsx";

interface Props {
  org: string;
  issue: string;
  filter: EventFilter;
  onFilter: (query: string | undefined) => void;
  onOpen: (event: string) => void;
}

export function EventsPanel({ org, issue, filter, onFilter, onOpen }: Props) {
  const events = useInfiniteQuery(issueEventsQuery(org, issue, filter));
  const rows = events.data?.pages.flatMap((page) => page.items) ?? [];
  const tag = (event: EventSummary, key: string) => event.tags.find((each) => each.key === key)?.value;
  const columns: Column<EventSummary>[] = [
    {
      name: "Event",
      cell: (event) => (
        <button type="button" className={styles.id} onClick={() => onOpen(event.eventID)}>
          <code>{event.eventID.slice(0, 8)}</code>
        </button>
      ),
    },
    { name: "Title", cell: (event) => <span className={styles.title}>{event.message || event.title}</span> },
    { name: "Environment", cell: (event) => tag(event, "environment") ?? "" },
    {
      name: "Release",
      cell: (event) => {
        const release = tag(event, "release");
        return release ? <span title={release}>{shortRelease(release)}</span> : "";
      },
    },
    {
      name: "User",
      cell: (event) =>
        event.user?.email || event.user?.username || event.user?.id || event.user?.ip_address || "",
    },
    { name: "When", numeric: true, cell: (event) => <TimeAgo at={event.dateCreated} /> },
  ];
  return (
    <div className={styles.page}>
      <SearchBox
        value={filter.query ?? ""}
        label="Filter events"
        placeholder="Filter events: message, tag:value …"
        onSubmit={(query) => onFilter(query || undefined)}
      />
      {events.isError ? (
        <ErrorState error={events.error} retry={() => void events.refetch()} />
      ) : events.isPending ? (
        <Skeleton rows={8} label="Loading events" />
      ) : rows.length === 0 ? (
        <EmptyState icon="search" title={filter.query ? "No event matches" : "No events are kept"}>
          {filter.query
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
