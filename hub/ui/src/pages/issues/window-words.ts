/** Which events the numbers of a list are of, in words. */

import type { IssueFilter } from "../../api/issues.ts";
import { exact, plural } from "../../lib/format.ts";
import { PERIODS } from "../../lib/time.ts";

/** "in production"; empty where every environment is meant. */
export function placeWords(environment: readonly string[] = []): string {
  const [first, ...others] = environment;
  if (first === undefined) return "";
  if (others.length > 0) return `in ${environment.length} environments`;
  return first ? `in ${first}` : "without an environment";
}

/** "in the last 14 days in production"; empty where every event is meant. */
export function windowWords({ statsPeriod, start, end, environment }: Partial<IssueFilter>): string {
  const period = PERIODS.find(({ value }) => value === statsPeriod)?.label.toLowerCase();
  const time =
    start || end ? "in the chosen time" : statsPeriod ? `in the ${period ?? `last ${statsPeriod}`}` : "";
  return [time, placeWords(environment)].filter(Boolean).join(" ");
}

interface Numbers {
  /** Of the events that the search means, where it means some alone. */
  filtered: number | null;
  /** Of those of the time and the environments. */
  within: number;
  /** Of all. */
  all: number;
}

/** "1,204 events in the last 14 days · 88,231 in all". */
export function numberWords({ filtered, within, all }: Numbers, what: string, window: string): string {
  const meant = filtered === null ? plural(within, what) : `${exact(filtered)} of ${plural(within, what)}`;
  const match = filtered === null ? "" : "match the search";
  const said = [meant, window, match].filter(Boolean).join(" ");
  return within === all ? said : `${said} · ${exact(all)} in all`;
}
