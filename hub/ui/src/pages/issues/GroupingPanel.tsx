/** Why these events are one issue, what is nearly in it, and how to take it apart or put it together. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import {
  groupingInfoQuery,
  hashesQuery,
  putBack,
  similarQuery,
  splitIssue,
  unmerge,
} from "../../api/grouping.ts";
import { issueTagsQuery } from "../../api/issues.ts";
import type {
  EventDetail,
  GroupingInfo,
  IssueDetail,
  IssueHash,
  Neighbour,
  Parted,
} from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { variantName } from "../../lib/grouping-names.ts";
import { Button } from "../../ui/Button.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { SelectField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useIssueActions } from "./actions.ts";
import { variantsOf } from "./Grouping.tsx";
import styles from "./GroupingPanel.module.css";

/** Those that have less in common are not near, and merging them would be a mistake. */
const NEAR = 0.2;
/** Of one event: what the issue is like as a whole stands below. */
const NEAREST_MAX = 3;

interface Props {
  org: string;
  issue: IssueDetail;
  event: EventDetail | undefined;
}

export function GroupingPanel({ org, issue, event }: Props) {
  return (
    <div className={styles.page}>
      {event ? <Why org={org} slug={issue.project.slug} event={event.eventID} /> : null}
      <Similar org={org} issue={issue} />
      <Parts org={org} issue={issue} event={event} />
    </div>
  );
}

function Why({ org, slug, event }: { org: string; slug: string; event: string }) {
  const info = useQuery(groupingInfoQuery(org, slug, event));
  return (
    <Panel id="why" title="Why the shown event is here">
      {info.isError ? (
        <ErrorState error={info.error} retry={() => void info.refetch()} />
      ) : !info.data ? (
        <Skeleton rows={4} label="Loading why" />
      ) : (
        <>
          <Reasons info={info.data} />
          <Neighbours org={org} neighbours={info.data.neighbours} />
        </>
      )}
    </Panel>
  );
}

