/** The head of the list: names of columns, or what can be done with the chosen issues. */

import { useState } from "react";
import type { IssueFilter } from "../../api/issues.ts";
import type { Issue } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { Confirm } from "../../ui/Dialog.tsx";
import { Check } from "../../ui/Form.tsx";
import { useIssueActions } from "./actions.ts";
import { COLUMNS, type ColumnKey } from "./columns.ts";
import styles from "./IssueList.module.css";
import { StatusActions } from "./StatusActions.tsx";
import { OwnerMenu, PriorityMenu } from "./Triage.tsx";

/** The hub merges this many at once, of one project. */
const MERGED_MAX = 100;

interface Props {
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
}

export function IssueListHead(props: Props) {
  const { org, items, chosen, onChoose, columns, hasMore, choosing, chosenMax, onChooseAll, filter } = props;
  const { change, assign, prioritise, remove, merge } = useIssueActions(org);
  const [asking, setAsking] = useState<"delete" | "merge" | null>(null);
  const [isWhole, setIsWhole] = useState(false);
  const issues = [...chosen.values()];
  const all = items.length > 0 && items.every((issue) => chosen.has(issue.id));
  const mayMerge =
    issues.length > 1 &&
    issues.length <= MERGED_MAX &&
    issues.every((issue) => issue.project.id === issues[0]?.project.id);
  const statuses = new Set(issues.map((issue) => issue.status));
  /** What is done with the chosen ones; they are then chosen no more. */
  const then = (deed: (issues: readonly Issue[]) => Promise<void>) => {
    onChoose(new Map());
    void deed(issues);
  };
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
        <div className={styles.bulk} role="toolbar" aria-label="Actions on the selected issues">
          <span className={styles.chosen}>{plural(issues.length, "issue")} selected</span>
          {all && hasMore && issues.length < chosenMax ? (
            <Button small kind="quiet" busy={choosing !== null} onClick={onChooseAll}>
              {choosing ? `${exact(choosing)} found` : `Select all that match, ${exact(chosenMax)} at most`}
            </Button>
          ) : null}
          <StatusActions
            small
            status={statuses.size === 1 ? (issues[0]?.status ?? "mixed") : "mixed"}
            onChange={(to) => then((each) => change(each, to))}
          />
          <OwnerMenu
            org={org}
            buttonClassName={styles.bulkMenu}
            onChange={(who) => then((each) => assign(each, who))}
          />
          <PriorityMenu
            buttonClassName={styles.bulkMenu}
            onChange={(priority) => then((each) => prioritise(each, priority))}
          />
          {mayMerge ? (
            <Button small kind="quiet" onClick={() => setAsking("merge")}>
              Merge
            </Button>
          ) : null}
          <Button
            small
            kind="quiet"
            icon="trash"
            onClick={() => {
              setIsWhole(false);
              setAsking("delete");
            }}
          >
            Delete
          </Button>
        </div>
      ) : (
        <>
          <span className={styles.what}>Issue</span>
          {COLUMNS.filter(({ key }) => columns.includes(key)).map(({ key, head }) => (
            <span key={key} className={styles[key]}>
              {head}
            </span>
          ))}
        </>
      )}
      {asking === "merge" ? (
        <Confirm
          title={`Merge ${plural(issues.length, "issue")}?`}
          confirm="Merge"
          onClose={() => setAsking(null)}
          onConfirm={() => {
            setAsking(null);
            then(merge);
          }}
        >
          The one with most events takes in the events of the others, and what comes of them from now on. On
          its page they can be taken apart again.
        </Confirm>
      ) : asking ? (
        <Confirm
          title={isWhole ? "Delete all issues that match?" : `Delete ${plural(issues.length, "issue")}?`}
          confirm="Delete"
          onClose={() => setAsking(null)}
          onConfirm={() => {
            setAsking(null);
            then((each) => remove(each, isWhole ? filter : undefined));
          }}
        >
          <p>
            Their events go with them. For ten seconds you can take it back; after that nothing can. If an
            error happens again, it starts as a new issue.
          </p>
          {all && hasMore ? (
            <Check
              label="Also all others that match this search"
              hint="However many there are; what is found when you confirm counts."
              checked={isWhole}
              onChange={setIsWhole}
            />
          ) : null}
        </Confirm>
      ) : null}
    </div>
  );
}
