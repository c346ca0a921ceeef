/** Records the hub could not digest: set aside with their reason, to be tried again. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { poisonQuery, replayPoison } from "../../api/fleet.ts";
import type { Poison } from "../../api/types.ts";
import { laneName } from "../../lib/fleet.ts";
import { bytes } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Fleet.module.css";

export function PoisonList() {
  const poison = useQuery(poisonQuery);
  const client = useQueryClient();
  const toast = useToast();
  const replay = useMutation({
    mutationFn: replayPoison,
    onSuccess: () => {
      toast({ text: "Digested" });
      return client.invalidateQueries({ queryKey: poisonQuery.queryKey });
    },
    onError: (error) => toast({ text: `Still not digested: ${error.message}`, tone: "danger" }),
  });
  const columns: Column<Poison>[] = [
    { name: "Reason", cell: (row) => <span className={styles.reason}>{row.reason}</span> },
    { name: "Relay", cell: (row) => row.relayName || row.relayId.slice(0, 8) },
    { name: "Lane", cell: (row) => `${laneName(row.lane)}, number ${row.seq}` },
    { name: "Size", numeric: true, cell: (row) => (row.size === undefined ? "" : bytes(row.size)) },
    { name: "When", numeric: true, cell: (row) => <TimeAgo at={row.dateCreated} /> },
    {
      name: "Actions",
      quiet: true,
      cell: (row) =>
        row.replayedAt ? (
          <Badge tone="info">
            replayed&nbsp;
            <TimeAgo at={row.replayedAt} />
          </Badge>
        ) : (
          <Button
            small
            icon="refresh"
            busy={replay.isPending && replay.variables === row.id}
            onClick={() => replay.mutate(row.id)}
          >
            Replay
          </Button>
        ),
    },
  ];
  return (
    <Panel title="Set aside" flush>
      {poison.isError ? (
        <ErrorState error={poison.error} retry={() => void poison.refetch()} />
      ) : !poison.data ? (
        <Skeleton rows={2} label="Loading what was set aside" />
      ) : poison.data.length === 0 ? (
        <EmptyState icon="check" title="Nothing was set aside">
          Everything that arrived could be digested.
        </EmptyState>
      ) : (
        <Table label="Set aside" columns={columns} rows={poison.data} rowKey={(row) => row.id} />
      )}
    </Panel>
  );
}
