/** One issue in the list: what it is, how often, how many, how long. */

import { Link } from "@tanstack/react-router";
import { memo } from "react";
import type { Issue } from "../../api/types.ts";
import { Sparkline } from "../../charts/Sparkline.tsx";
import { count, exact, plural } from "../../lib/format.ts";
import { Badge, LevelDot } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./IssueList.module.css";
import { headline, statusWords } from "./issue-text.ts";

interface Props {
  org: string;
  issue: Issue;
  selected: boolean;
  current: boolean;
  compact: boolean;
  onSelect: (issue: Issue, selected: boolean) => void;
  onFocus: (issue: Issue) => void;
}

export const IssueRow = memo(function IssueRow(props: Props) {
  const { org, issue, selected, current, compact, onSelect, onFocus } = props;
  const { title, message } = headline(issue);
  const status = statusWords(issue);
  const events = Number(issue.count);
  return (
    <li
      className={cx(styles.row, selected && styles.selected, current && styles.current)}
      data-issue={issue.id}
      onFocus={() => onFocus(issue)}
    >
      <input
        type="checkbox"
        className={styles.check}
        aria-label={`Select ${issue.shortId}`}
        checked={selected}
        onChange={(event) => onSelect(issue, event.target.checked)}
      />
      <div className={styles.what}>
        <div className={styles.line}>
          <LevelDot level={issue.level} />
          <Link
            to="/organizations/$org/issues/$issueId"
            params={{ org, issueId: issue.id }}
            className={styles.title}
            title={issue.title}
          >
            {title}
          </Link>
          {issue.culprit ? <span className={styles.culprit}>{issue.culprit}</span> : null}
          {compact && message ? <span className={styles.messageInline}>{message}</span> : null}
        </div>
        <div className={styles.second}>
          <span className={styles.shortId}>{issue.shortId}</span>
          {status ? <Badge tone={status.tone}>{status.text}</Badge> : null}
          {issue.isUnhandled ? <Badge tone="danger">unhandled</Badge> : null}
          <span className={styles.message}>{message}</span>
        </div>
      </div>
      <div className={styles.spark}>
        <Sparkline points={issue.stats?.["24h"] ?? []} width={112} height={compact ? 18 : 26} />
      </div>
      <div className={styles.number} title={plural(events, "event")}>
        <span className={styles.phoneLabel}>Events</span>
        {count(events)}
      </div>
      <div className={styles.number} title={plural(issue.userCount, "user")}>
        <span className={styles.phoneLabel}>Users</span>
        {issue.userCount === 0 ? <span className={styles.nobody}>0</span> : count(issue.userCount)}
      </div>
      <div className={styles.time}>
        <span className={styles.phoneLabel}>Last seen</span>
        <TimeAgo at={issue.lastSeen} short />
      </div>
      <div className={cx(styles.time, styles.first)}>
        <span className={styles.phoneLabel}>First seen</span>
        <TimeAgo at={issue.firstSeen} short />
      </div>
      <span className="visually-hidden">{exact(events)} events</span>
    </li>
  );
});
