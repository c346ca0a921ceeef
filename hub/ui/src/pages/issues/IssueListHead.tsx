/** The head of the list: names of columns, or what can be done with the chosen issues. */

import { Link } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import type { IssueFilter } from "../../api/issues.ts";
import type { Issue } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { cx } from "../../ui/classes.ts";
import { COLUMNS, type ColumnKey } from "./columns.ts";
import styles from "./IssueList.module.css";
import { placeWords, windowWords } from "./window-words.ts";

const BulkBar = lazy(() => import("./BulkBar.tsx").then((m) => ({ default: m.BulkBar })));

export interface HeadProps {
  org: string;
  items: readonly Issue[];
  chosen: ReadonlyMap<string, Issue>;
  onChoose: (chosen: ReadonlyMap<string, Issue>) => void;
  columns: readonly ColumnKey[];
  /** Not all that match are loaded. */
  hasMore: boolean;
  /** While all that match are chosen, how many were found so far. */
  choosing: number | null;
  chosenMax: number;
  onChooseAll: () => void;
  /** What the list was asked for. */
  filter: IssueFilter;
  /** Somebody asked by a key whom the chosen are to be given to. */
  isAssigning: boolean;
  onAssigning: () => void;
}

export function IssueListHead(props: HeadProps) {
  const { items, chosen, onChoose, columns, filter } = props;
  const issues = [...chosen.values()];
  const all = items.length > 0 && items.every((issue) => chosen.has(issue.id));
  return (
    <div className={cx(styles.head, issues.length > 0 && styles.headActive)}>
      <input
        type="checkbox"
        className={styles.check}
        aria-label="Select all issues that are loaded"
        disabled={items.length === 0}
        checked={all}
        ref={(input) => {
          if (input) input.indeterminate = issues.length > 0 && !all;
        }}
        onChange={() => onChoose(all ? new Map() : new Map(items.map((issue) => [issue.id, issue])))}
      />
      {issues.length > 0 ? (
        <Suspense fallback={<span className={styles.bulk}>{plural(issues.length, "issue")} selected</span>}>
          <BulkBar {...props} issues={issues} all={all} />
        </Suspense>
      ) : (
        <>
          <span className={styles.what}>Issue</span>
          {COLUMNS.filter(({ key }) => columns.includes(key)).map(({ key, head }) => (
            <span key={key} className={styles[key]} title={headTitle(key, head, filter)}>
              {key === "trend" ? <Range days={filter.groupStatsPeriod === "14d"} /> : head}
            </span>
          ))}
        </>
      )}
    </div>
  );
}

/** Of which time and environments the numbers below are, where they are not of all. */
function headTitle(key: ColumnKey, head: string, filter: IssueFilter): string | undefined {
  const isNumber = key === "events" || key === "users";
  const isTime = key === "first" || key === "last";
  const words = isNumber ? windowWords(filter) : isTime ? placeWords(filter.environment) : "";
  return words ? `${head} ${words}` : undefined;
}

/** What the bars cover, and the way to the other. */
function Range({ days }: { days: boolean }) {
  return (
    <Link
      to="."
      search={(before) => ({ ...before, groupStatsPeriod: days ? undefined : ("14d" as const) })}
      className={styles.range}
      title={days ? "Show the last 24 hours" : "Show the last 14 days"}
      replace
      resetScroll={false}
    >
      {days ? "Last 14 days" : "Last 24 hours"}
    </Link>
  );
}