function Reasons({ info }: { info: GroupingInfo }) {
  return (
    <>
      <p>
        {info.rule ? (
          <>
            The project's rule <code>{info.rule}</code> decided.
          </>
        ) : (
          <>
            Decided by <strong>{variantName(info.decidedBy ?? "fallback").toLowerCase()}</strong>:{" "}
            {plural(info.contributing.length, "value")}, in this order.
          </>
        )}
      </p>
      <dl className={styles.values}>
        {info.contributing.map(({ path, value }, i) => (
          <div key={i}>
            <dt title={path}>{partName(path)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** Issues that this very event nearly joined, and what kept it from them. */
function Neighbours({ org, neighbours }: { org: string; neighbours: readonly Neighbour[] }) {
  const near = neighbours.filter(({ likeness }) => likeness >= NEAR).slice(0, NEAREST_MAX);
  return (
    <section className={styles.neighbours}>
      <h3>What it nearly joined</h3>
      {near.length === 0 ? (
        <p className={styles.quiet}>No other issue has much in common with this event.</p>
      ) : (
        <ul className={styles.rows}>
          {near.map((other) => (
            <li key={other.issue} className={styles.row}>
              <Likeness org={org} other={other} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** An issue that is much like another, in how much and in what not. */
function Likeness({ org, other }: { org: string; other: Neighbour }) {
  return (
    <>
      <span className={styles.likeness} title="Of all that either has, how much both have">
        {Math.round(other.likeness * 100)}%
      </span>
      <span className={styles.what}>
        <Link to="/organizations/$org/issues/$issueId" params={{ org, issueId: other.issue }}>
          {other.title}
        </Link>
        <span className={styles.quiet}>
          {other.shortId}
          {other.difference ? <Difference of={other.difference} /> : null}
        </span>
      </span>
    </>
  );
}

/** `chained_exception.exception.stacktrace.frame.function` is read as `frame function`. */
function partName(path: string): string {
  return path.split(".").slice(-2).join(" ").replace(/_/g, " ");
}

function Similar({ org, issue }: { org: string; issue: IssueDetail }) {
  const similar = useQuery(similarQuery(org, issue.id));
  const [asked, setAsked] = useState<Neighbour | null>(null);
  const navigate = useNavigate();
  const { merge } = useIssueActions(org);
  const together = useMutation({
    mutationFn: (other: Neighbour) => merge([issue, { id: other.issue }]),
    onSuccess: (left) => {
      if (left === null || left === issue.id) return;
      void navigate({
        to: "/organizations/$org/issues/$issueId",
        params: { org, issueId: left },
        search: { tab: "grouping" },
      });
    },
  });
  const near = similar.data?.filter(({ likeness }) => likeness >= NEAR);
  return (
    <Panel id="similar" title="Similar issues">
      {similar.isError ? (
        <ErrorState error={similar.error} retry={() => void similar.refetch()} />
      ) : !near ? (
        <Skeleton rows={3} label="Loading similar issues" />
      ) : near.length === 0 ? (
        <p className={styles.quiet}>No other issue of the project has much in common with it.</p>
      ) : (
        <ul className={styles.rows}>
          {near.map((other) => (
            <li key={other.issue} className={styles.row}>
              <Likeness org={org} other={other} />
              <Button small busy={together.isPending} onClick={() => setAsked(other)}>
                Merge
              </Button>
            </li>
          ))}
        </ul>
      )}
      {asked ? (
        <Confirm
          title={`Merge ${issue.shortId} and ${asked.shortId}?`}
          confirm="Merge"
          onClose={() => setAsked(null)}
          onConfirm={() => {
            setAsked(null);
            together.mutate(asked);
          }}
        >
          The one with most events takes in the events of the other, and what comes of it from now on. For ten
          seconds you can take it back; after that they can be taken apart here.
        </Confirm>
      ) : null}
    </Panel>
  );
}

function Difference({ of }: { of: NonNullable<Neighbour["difference"]> }) {
  return (
    <>
      {", apart by "}
      {partName(of.path)}: <code>{of.own ?? "nothing"}</code> here, <code>{of.other ?? "nothing"}</code> there
    </>
  );
}

function Latest({ org, issue, row }: { org: string; issue: IssueDetail; row: IssueHash }) {
  const latest = row.latestEvent;
  return latest ? (
    <Link
      to="/organizations/$org/issues/$issueId/events/$eventId"
      params={{ org, issueId: issue.id, eventId: latest.eventID }}
    >
      <TimeAgo at={latest.dateCreated} />
    </Link>
  ) : null;
}

function Parts({ org, issue, event }: Props) {
  const hashes = useQuery(hashesQuery(org, issue.id));
  const tags = useQuery(issueTagsQuery(org, issue.id));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [tag, setTag] = useState("");
  const [asking, setAsking] = useState(false);
  const toast = useToast();
  const client = useQueryClient();
  const anew = () => void client.invalidateQueries({ queryKey: ["org", org] });
  const undo = (parted: Parted) =>
    void putBack(org, parted)
      .catch((error: Error) => toast({ text: `Not undone: ${error.message}`, tone: "danger" }))
      .finally(anew);
  const take = {
    onSuccess: (parted: Parted) => {
      const made = plural(parted.issues.length, "new issue");
      toast({ text: `${issue.shortId} gave events to ${made}`, undo: () => undo(parted) });
      setChosen(new Set());
      anew();
    },
    onError: (error: Error) => toast({ text: `Not taken apart: ${error.message}`, tone: "danger" }),
  };
  const apart = useMutation({ mutationFn: () => unmerge(org, issue.id, [...chosen]), ...take });
  const split = useMutation({ mutationFn: () => splitIssue(org, issue.id, tag), ...take });
  const choose = (id: string, on: boolean) =>
    setChosen((before) => {
      const next = new Set(before);
      if (on) next.add(id);
      else next.delete(id);
      return next;
    });
  const rows = hashes.data ?? [];
  const names = new Map(variantsOf(event?.groupingInfo).map(({ hash, key }) => [hash, variantName(key)]));
  const several = (tags.data ?? []).filter(({ uniqueValues }) => uniqueValues > 1);
  return (
    <Panel id="parts" title="Take it apart">
      <div className={styles.parts}>
        {hashes.isError ? <ErrorState error={hashes.error} retry={() => void hashes.refetch()} /> : null}
        {rows.length > 1 ? (
          <fieldset className={styles.hashes}>
            <legend>{plural(rows.length, "hash", "hashes")} lead to this issue</legend>
            {rows.map((row) => (
              <div key={row.id} className={styles.hash}>
                <label>
                  <input
                    type="checkbox"
                    checked={chosen.has(row.id)}
                    onChange={(change) => choose(row.id, change.target.checked)}
                  />
                  <span>{row.latestEvent?.title ?? row.title ?? "No event of it is kept"}</span>
                </label>
                <Latest org={org} issue={issue} row={row} />
                <code className={styles.quiet}>{row.id}</code>
                {names.has(row.id) ? (
                  <span className={styles.quiet}>the shown event's: {names.get(row.id)}</span>
                ) : null}
              </div>
            ))}
            <div>
              <Button
                disabled={chosen.size === 0 || chosen.size === rows.length}
                busy={apart.isPending}
                onClick={() => apart.mutate()}
              >
                Give the chosen ones an issue of their own
              </Button>
            </div>
          </fieldset>
        ) : (
          <p className={styles.quiet}>
            One hash leads to this issue: there is nothing that was merged. A tag can still split it.
          </p>
        )}
        {several.length > 0 ? (
          <div className={styles.split}>
            <SelectField
              label="Split by a tag"
              hint="Each of its values gets an issue, also those that come later."
              value={tag}
              onChange={(change) => setTag(change.target.value)}
            >
              <option value="">Choose a tag</option>
              {several.map(({ key, uniqueValues }) => (
                <option key={key} value={key}>
                  {key}, {plural(uniqueValues, "value")}
                </option>
              ))}
            </SelectField>
            <Button disabled={tag === ""} busy={split.isPending} onClick={() => setAsking(true)}>
              Split
            </Button>
          </div>
        ) : null}
      </div>
      {asking ? (
        <Confirm
          title={`Split ${issue.shortId} by ${tag}?`}
          confirm="Split"
          onClose={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            split.mutate();
          }}
        >
          Each value of {tag} gets an issue of its own, now and in future. Events without the tag stay. For
          ten seconds you can take it back; after that, merging brings the issues together again.
        </Confirm>
      ) : null}
    </Panel>
  );
}
