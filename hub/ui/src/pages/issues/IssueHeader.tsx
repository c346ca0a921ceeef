/** The issue itself: what is true of all its events, and what can be done with it. */

import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import type { IssueDetail } from "../../api/types.ts";
import type { FilterSearch } from "../../routes.tsx";
import { Badge, Level } from "../../ui/Badge.tsx";
import { IconButton } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { cx } from "../../ui/classes.ts";
import { Confirm } from "../../ui/Dialog.tsx";
import { useActions } from "../../ui/hotkeys.ts";
import { Icon } from "../../ui/icons.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import { useIssueActions, wantsReview } from "./actions.ts";
import styles from "./IssuePage.module.css";
import { headline, statusDetail, statusWords } from "./issue-text.ts";
import { StatusActions } from "./StatusActions.tsx";
import { PRIORITIES } from "./Triage.tsx";

const QUESTIONS = {
  delete: {
    word: "Delete",
    text: "Its events go with it. For ten seconds you can take it back; after that nothing can. If the error happens again, it starts as a new issue.",
  },
  discard: {
    word: "Discard",
    text: "Its events go with it. For ten seconds you can take it back; after that nothing can. If the error happens again, it is dropped and only counted, until you take that back in the project's settings.",
  },
} as const;

const ShareDialog = lazy(() => import("./ShareDialog.tsx").then((m) => ({ default: m.ShareDialog })));

interface Props {
  org: string;
  issue: IssueDetail;
  /** Goes along, but for the project: that is the issue's own. */
  filter: FilterSearch;
  onChange: (to: StatusChange) => void;
}

export function IssueHeader({ org, issue, filter, onChange }: Props) {
  const { title, message } = headline(issue);
  const status = statusWords(issue);
  const { bookmark, review, prioritise, subscribe, remove, discard } = useIssueActions(org);
  const navigate = useNavigate();
  const [isSharing, setIsSharing] = useState(false);
  const [asking, setAsking] = useState<keyof typeof QUESTIONS | null>(null);
  const toGrouping = () =>
    void navigate({ to: ".", search: (before) => ({ ...before, tab: "grouping" as const }) });
  useActions("of-issue", [
    ...PRIORITIES.filter((each) => each !== issue.priority).map((priority) => ({
      id: `priority.${priority}`,
      does: `Set ${priority} priority`,
      run: () => void prioritise([issue], priority),
    })),
    {
      id: "subscribe",
      does: issue.isSubscribed ? "Unsubscribe from this issue" : "Subscribe to this issue",
      run: () => void subscribe([issue], !issue.isSubscribed),
    },
    { id: "share", does: "Share this issue by a link", run: () => setIsSharing(true) },
    { id: "merge", does: "Merge with a similar issue", run: toGrouping },
    { id: "split", does: "Split this issue, or take it apart", run: toGrouping },
    { id: "discard", does: "Discard this issue", run: () => setAsking("discard") },
    { id: "delete", does: "Delete this issue", run: () => setAsking("delete") },
  ]);
  return (
    <header className={styles.header}>
      <div className={styles.identity}>
        <nav className={styles.crumbs} aria-label="Where this issue is">
          <Link
            to="/organizations/$org/issues"
            params={{ org }}
            search={{ ...filter, project: [issue.project.id] }}
          >
            {issue.project.slug}
          </Link>
          <Icon name="right" size={11} />
          <span>{issue.shortId}</span>
          <Copy text={issue.permalink || issue.shortId} label="Copy the link to this issue" />
        </nav>
        <h1 className={styles.title} title={[title, issue.culprit].filter(Boolean).join("\n")}>
          <span>{title}</span>{" "}
          {issue.culprit ? <span className={styles.culprit}>{issue.culprit}</span> : null}
        </h1>
        <div className={styles.second}>
          <Level level={issue.level} />
          {status ? (
            <Badge tone={status.tone} title={statusDetail(issue)}>
              {status.text}
            </Badge>
          ) : null}
          {issue.isUnhandled ? <Badge tone="danger">unhandled</Badge> : null}
          <span className={styles.message} title={message}>
            {message}
          </span>
        </div>
      </div>
      <div className={styles.actions}>
        <StatusActions status={issue.status} projects={[issue.project.id]} onChange={onChange} />
        <IconButton
          icon="star"
          label={issue.isBookmarked ? "Take the bookmark away" : "Bookmark"}
          pressed={issue.isBookmarked}
          className={cx(issue.isBookmarked && styles.bookmarked)}
          onClick={() => void bookmark([issue], !issue.isBookmarked)}
        />
        <Menu name="More actions" label={<Icon name="dots" />} caret={false} align="end">
          {(close) => (
            <>
              {wantsReview(issue) ? (
                <MenuItem
                  icon="check"
                  onSelect={() => {
                    close();
                    void review([issue]);
                  }}
                >
                  Mark as reviewed
                </MenuItem>
              ) : null}
              <MenuItem
                icon="link"
                onSelect={() => {
                  close();
                  setIsSharing(true);
                }}
              >
                {issue.isPublic ? "Shared by a link" : "Share by a link"}
              </MenuItem>
              {(["discard", "delete"] as const).map((what) => (
                <MenuItem
                  key={what}
                  danger
                  icon={what === "delete" ? "trash" : "close"}
                  onSelect={() => {
                    close();
                    setAsking(what);
                  }}
                >
                  {QUESTIONS[what].word}
                </MenuItem>
              ))}
            </>
          )}
        </Menu>
      </div>
      {isSharing ? (
        <Suspense fallback={null}>
          <ShareDialog org={org} issue={issue} onClose={() => setIsSharing(false)} />
        </Suspense>
      ) : null}
      {asking ? (
        <Confirm
          title={`${QUESTIONS[asking].word} ${issue.shortId}?`}
          confirm={QUESTIONS[asking].word}
          onClose={() => setAsking(null)}
          onConfirm={() => {
            setAsking(null);
            const gone = asking === "delete" ? remove([issue]) : discard([issue]);
            void gone.then(() => navigate({ to: "/organizations/$org/issues", params: { org } }));
          }}
        >
          {QUESTIONS[asking].text}
        </Confirm>
      ) : null}
    </header>
  );
}
