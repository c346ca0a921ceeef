/** What a relay says of itself when it is asked: what its doctor finds, and all its own status shows. */

import { useQuery } from "@tanstack/react-query";
import { diagnosisQuery } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import { type Finding, parseDiagnosis } from "../../lib/diagnosis.ts";
import type { Json } from "../../lib/event-shape.ts";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice } from "../../ui/State.tsx";
import { ValueTree } from "../../ui/ValueTree.tsx";
import { Marked } from "./CertificatePanel.tsx";
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
        <Told told={told.data} />
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

function Told({ told }: { told: Record<string, Json> }) {
  const { findings, status } = parseDiagnosis(told);
  return (
    <>
      {findings ? <Findings findings={findings} /> : null}
      <ValueTree value={status} open={2} />
    </>
  );
}

function Findings({ findings }: { findings: Finding[] }) {
  const well = findings.filter((finding) => finding.grade === "well");
  return (
    <>
      {findings
        .filter((finding) => finding.grade !== "well")
        .map((finding, i) => (
          <Notice key={i} tone={finding.grade === "wrong" ? "danger" : "warning"}>
            <strong>{finding.what}</strong>: {finding.found}
            {finding.remedy ? (
              <div className={styles.remedy}>
                <Marked text={finding.remedy} />
              </div>
            ) : null}
          </Notice>
        ))}
      <p className={styles.quiet}>
        {well.length === 0 ? "No check is well." : `Well: ${well.map((finding) => finding.what).join(", ")}.`}
      </p>
    </>
  );
}
