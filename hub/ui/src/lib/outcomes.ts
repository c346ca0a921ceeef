/** Outcomes as the page shows them: their order, their words, and sums of groups. */

export const OUTCOMES = ["accepted", "filtered", "rate_limited", "invalid", "client_discard"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const OUTCOME_NAMES: Record<Outcome, string> = {
  accepted: "Accepted",
  filtered: "Filtered",
  rate_limited: "Rate limited",
  invalid: "Invalid",
  client_discard: "Dropped by SDKs",
};

/** Ranges of the page, each with the interval that reads well. */
export const RANGES = [
  { value: "24h", name: "Day", interval: "1h" },
  { value: "7d", name: "Week", interval: "6h" },
  { value: "30d", name: "30 days", interval: "1d" },
  { value: "90d", name: "90 days", interval: "1d" },
] as const;

const HOUR_MS = 3_600_000;

/** The interval that reads well over a range; what begins nowhere is taken for long. */
export function intervalFor(start: number | null, end: number): string {
  const hours = start === null ? Number.POSITIVE_INFINITY : (end - start) / HOUR_MS;
  return hours <= 48 ? "1h" : hours <= 14 * 24 ? "6h" : "1d";
}

export const DIMENSIONS = ["reason", "category", "project", "relay"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export interface Group {
  by: Record<string, unknown>;
  totals: Record<string, number>;
  series: Record<string, number[]>;
}

const FIELD = "sum(quantity)";
const total = (group: Group) => group.totals[FIELD] ?? 0;

export interface Layer {
  outcome: Outcome;
  values: number[];
  total: number;
}

/** One layer for each outcome that there is, in the order in which they are stacked. */
export function layers(groups: readonly Group[]): Layer[] {
  return OUTCOMES.flatMap((outcome) => {
    const own = groups.filter((group) => group.by.outcome === outcome);
    const values: number[] = [];
    for (const group of own) {
      (group.series[FIELD] ?? []).forEach((n, i) => {
        values[i] = (values[i] ?? 0) + n;
      });
    }
    const sum = own.reduce((all, group) => all + total(group), 0);
    return sum === 0 ? [] : [{ outcome, values, total: sum }];
  });
}

export interface Row {
  name: string;
  counts: Record<Outcome, number>;
  /** All but what SDKs dropped themselves: that never arrived. */
  received: number;
}

/** A row for each value of a dimension, the largest first. */
export function rows(groups: readonly Group[], dimension: Dimension): Row[] {
  const found = new Map<string, Row>();
  for (const group of groups) {
    const value = group.by[dimension];
    const name = value === null || value === undefined ? "" : String(value);
    const outcome = OUTCOMES.find((each) => each === group.by.outcome);
    if (!outcome) continue;
    let row = found.get(name);
    if (!row) {
      const counts = Object.fromEntries(OUTCOMES.map((each) => [each, 0])) as Record<Outcome, number>;
      row = { name, counts, received: 0 };
      found.set(name, row);
    }
    row.counts[outcome] += total(group);
    if (outcome !== "client_discard") row.received += total(group);
  }
  const size = (row: Row) => row.received + row.counts.client_discard;
  return [...found.values()].sort((a, b) => size(b) - size(a) || a.name.localeCompare(b.name));
}

/** Items that a limit against spikes refused. */
export function spiked(groups: readonly Group[]): number {
  return groups
    .filter((group) => group.by.reason === "spike_protection")
    .reduce((sum, g) => sum + total(g), 0);
}
