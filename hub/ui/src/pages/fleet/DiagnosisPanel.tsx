/** What a relay says of itself when it is asked: everything its own status shows. */

import { useQuery } from "@tanstack/react-query";
import { diagnosisQuery } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState } from "../../ui/State.tsx";
import { ValueTree } from "../../ui/ValueTree.tsx";
import styles from "./Fleet.module.css";

export function DiagnosisPanel({ relay }: { relay: Relay }) {
  const told = useQuery(diagnosisQuery(relay.id));
  const ask = () => void told.refetch();
  return (
    <Panel
      title="Diagnosis"
      id="diagnosis"
      actions={
        <Button small busy={told.isFetching} disabled={!relay.isConnected} onClick={ask}>
          {told.data ? "Ask again" : "Ask the relay"}
        </Button>
      }
    >
      {told.isError ? (
        <ErrorState error={told.error} retry={ask} title="The relay did not say how it is" />
      ) : told.data ? (
        <ValueTree value={told.data} open={2} />
      ) : (
        <p className={styles.quiet}>
          {relay.isConnected
            ? "The relay tells all of its status over the link: figures and settings, nothing that users sent."
            : "It can be asked while it is connected."}
        </p>
      )}
    </Panel>
  );
}
