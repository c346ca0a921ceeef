/** What can be done with the chosen issues; it is fetched when the first is chosen. */

import { lazy, Suspense, useEffect, useRef, useState } from "react";
import type { Issue } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { useActions } from "../../ui/hotkeys.ts";
import { Icon } from "../../ui/icons.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import { useIssueActions, wantsReview } from "./actions.ts";
import type { Question } from "./BulkQuestion.tsx";
import styles from "./IssueList.module.css";
import type { HeadProps } from "./IssueListHead.tsx";
import { StatusActions } from "./StatusActions.tsx";
import { OwnerMenu, openOwners, PRIORITIES, PriorityMenu } from "./Triage.tsx";

const BulkQuestion = lazy(() => import("./BulkQuestion.tsx").then((m) => ({ default: m.BulkQuestion })));

/** The hub merges this many at once that are named. */
const MERGED_MAX = 1000;

interface Props extends HeadProps {
  /** The chosen ones. */
  issues: readonly Issue[];
  /** All that are loaded are chosen. */
  all: boolean;
}

export function BulkBar(props: Props) {
  const { org, issues, all, onChoose, hasMore, choosing, chosenMax, onChooseAll, filter } = props;
  const { isAssigning, onAssigning } = props;
  const { change, assign, prioritise, bookmark, subscribe, review, remove, discard, merge } =
    useIssueActions(org);
  const [asking, setAsking] = useState<Question | null>(null);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isAssigning) return;
    onAssigning();
    openOwners(bar.current);
  }, [isAssigning, onAssigning]);
  const isOfOne = issues.every((issue) => issue.project.id === issues[0]?.project.id);
  /** Why the chosen ones cannot be merged, before anybody asks for it. */
  const notMerged = !isOfOne
    ? "Only issues of one project can be merged"
    : issues.length > MERGED_MAX
      ? `At most ${exact(MERGED_MAX)} chosen issues are merged at once`
      : undefined;
  const mayMerge = issues.length > 1 && notMerged === undefined;
  const statuses = new Set(issues.map((issue) => issue.status));
  /** What is done with the chosen ones; they are then chosen no more. */
  const then = (deed: (issues: readonly Issue[]) => Promise<unknown>) => {
    onChoose(new Map());
    void deed(issues);
  };
  const isSubscribed = issues.every((issue) => issue.isSubscribed);
  const isBookmarked = issues.every((issue) => issue.isBookmarked);
  const askDelete = () => setAsking("delete");
  const bookmarkWord = isBookmarked ? "Take the bookmarks away" : "Bookmark";
  const subscribeWord = isSubscribed ? "Unsubscribe" : "Subscribe";
  const reviewed = issues.filter(wantsReview);
  const beside = {
    bookmark: () => then((each) => bookmark(each, !isBookmarked)),
    subscribe: () => then((each) => subscribe(each, !isSubscribed)),
    review: () => then(review),
    discard: () => setAsking("discard"),
  };
  useActions("chosen", [
    ...PRIORITIES.map((priority) => ({
      id: `priority.${priority}`,
      does: `Set the selected to ${priority} priority`,
      run: () => then((each) => prioritise(each, priority)),
    })),
    ...(mayMerge ? [{ id: "merge", does: "Merge the selected", run: () => setAsking("merge") }] : []),
    { id: "subscribe", does: `${subscribeWord}: the selected`, run: beside.subscribe },
    { id: "discard", does: "Discard the selected", run: beside.discard },
    { id: "delete", does: "Delete the selected", run: askDelete },
  ]);
  return (
    <>
      <div ref={bar} className={styles.bulk} role="toolbar" aria-label="Actions on the selected issues">
        <span className={styles.chosen}>{plural(issues.length, "issue")} selected</span>
        {all && hasMore && issues.length < chosenMax ? (
          <Button small kind="quiet" busy={choosing !== null} onClick={onChooseAll}>
            {choosing ? `${exact(choosing)} found` : `Select all that match, ${exact(chosenMax)} at most`}
          </Button>
        ) : null}
        <StatusActions
          small
          projects={[...new Set(issues.map(({ project }) => project.id))]}
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
        {issues.length > 1 ? (
          <Button
            small
            kind="quiet"
            disabled={!mayMerge}
            title={notMerged}
            onClick={() => setAsking("merge")}
          >
            Merge
          </Button>
        ) : null}
        <Button small kind="quiet" icon="trash" onClick={askDelete}>
          Delete
        </Button>
        <Menu
          name="More for the selected issues"
          label={<Icon name="dots" size={14} />}
          caret={false}
          align="end"
          buttonClassName={styles.bulkMenu}
        >
          {(close) => {
            const first = (run: () => void) => () => {
              close();
              run();
            };
            return (
              <>
                <MenuItem icon="star" onSelect={first(beside.bookmark)}>
                  {bookmarkWord}
                </MenuItem>
                <MenuItem icon="mail" onSelect={first(beside.subscribe)}>
                  {subscribeWord}
                </MenuItem>
                <MenuItem icon="check" disabled={reviewed.length === 0} onSelect={first(beside.review)}>
                  Mark as reviewed
                </MenuItem>
                <MenuItem danger icon="close" onSelect={first(beside.discard)}>
                  Discard…
                </MenuItem>
              </>
            );
          }}
        </Menu>
      </div>
      {asking ? (
        <Suspense fallback={null}>
          <BulkQuestion
            asking={asking}
            n={issues.length}
            mayBeWhole={
              all && hasMore && (asking === "delete" || (asking === "merge" && filter.project.length === 1))
            }
            onClose={() => setAsking(null)}
            onConfirm={(isWhole) => {
              setAsking(null);
              const search = isWhole ? filter : undefined;
              if (asking === "merge") then((each) => merge(each, search));
              else if (asking === "discard") then(discard);
              else then((each) => remove(each, search));
            }}
          />
        </Suspense>
      ) : null}
    </>
  );
}
