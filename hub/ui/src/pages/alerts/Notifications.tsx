/** What was sent, what waits, and what could not be delivered. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { notificationsQuery } from "../../api/projects.ts";
import type { Notification } from "../../api/types.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./Alerts.module.css";
import { actionText, STATE_TONE, triggerText } from "./rule-text.ts";

export function Notifications({ org, slug }: { org: string; slug: string }) {
  const notifications = useQuery(notificationsQuery(org, slug));
  const columns: Column<Notification>[] = [
    {
      name: "Issue",
      whole: true,
      cell: (row) =>
        row.issueId ? (
          <Link to="/organizations/$org/issues/$issueId" params={{ org, issueId: row.issueId }}>
            {row.shortId || row.issueId}
          </Link>
        ) : (
          "test"
        ),
    },
    { name: "Because", cell: (row) => triggerText(row.changeKind) },
    { name: "To", cell: (row) => <span className={styles.target}>{actionText(row.action)}</span> },
    {
      name: "State",
      cell: (row) => (
        <span>
          <Badge tone={STATE_TONE[row.state] ?? "neutral"}>{row.state}</Badge>{" "}
          {row.attempts > 1 ? <span className={styles.quiet}>{row.attempts} tries</span> : null}
          {row.lastError && row.state !== "sent" ? <div className={styles.error}>{row.lastError}</div> : null}
        </span>
      ),
    },
    { name: "When", numeric: true, cell: (row) => <TimeAgo at={row.dateSent ?? row.dateCreated} /> },
  ];
  return (
    <Panel title="Last notifications" flush>
      {notifications.isError ? (
        <ErrorState error={notifications.error} retry={() => void notifications.refetch()} />
      ) : !notifications.data ? (
        <Skeleton rows={3} label="Loading notifications" />
      ) : notifications.data.length === 0 ? (
        <EmptyState icon="send" title="Nothing was sent yet">
          Every notification is written down here, with its error when it could not be delivered.
        </EmptyState>
      ) : (
        <Table label="Notifications" columns={columns} rows={notifications.data} rowKey={(row) => row.id} />
      )}
    </Panel>
  );
}
