/** Beside the event: how often, since when, for whom, and when this one came. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { issueKey, issueTagsQuery, subscribe } from "../../api/issues.ts";
import { releasesQuery } from "../../api/releases.ts";
import type { EventDetail, IssueDetail } from "../../api/types.ts";
import { TimeBars } from "../../charts/TimeBars.tsx";
import { shortRelease } from "../../lib/format.ts";
import { marksByProject } from "../../lib/release-marks.ts";
import { duration, toMillis } from "../../lib/time.ts";
import { Button } from "../../ui/Button.tsx";
import { Segmented } from "../../ui/Tabs.tsx";
import { Moment } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./IssueSidebar.module.css";
import { statusDetail } from "./issue-text.ts";
import { Suspects } from "./Suspects.tsx";
import { TagBars } from "./TagBars.tsx";

interface Props {
  org: string;
  issue: IssueDetail;
  /** Of which its numbers are; all where none is chosen. */
  environment?: readonly string[];
  event: EventDetail | undefined;
  query?: string;
  /** Not beside the page that shows them all. */
  hasTags: boolean;
  onFilter: (query: string | undefined) => void;
  /** A range of the chart was drawn: its edges in unix seconds. */
  onZoom: (from: number, to: number) => void;
}

/** Beyond this a lag of the pipeline deserves a colour. */
const LATE_MS = 60_000;
const TAGS_SHOWN = 6;
const VALUES_SHOWN = 4;

export function IssueSidebar(props: Props) {
  const { org, issue, environment, event, query, hasTags, onFilter, onZoom } = props;
  const [range, setRange] = useState<"24h" | "30d">("24h");
  const tags = useQuery({ ...issueTagsQuery(org, issue.id, environment), enabled: hasTags });
  const releases = useQuery(releasesQuery(org, [issue.project.id], "30d"));
  const points = issue.stats?.[range] ?? [];
  return (
    <aside className={styles.side} aria-label="About this issue">
      <section className={styles.block}>
        <div className={styles.numbers}>
          <h2>Events over time</h2>
          <Segmented
            label="Range of the chart"
            value={range}
            onChange={setRange}
            options={[
              { value: "24h", label: "24 h" },
              { value: "30d", label: "30 d" },
            ]}
          />
        </div>
        <TimeBars
          points={points}
          unit={range === "24h" ? "hour" : "day"}
          label={range === "24h" ? "Events in the last 24 hours" : "Events in the last 30 days"}
          marks={marksByProject(releases.data ?? []).get(issue.project.id) ?? marksOf(issue)}
          onZoom={onZoom}
        />
      </section>
      <section className={styles.block}>
        <h2>Status</h2>
        <p>{statusDetail(issue)}</p>
      </section>
      <Suspects org={org} issue={issue.id} />
      <Told org={org} issue={issue} />
      {event ? <EventTimes event={event} /> : null}
      {hasTags ? (
        <section className={styles.block}>
          <h2>Tags</h2>
          {tags.isError ? <p className={styles.quiet}>{tags.error.message}</p> : null}
          {tags.data?.length === 0 ? <p className={styles.quiet}>No event has tags.</p> : null}
          {tags.data?.slice(0, TAGS_SHOWN).map((tag) => (
            <TagBars key={tag.key} tag={tag} max={VALUES_SHOWN} query={query} onFilter={onFilter} />
          ))}
        </section>
      ) : null}
    </aside>
  );
}

const REASONS: Record<string, string> = {
  assigned: "since it is assigned to you or your team",
  bookmarked: "since you bookmarked it",
  changed_status: "since you changed its status",
  commented: "since you wrote a note",
  mentioned: "since a note mentions you",
  team_mentioned: "since a note mentions your team",
};

/** Who is told of what others do to the issue, and whether one is oneself. */
function Told({ org, issue }: { org: string; issue: IssueDetail }) {
  const client = useQueryClient();
  const toast = useToast();
  const set = useMutation({
    mutationFn: (isSubscribed: boolean) => subscribe(org, issue.id, isSubscribed),
    onSuccess: () => client.invalidateQueries({ queryKey: issueKey(org, issue.id), exact: true }),
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const why = REASONS[issue.subscriptionDetails?.reason ?? ""];
  const names = issue.participants.map((user) => user.name || user.email);
  return (
    <section className={styles.block}>
      <div className={styles.told}>
        <h2>Told by mail</h2>
        <Button small kind="quiet" busy={set.isPending} onClick={() => set.mutate(!issue.isSubscribed)}>
          {issue.isSubscribed ? "Do not tell me" : "Tell me"}
        </Button>
      </div>
      <p>{names.length > 0 ? names.join(", ") : "Nobody is told of notes and changes yet."}</p>
      {issue.isSubscribed && why ? <p className={styles.quiet}>You are, {why}.</p> : null}
      {issue.seenBy.length > 0 ? (
        <p className={styles.quiet}>
          Seen by {issue.seenBy.map((user) => user.name || user.email).join(", ")}
        </p>
      ) : null}
    </section>
  );
}

/** When the releases came with which it began, and with which it was seen last. */
function marksOf({ firstRelease, lastRelease }: IssueDetail) {
  const releases = new Map([firstRelease, lastRelease].map((release) => [release?.version, release]));
  return [...releases.values()].flatMap((release) => {
    const at = toMillis(release?.dateCreated);
    return release && at !== null
      ? [{ at: at / 1000, label: `release ${release.shortVersion || shortRelease(release.version)}` }]
      : [];
  });
}

/** Happened, received, digested: a lag of the pipeline is seen on the event itself. */
function EventTimes({ event }: { event: EventDetail }) {
  const happened = toMillis(event.dateCreated);
  const received = toMillis(event.dateReceived);
  const digested = toMillis(event.dateDigested);
  return (
    <section className={styles.block}>
      <h2>Times of this event</h2>
      <dl className={styles.facts}>
        <div>
          <dt>Happened</dt>
          <dd>
            <Moment at={happened} />
          </dd>
        </div>
        <Later label="Received" at={received} since={happened} />
        <Later label="Digested" at={digested} since={received} />
      </dl>
    </section>
  );
}

function Later({ label, at, since }: { label: string; at: number | null; since: number | null }) {
  if (at === null) return null;
  const lag = since === null ? 0 : at - since;
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <Moment at={at} />
        {since === null ? null : (
          <span className={lag > LATE_MS ? styles.late : styles.lag}>
            {lag < 0 ? `${duration(lag)} earlier` : `${duration(lag)} later`}
          </span>
        )}
      </dd>
    </div>
  );
}
