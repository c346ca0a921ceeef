/** Every relay: whether it is there, what waits in it, and where every item went. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ledgerQuery, relaysQuery } from "../../api/fleet.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Fleet.module.css";
import { JoinDialog } from "./JoinDialog.tsx";
import { PoisonList } from "./PoisonList.tsx";
import { RelayCard } from "./RelayCard.tsx";

export function FleetPage() {
  useTitle("Fleet");
  const relays = useQuery(relaysQuery);
  const ledger = useQuery(ledgerQuery);
  const [joining, setJoining] = useState(false);
  const known = relays.data ?? [];
  const away = known.filter((relay) => !relay.isConnected && relay.state === "active");
  const waiting = known.flatMap((relay) => relay.backlog).reduce((sum, lane) => sum + lane.records, 0);
  return (
    <div className={styles.page}>
      <PageHead
        title="Fleet"
        lead={
          known.length
            ? `${plural(known.length, "relay")}, ${away.length === 0 ? "all connected" : `${away.length} away`}, ${plural(waiting, "item")} waiting`
            : "Relays run beside your applications, take their events, and forward them here."
        }
      >
        <Button kind="primary" icon="plus" onClick={() => setJoining(true)}>
          Join a relay
        </Button>
      </PageHead>
      {away.length ? (
        <Notice tone="warning">
          {away.map((relay) => relay.name).join(", ")} {away.length === 1 ? "is" : "are"} not connected. What{" "}
          {away.length === 1 ? "it takes" : "they take"} in the meantime is kept on disk and comes later.
        </Notice>
      ) : null}
      {relays.isError && !relays.data ? (
        <ErrorState error={relays.error} retry={() => void relays.refetch()} />
      ) : !relays.data ? (
        <Skeleton rows={6} label="Loading relays" />
      ) : relays.data.length === 0 ? (
        <EmptyState
          icon="fleet"
          title="No relay has joined"
          action={
            <Button icon="plus" onClick={() => setJoining(true)}>
              Join a relay
            </Button>
          }
        >
          Install vedette-relay beside an application, and let it join this hub with a token.
        </EmptyState>
      ) : (
        relays.data.map((relay) => (
          <RelayCard
            key={relay.id}
            relay={relay}
            ledger={ledger.data?.find((each) => each.relayId === relay.id)}
            ledgerError={ledger.error}
          />
        ))
      )}
      <PoisonList />
      {joining ? <JoinDialog onClose={() => setJoining(false)} /> : null}
    </div>
  );
}
