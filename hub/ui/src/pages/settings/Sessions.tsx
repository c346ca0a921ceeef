/** Where the signed-in user is signed in, and the way to end it there. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { endSession, ownSessionsQuery } from "../../api/session.ts";
import type { OwnSession } from "../../api/types.ts";
import { browserName } from "../../lib/browser.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";

export function Sessions() {
  const sessions = useQuery(ownSessionsQuery);
  const client = useQueryClient();
  const toast = useToast();
  const end = useMutation({
    mutationFn: ({ id }: OwnSession) => endSession(id),
    onSuccess: () => toast({ text: "The session has ended" }),
    onError: (error) => toast({ text: `Not ended: ${error.message}`, tone: "danger" }),
    onSettled: () => client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey }),
  });
  const columns: Column<OwnSession>[] = [
    {
      name: "Browser",
      cell: ({ userAgent, isCurrent }) => (
        <span title={userAgent}>
          {browserName(userAgent)} {isCurrent ? <Badge tone="ok">this one</Badge> : null}
        </span>
      ),
    },
    { name: "From", cell: ({ address }) => address || "not kept" },
    { name: "Last used", cell: ({ dateLastUsed }) => <TimeAgo at={dateLastUsed} /> },
    { name: "Began", cell: ({ dateCreated }) => <TimeAgo at={dateCreated} /> },
    {
      name: "Actions",
      quiet: true,
      cell: (session) =>
        session.isCurrent ? null : (
          <Button small kind="quiet" busy={end.isPending} onClick={() => end.mutate(session)}>
            End
          </Button>
        ),
    },
  ];
  return (
    <Panel title="Sessions" flush>
      {sessions.isError ? (
        <ErrorState error={sessions.error} retry={() => void sessions.refetch()} />
      ) : !sessions.data ? (
        <Skeleton rows={2} label="Loading sessions" />
      ) : (
        <Table label="Sessions" columns={columns} rows={sessions.data} rowKey={({ id }) => id} />
      )}
    </Panel>
  );
}
