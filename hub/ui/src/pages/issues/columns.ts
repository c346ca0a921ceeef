/** Columns of the list of issues: which there are, and which of them this browser shows. */

import { useStored } from "../../ui/stored.ts";

export const COLUMNS = [
  { key: "trend", name: "Trend", head: "Trend" },
  { key: "events", name: "Events", head: "Events" },
  { key: "users", name: "Users", head: "Users" },
  { key: "priority", name: "Priority", head: "Priority" },
  { key: "owner", name: "Owner", head: "Owner" },
  { key: "last", name: "Last seen", head: "Last seen" },
  { key: "first", name: "First seen", head: "First seen" },
] as const;

export type ColumnKey = (typeof COLUMNS)[number]["key"];

const AT_FIRST = "trend events users priority owner last first";

/** The columns shown, in their order, and the switch of one. */
export function useColumns(): [readonly ColumnKey[], (key: ColumnKey) => void] {
  const [stored, setStored] = useStored<string>("columns", AT_FIRST);
  const chosen = stored.split(" ");
  const shown = COLUMNS.map(({ key }) => key).filter((key) => chosen.includes(key));
  const toggle = (key: ColumnKey) =>
    setStored((shown.includes(key) ? shown.filter((each) => each !== key) : [...shown, key]).join(" "));
  return [shown, toggle];
}
