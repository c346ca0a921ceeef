/** Whether every item of every relay is accounted for, in one line; the terms when asked. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { accountingQuery } from "../../api/fleet.ts";
import type { Accounting } from "../../api/types.ts";
import { lineTotals } from "../../lib/equation.ts";
import { exact, plural } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { EquationLines } from "./EquationPanel.tsx";
import styles from "./Fleet.module.css";

export function FleetLedger({ org }: { org: string }) {
  const accounting = useQuery(accountingQuery);
  const data = accounting.data;
  return (
    <Panel id="fleet-ledger" title={<>Ledger of the fleet {data ? <Verdict accounting={data} /> : null}</>}>
      {!data ? (
        accounting.isError ? (
          <ErrorState
            error={accounting.error}
            retry={() => void accounting.refetch()}
            title="The ledger of the fleet could not be loaded"
          />
        ) : (
          <Skeleton rows={2} label="Loading the ledger of the fleet" />
        )
      ) : data.relays === 0 ? (
        <p className={styles.quiet}>No relay has told its accounts yet.</p>
      ) : (
        <>
          <p className={styles.equation}>
            <span>{summary(data)}</span>
          </p>
          {data.off.length ? (
            <ul className={styles.reasons} aria-label="Relays that are off">
              {data.off.map((relay) => (
                <li key={relay.id}>
                  <Link to="/organizations/$org/fleet/$relayId" params={{ org, relayId: relay.id }}>
                    {relay.name}
                  </Link>
                  :{" "}
                  {relay.deficit ? `off by ${plural(relay.deficit, "item")}` : "accounts are being compared"}
                </li>
              ))}
              {data.relaysOff > data.off.length ? (
                <li>and {exact(data.relaysOff - data.off.length)} more</li>
              ) : null}
            </ul>
          ) : null}
          {data.lines.length ? (
            <details className={styles.terms}>
              <summary>Terms by project and category</summary>
              <EquationLines lines={data.lines} label="Ledger of the fleet by project and category" />
            </details>
          ) : null}
        </>
      )}
    </Panel>
  );
}

/** The same in a word, for the head of the page. */
export function FleetVerdict() {
  const { data } = useQuery(accountingQuery);
  if (!data || data.relays === 0) return null;
  return (
    <button
      type="button"
      className={styles.verdict}
      title="To the ledger of the fleet"
      onClick={() => document.getElementById("fleet-ledger")?.scrollIntoView()}
    >
      <Verdict accounting={data} />
    </button>
  );
}

function Verdict({ accounting }: { accounting: Accounting }) {
  if (accounting.relays === 0) return null;
  if (accounting.deficit > 0) {
    return <Badge tone="danger">off by {plural(accounting.deficit, "item")}</Badge>;
  }
  if (!accounting.isBalanced) return <Badge tone="warning">differs, accounts are being asked for</Badge>;
  return <Badge tone="ok">{accounting.isWhole ? "adds up" : "adds up, as far as it is known"}</Badge>;
}

function summary(accounting: Accounting): string {
  const { received, refused, delivered, dropped, waiting } = lineTotals(accounting.lines);
  const silent = accounting.relaysSilent ? `; ${plural(accounting.relaysSilent, "relay")} never told` : "";
  const items = `${exact(received)} received = ${exact(refused)} refused + ${exact(delivered)} delivered + ${exact(dropped)} dropped + ${exact(waiting)} waiting`;
  return `${items}, over ${plural(accounting.relays, "relay")}${silent}`;
}
