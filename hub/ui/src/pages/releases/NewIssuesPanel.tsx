/** The issues that a release was the first to have: the first few of them, and the way to all. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { issuesOfReleaseQuery } from "../../api/releases.ts";
import type { Issue } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { buttonClass } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./Releases.module.css";
import { allIssuesTerm, issuesSearch, newIssuesTerm } from "./release-text.ts";

const SHOWN = 5;

export function NewIssuesPanel({ org, version, n }: { org: string; version: string; n: number }) {
  const query = newIssuesTerm(version);
  const issues = useQuery({ ...issuesOfReleaseQuery(org, version, query, SHOWN), enabled: n > 0 });
  const toList = (search: string, words: string) => (
    <Link
      to="/organizations/$org/issues"
      params={{ org }}
      search={issuesSearch(search)}
      className={buttonClass("plain", true)}
    >
      {words}
    </Link>
  );
  return (
    <Panel
      title={n > 0 ? `${exact(n)} new ${n === 1 ? "issue" : "issues"}` : "New issues"}
      id="issues"
      flush={n > 0}
      actions={
        <>
          {n > 0 ? toList(query, "All new ones") : null}
          {toList(allIssuesTerm(version), "All issues seen in it")}
        </>
      }
    >
      {n === 0 ? (
        <p className={styles.quiet}>It brought no issue that was not there before.</p>
      ) : issues.data ? (
        <Table label="New issues" columns={columns(org)} rows={issues.data} rowKey={({ id }) => id} />
      ) : issues.isError ? (
        <ErrorState error={issues.error} retry={() => void issues.refetch()} />
      ) : (
        <Skeleton rows={3} label="Loading new issues" />
      )}
    </Panel>
  );
}

function columns(org: string): Column<Issue>[] {
  return [
    {
      name: "Issue",
      cell: ({ id, shortId, title }) => (
        <span>
          <Link
            to="/organizations/$org/issues/$issueId"
            params={{ org, issueId: id }}
            className={styles.version}
          >
            {title}
          </Link>{" "}
          <span className={styles.quiet}>{shortId}</span>
        </span>
      ),
    },
    { name: "Status", cell: ({ status }) => (status === "ignored" ? "archived" : status) },
    { name: "Events", numeric: true, cell: ({ count }) => exact(Number(count)) },
    { name: "Last seen", numeric: true, cell: ({ lastSeen }) => <TimeAgo at={lastSeen} /> },
  ];
}
