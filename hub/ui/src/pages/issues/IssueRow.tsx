/** One issue in the list: what it is, how often, how many, how long. */

import { Link } from "@tanstack/react-router";
import { memo, type RefObject, useEffect, useRef } from "react";
import type { Assignee, Issue } from "../../api/types.ts";
import { Sparkline } from "../../charts/Sparkline.tsx";
import { count } from "../../lib/format.ts";
import type { Mark } from "../../lib/release-marks.ts";
import { Badge, LevelDot } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { Icon } from "../../ui/icons.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import type { ColumnKey } from "./columns.ts";
import styles from "./IssueList.module.css";
import { headline, statusWords } from "./issue-text.ts";
import { OwnerMenu, PriorityMenu } from "./Triage.tsx";
import { numberWords } from "./window-words.ts";

interface Props {
  org: string;
  issue: Issue;
  /** Its place in the list, from 0. */
  index: number;
  /** How many there are; -1 is not known. */
  of: number;
  columns: readonly ColumnKey[];
  /** What its bars cover. */
  range: "24h" | "14d";
  /** Of which time and environments its numbers are. */
  within: string;
  /** Of which environments alone its bars and times are. */
  place: string;
  /** When releases of its project came. */
  marks: readonly Mark[] | undefined;
  selected: boolean;
  current: boolean;
  /** Something came for it a moment ago. */
  fresh: boolean;
  compact: boolean;
  /** The issue whose row takes the focus as soon as it is there. */
  wantsFocus: RefObject<string | null>;
  onSelect: (issue: Issue, selected: boolean, range: boolean) => void;
  onFocus: (issue: Issue) => void;
  onAssign: (issues: readonly Issue[], who: Assignee | null) => Promise<void>;
  onPriority: (issues: readonly Issue[], priority: string) => Promise<void>;
  /** Someone looks at it: the pointer rests on its name, or the keyboard is there. */
  onPeek: (issue: Issue | null, at?: HTMLElement) => void;
}

export const IssueRow = memo(function IssueRow(props: Props) {
  const { org, issue, index, of, columns, selected, current, fresh, compact } = props;
  const { wantsFocus, onSelect, onFocus, onPeek } = props;
  const link = useRef<HTMLAnchorElement>(null);
  const { title, message } = headline(issue);
  const status = statusWords(issue);
  useEffect(() => {
    if (!current || wantsFocus.current !== issue.id) return;
    wantsFocus.current = null;
    link.current?.focus({ preventScroll: true });
  }, [current, issue.id, wantsFocus]);
  return (
    <li
      className={cx(
        styles.row,
        selected && styles.selected,
        current && styles.current,
        fresh && styles.fresh,
      )}
      data-issue={issue.id}
      aria-posinset={index + 1}
      aria-setsize={of}
      onFocus={() => onFocus(issue)}
    >
      <input
        type="checkbox"
        className={styles.check}
        aria-label={`Select ${issue.shortId}`}
        checked={selected}
        onChange={(event) =>
          onSelect(issue, event.target.checked, (event.nativeEvent as MouseEvent).shiftKey === true)
        }
      />
      <div className={styles.what}>
        <div className={styles.line}>
          <LevelDot level={issue.level} />
          <Link
            ref={link}
            to="/organizations/$org/issues/$issueId"
            params={{ org, issueId: issue.id }}
            className={cx(styles.title, issue.hasSeen && styles.seen)}
            onMouseEnter={(event) => onPeek(issue, event.currentTarget)}
            onMouseLeave={() => onPeek(null)}
            onFocus={(event) => {
              if (event.currentTarget.matches(":focus-visible")) onPeek(issue, event.currentTarget);
            }}
            onBlur={() => onPeek(null)}
          >
            {title}
          </Link>
          {issue.culprit ? <span className={styles.culprit}>{issue.culprit}</span> : null}
          {compact && message ? <span className={styles.messageInline}>{message}</span> : null}
        </div>
        <div className={styles.second}>
          <span className={styles.shortId}>{issue.shortId}</span>
          {issue.hasSeen ? null : <span className="visually-hidden">Not seen yet</span>}
          {status ? <Badge tone={status.tone}>{status.text}</Badge> : null}
          {issue.isUnhandled ? <Badge tone="danger">unhandled</Badge> : null}
          {issue.isBookmarked ? (
            <span className={styles.bookmark} title="Bookmarked">
              <Icon name="star" size={12} />
              <span className="visually-hidden">Bookmarked</span>
            </span>
          ) : null}
          <span className={styles.message}>{message}</span>
        </div>
      </div>
      {columns.map((key) => (
        <Cell key={key} {...props} column={key} />
      ))}
    </li>
  );
});

function Cell(props: Props & { column: ColumnKey }) {
  const { org, column, issue, compact, range, within, place, marks, onAssign, onPriority } = props;
  const { filtered, lifetime } = issue;
  switch (column) {
    case "trend": {
      const label = range === "24h" ? "Events in the last 24 hours" : "Events in the last 14 days";
      return (
        <div className={styles.trend}>
          <Sparkline
            points={(filtered ?? issue).stats?.[range] ?? []}
            label={place ? `${label} ${place}` : label}
            unit={range === "24h" ? "hour" : "day"}
            width={112}
            height={compact ? 18 : 26}
            marks={marks}
          />
        </div>
      );
    }
    case "events": {
      const n = Number(filtered?.count ?? issue.count);
      const numbers = {
        filtered: filtered ? n : null,
        within: Number(issue.count),
        all: Number(lifetime.count),
      };
      const words = numberWords(numbers, "event", within);
      return (
        <div className={styles.events} title={words}>
          <span className={styles.phoneLabel}>Events</span>
          {count(n)}
          <span className="visually-hidden">, exactly {words}</span>
        </div>
      );
    }
    case "users": {
      const n = filtered?.userCount ?? issue.userCount;
      const numbers = { filtered: filtered ? n : null, within: issue.userCount, all: lifetime.userCount };
      return (
        <div className={styles.users} title={numberWords(numbers, "user", within)}>
          <span className={styles.phoneLabel}>Users</span>
          {n === 0 ? <span className={styles.nobody}>0</span> : count(n)}
        </div>
      );
    }
    case "priority":
      return (
        <div className={styles.priority}>
          <PriorityMenu
            value={issue.priority}
            of={issue.shortId}
            onChange={(priority) => void onPriority([issue], priority)}
          />
        </div>
      );
    case "owner":
      return (
        <div className={styles.owner}>
          <OwnerMenu
            org={org}
            issue={issue.id}
            value={issue.assignedTo ?? null}
            of={issue.shortId}
            onChange={(who) => void onAssign([issue], who)}
          />
        </div>
      );
    case "last":
      return (
        <div className={styles.last}>
          <span className={styles.phoneLabel}>Last seen</span>
          <TimeAgo at={issue.lastSeen} short />
        </div>
      );
    case "first":
      return (
        <div className={styles.first}>
          <span className={styles.phoneLabel}>First seen</span>
          <TimeAgo at={issue.firstSeen} short />
        </div>
      );
  }
}
