/** The transactions that there were most of: how many, how long they took, how many failed. */

import { useQuery } from "@tanstack/react-query";
import { type OutcomeQuestion, transactionsQuery } from "../../api/outcomes.ts";
import { exact } from "../../lib/format.ts";
import { duration } from "../../lib/time.ts";
import { Panel } from "../../ui/Panel.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import styles from "./Outcomes.module.css";

interface Row {
  name: string;
  count: number;
  kept: number;
  perMinute: number;
  failed: number;
  half: number | null;
  most: number | null;
}

const COLUMNS: Column<Row>[] = [
  { name: "Transaction", cell: (row) => row.name || "without a name" },
  { name: "Sent", numeric: true, cell: (row) => exact(row.count) },
  {
    name: "Kept",
    numeric: true,
    cell: (row) => (row.kept === row.count ? <span className={styles.quiet}>all</span> : exact(row.kept)),
  },
  { name: "A minute", numeric: true, cell: (row) => row.perMinute.toPrecision(2) },
  { name: "Failed", numeric: true, cell: (row) => percent(row.failed) },
  { name: "p50", numeric: true, cell: (row) => took(row.half) },
  { name: "p95", numeric: true, cell: (row) => took(row.most) },
];

/** "12%", "0.4%". */
function percent(share: number): string {
  const value = share * 100;
  return `${value === 0 || value >= 9.95 ? Math.round(value) : value.toPrecision(1)}%`;
}

function took(ms: number | null): string {
  if (ms === null) return "–";
  return ms >= 1000 && ms < 60_000 ? `${(ms / 1000).toPrecision(3)} s` : duration(ms);
}

export function Transactions({ org, asked }: { org: string; asked: Omit<OutcomeQuestion, "groupBy"> }) {
  const { data } = useQuery(transactionsQuery(org, asked));
  if (!data || data.data.length === 0) return null;
  const number = (value: unknown) => (typeof value === "number" ? value : null);
  const rows = data.data.map((row, at) => ({
    name: String(row.transaction ?? ""),
    count: number(row["count()"]) ?? 0,
    kept: number(data.meta.accuracy?.sampleCount[at]?.["count()"]) ?? 0,
    perMinute: number(row["epm()"]) ?? 0,
    failed: number(row["failure_rate()"]) ?? 0,
    half: number(row["p50()"]),
    most: number(row["p95()"]),
  }));
  const isSampled = rows.some((row) => row.kept !== row.count);
  return (
    <Panel title="Transactions" flush>
      {isSampled || data.meta.dataScanned === "partial" ? (
        <p className={styles.note}>
          {isSampled
            ? "What a sampling rule kept counts for as many as it stands for. What SDKs left out themselves is not in it. "
            : null}
          {data.meta.dataScanned === "partial" ? "Only the latest million could be looked at." : null}
        </p>
      ) : null}
      <Table label="Transactions" columns={COLUMNS} rows={rows} rowKey={(row) => row.name} />
    </Panel>
  );
}
