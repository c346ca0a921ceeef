/** Where a release was deployed, and when. */

import { useQuery } from "@tanstack/react-query";
import { deploysQuery } from "../../api/releases.ts";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./Releases.module.css";

export function DeploysPanel({ org, version, n }: { org: string; version: string; n: number }) {
  const deploys = useQuery({ ...deploysQuery(org, version), enabled: n > 0 });
  return (
    <Panel title="Deploys" id="deploys" flush={n > 0}>
      {n === 0 ? (
        <p className={styles.quiet}>
          None was told of. <code>sentry-cli releases deploys VERSION new -e production</code> tells of one.
        </p>
      ) : deploys.data ? (
        <Table
          label="Deploys"
          rows={deploys.data}
          rowKey={({ id }) => id}
          columns={[
            { name: "Environment", cell: ({ environment }) => environment },
            { name: "Name", cell: ({ name }) => name },
            { name: "When", numeric: true, cell: ({ dateFinished }) => <TimeAgo at={dateFinished} /> },
          ]}
        />
      ) : deploys.isError ? (
        <ErrorState error={deploys.error} retry={() => void deploys.refetch()} />
      ) : (
        <Skeleton rows={2} label="Loading deploys" />
      )}
    </Panel>
  );
}
