/** Whether every item is accounted for: the two equations, and a line for each project and category. */

import { useQuery } from "@tanstack/react-query";
import { relayEquationQuery } from "../../api/fleet.ts";
import type { Equation, EquationLine } from "../../api/types.ts";
import { lineTotals, offBy, reasonText } from "../../lib/equation.ts";
import { exact, plural } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./Fleet.module.css";

export function EquationPanel({ relayId }: { relayId: string }) {
  const equation = useQuery(relayEquationQuery(relayId));
  const data = equation.data;
  return (
    <Panel
      id="ledger"
      title={
        <>
          Ledger <Verdict equation={data} />
        </>
      }
      actions={
        data?.date ? (
          <span className={styles.quiet}>
            as of <TimeAgo at={data.date} />
          </span>
        ) : null
      }
    >
      {!data ? (
        equation.isError ? (
          <ErrorState
            error={equation.error}
            retry={() => void equation.refetch()}
            title="The ledger could not be loaded"
          />
        ) : (
          <Skeleton rows={4} label="Loading the ledger" />
        )
      ) : data.lines.length === 0 ? (
        <p className={styles.quiet}>
          {data.date ? "It has counted nothing yet." : "It has not told its accounts yet."}
        </p>
      ) : (
        <EquationLines lines={data.lines} label="Ledger by project and category" />
      )}
    </Panel>
  );
}

function Verdict({ equation }: { equation: Equation | undefined }) {
  if (!equation?.date) return null;
  if (equation.isBeingCompared) return <Badge tone="warning">differs, accounts are being asked for</Badge>;
  if (!equation.isBalanced) return <Badge tone="danger">off by {plural(equation.deficit, "item")}</Badge>;
  return <Badge tone="ok">{equation.isWhole ? "adds up" : "adds up, as far as it is known"}</Badge>;
}

export function EquationLines({ lines, label }: { lines: readonly EquationLine[]; label: string }) {
  const all = lineTotals(lines);
  const reasons = lines.flatMap((line) => [
    ...line.refused.map((each) => ({ ...each, term: "refused", line })),
    ...line.dropped.map((each) => ({ ...each, line })),
  ]);
  return (
    <div className={styles.ledger}>
      <p className={styles.equation}>
        <Amount name="received" n={all.received} /> <b>=</b> <Amount name="accepted" n={all.accepted} />{" "}
        <b>+</b> <Amount name="refused" n={all.refused} bad={all.refused > 0} />
      </p>
      <p className={styles.equation}>
        <Amount name="accepted" n={all.accepted} /> <b>=</b> <Amount name="delivered" n={all.delivered} />{" "}
        <b>+</b> <Amount name="dropped" n={all.dropped} bad={all.dropped > 0} /> <b>+</b>{" "}
        <Amount name="waiting" n={all.waiting} />
      </p>
      <p className={styles.equation}>
        <Amount name="delivered" n={all.delivered} /> <b>→</b> <Amount name="applied" n={all.applied} />{" "}
        <b>+</b> <Amount name="duplicate or invalid" n={all.invalid} /> <b>+</b>{" "}
        <Amount name="rejected" n={all.rejected} bad={all.rejected > 0} />
        <span className={styles.quiet}>at the hub, which may be ahead of the report</span>
      </p>
      {reasons.length ? (
        <ul className={styles.reasons} aria-label="Reasons">
          {reasons.map(({ line, term, reason, quantity }) => (
            <li key={`${line.projectId}:${line.category}:${term}:${reason}`}>
              {exact(quantity)} {line.category} {term}
              {reason ? `: ${reasonText(reason)}` : ""}
              {line.project ? ` (${line.project})` : ""}
            </li>
          ))}
        </ul>
      ) : null}
      <Table
        label={label}
        rows={lines}
        rowKey={(line) => `${line.projectId}:${line.category}`}
        columns={[
          { name: "Project", whole: true, cell: (line) => line.project ?? line.projectId ?? "unknown" },
          { name: "Category", whole: true, cell: (line) => line.category },
          { name: "Received", numeric: true, cell: (line) => exact(line.received) },
          { name: "Refused", numeric: true, cell: (line) => quiet(sum(line.refused)) },
          { name: "Accepted", numeric: true, cell: (line) => exact(line.accepted) },
          { name: "Delivered", numeric: true, cell: (line) => exact(line.delivered) },
          { name: "Dropped", numeric: true, cell: (line) => quiet(sum(line.dropped)) },
          { name: "Waiting", numeric: true, cell: (line) => quiet(line.waiting) },
          { name: "Balance", numeric: true, cell: (line) => <LineVerdict line={line} /> },
        ]}
      />
    </div>
  );
}

const sum = (parts: readonly { quantity: number }[]) => parts.reduce((n, part) => n + part.quantity, 0);

function quiet(n: number) {
  return n === 0 ? <span className={styles.quiet}>0</span> : exact(n);
}

function LineVerdict({ line }: { line: EquationLine }) {
  if (line.isBalanced) return <Badge tone="ok">adds up</Badge>;
  return (
    <Badge tone="danger" title={offBy(line).join("\n")}>
      {offBy(line)[0] ?? "off"}
    </Badge>
  );
}

function Amount({ name, n, bad }: { name: string; n: number; bad?: boolean }) {
  return (
    <span className={cx(styles.term, bad && styles.bad)}>
      <strong>{exact(n)}</strong> {name}
    </span>
  );
}
