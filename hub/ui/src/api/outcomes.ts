/** What became of every item over time. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { get } from "./client.ts";
import type { Outcomes, Spike, Totals } from "./types.ts";

export interface OutcomeQuestion {
  groupBy: string[];
  statsPeriod?: string;
  start?: string;
  end?: string;
  interval: string;
  project?: readonly string[];
  category?: string;
}

export const outcomesQuery = (org: string, asked: OutcomeQuestion) =>
  queryOptions({
    queryKey: ["org", org, "outcomes", asked],
    queryFn: ({ signal }) =>
      get<Outcomes>(`organizations/${org}/stats_v2/`, {
        signal,
        query: { ...asked, field: "sum(quantity)" },
      }),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

/** The transactions that there were most of, each counted for as many as it stands for. */
export const transactionsQuery = (
  org: string,
  { statsPeriod, start, end, project }: Pick<OutcomeQuestion, "statsPeriod" | "start" | "end" | "project">,
) =>
  queryOptions({
    queryKey: ["org", org, "transactions", statsPeriod, start, end, project],
    queryFn: ({ signal }) =>
      get<Totals>(`organizations/${org}/events/`, {
        signal,
        query: {
          dataset: "transactions",
          field: ["transaction", "count()", "epm()", "failure_rate()", "p50()", "p95()"],
          per_page: 10,
          statsPeriod,
          start,
          end,
          project,
        },
      }),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  });

/** When limits against spikes refused errors, the last first. */
export const spikesQuery = (org: string) =>
  queryOptions({
    queryKey: ["org", org, "spikes"],
    queryFn: ({ signal }) => get<Spike[]>(`vedette/organizations/${org}/spikes/`, { signal }),
    refetchInterval: 30_000,
  });
