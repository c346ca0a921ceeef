/** What decides where an issue goes: how often, for whom, since when, which way, and whose it is. */

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Assignee, IssueDetail, Release } from "../../api/types.ts";
import { exact, plural, shortRelease } from "../../lib/format.ts";
import { weekTrend } from "../../lib/trend.ts";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./IssueFacts.module.css";
import { OwnerMenu, PriorityMenu } from "./Triage.tsx";

interface Props {
  org: string;
  issue: IssueDetail;
  /** Of which environments alone its numbers are. */
  place: string;
  onAssign: (who: Assignee | null) => void;
  onPriority: (priority: string) => void;
}

export function IssueFacts({ org, issue, place, onAssign, onPriority }: Props) {
  const trend = weekTrend(issue.stats?.["30d"] ?? [], Date.now());
  return (
    <dl className={styles.facts} aria-label="Facts about this issue">
      <Fact name="Events">
        <strong>{exact(Number(issue.count))}</strong>
        <OfAll n={Number(issue.count)} all={Number(issue.lifetime.count)} place={place} />
        {!place && issue.foldedCount > 0 ? (
          <span
            className={styles.beside}
            title="They came in a storm of events like those that are kept; their users and times are counted."
          >
            {exact(issue.foldedCount)} of them counted, not kept
          </span>
        ) : null}
      </Fact>
      <Fact name="Users">
        <strong>{exact(issue.userCount)}</strong>
        <OfAll n={issue.userCount} all={issue.lifetime.userCount} place={place} />
      </Fact>
      <Fact name="This week">
        <span
          className={styles[trend.way]}
          title={`${plural(trend.now, "event")} in the last 7 days, ${exact(trend.before)} in the 7 days before`}
        >
          {trend.text}
          <span className={styles.beside}>
            {exact(trend.now)}, {exact(trend.before)} the week before
          </span>
        </span>
      </Fact>
      <Seen org={org} name="Last seen" at={issue.lastSeen} release={issue.lastRelease} />
      <Seen org={org} name="First seen" at={issue.firstSeen} release={issue.firstRelease} />
      <Fact name="Priority">
        <PriorityMenu value={issue.priority} onChange={onPriority} />
      </Fact>
      <Fact name="Owner">
        <OwnerMenu org={org} issue={issue.id} value={issue.assignedTo ?? null} onChange={onAssign} />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What a number of environments is a part of. */
function OfAll({ n, all, place }: { n: number; all: number; place: string }) {
  if (!place || n === all) return null;
  return (
    <span className={styles.beside}>
      {place}, {exact(all)} in all
    </span>
  );
}

interface SeenProps {
  org: string;
  name: string;
  at: string;
  release: Release | null | undefined;
}

function Seen({ org, name, at, release }: SeenProps) {
  return (
    <Fact name={name}>
      <TimeAgo at={at} />
      {release ? (
        <span className={styles.beside} title={release.version}>
          in{" "}
          <Link to="/organizations/$org/releases/$version" params={{ org, version: release.version }}>
            {release.shortVersion || shortRelease(release.version)}
          </Link>
        </span>
      ) : null}
    </Fact>
  );
}
