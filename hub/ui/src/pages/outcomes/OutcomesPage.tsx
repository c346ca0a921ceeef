/** What became of every item: over time, and by reason, category, project or relay. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { relaysQuery } from "../../api/fleet.ts";
import { outcomesQuery, spikesQuery } from "../../api/outcomes.ts";
import { projectsQuery } from "../../api/projects.ts";
import type { Outcomes } from "../../api/types.ts";
import { StackedBars } from "../../charts/StackedBars.tsx";
import { exact, plural } from "../../lib/format.ts";
import {
  DIMENSIONS,
  type Dimension,
  intervalFor,
  layers,
  OUTCOME_NAMES,
  OUTCOMES,
  RANGES,
  type Row,
  rows,
  spiked,
} from "../../lib/outcomes.ts";
import { absolute, toMillis } from "../../lib/time.ts";
import { NothingYet } from "../../parts/NoProject.tsx";
import type { OutcomeSearch } from "../../routes.tsx";
import { Button } from "../../ui/Button.tsx";
import { inputClass } from "../../ui/Form.tsx";
import { PageHead, Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Outcomes.module.css";
import { Transactions } from "./Transactions.tsx";

const FROM = "/signed-in/organizations/$org/outcomes";
/** Spikes that are named; the outcomes below tell of all. */
const SPIKES_SHOWN = 5;
const DIMENSION_NAMES: Record<Dimension, string> = {
  reason: "Reason",
  category: "Category",
  project: "Project",
  relay: "Relay",
};

export function OutcomesPage() {
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  const { by = "reason", project, category } = search;
  const asked = { ...askedTime(search), project, category };
  const navigate = useNavigate();
  const zoom = (start: string, end: string | undefined) =>
    void navigate({ to: ".", search: { ...search, statsPeriod: undefined, start, end } });
  const overTime = useQuery(outcomesQuery(org, { ...asked, groupBy: ["outcome", "reason"] }));
  const table = useQuery(outcomesQuery(org, { ...asked, groupBy: ["outcome", by] }));
  useTitle("Outcomes");
  const failed = overTime.error ?? table.error;
  const data = overTime.data;
  return (
    <div className={styles.page}>
      <PageHead title="Outcomes" lead="What became of every item that was sent">
        <Choices org={org} search={search} />
      </PageHead>
      {failed && !(data && table.data) ? (
        <ErrorState
          error={failed}
          title="Outcomes could not be loaded"
          retry={() => void Promise.all([overTime.refetch(), table.refetch()])}
        />
      ) : !data || !table.data ? (
        <Skeleton rows={8} label="Loading outcomes" />
      ) : data.groups.length === 0 ? (
        <NothingYet org={org}>
          <EmptyState title="Nothing in this time">
            Counts appear here within the minute in which a relay delivers them.
          </EmptyState>
        </NothingYet>
      ) : (
        <>
          <Spikes org={org} n={spiked(data.groups)} />
          <OverTime data={data} onZoom={zoom} />
          <Details org={org} data={table.data} by={by} />
          <Transactions org={org} asked={asked} />
        </>
      )}
    </div>
  );
}

/** What the API is asked for; a range of a chart goes before a period. */
function askedTime({ start, end, statsPeriod }: OutcomeSearch) {
  if (start || end) {
    const interval = intervalFor(toMillis(start), toMillis(end) ?? Date.now());
    return { start, end: end ?? `${new Date().toISOString().slice(0, 16)}:00Z`, interval };
  }
  const range = RANGES.find((each) => each.value === statsPeriod) ?? RANGES[0];
  return { statsPeriod: range.value, interval: range.interval };
}

function Choices({ org, search }: { org: string; search: OutcomeSearch }) {
  const navigate = useNavigate();
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const chosen = projects.filter((each) => search.project?.some((p) => p === each.id || p === each.slug));
  const several = chosen.length > 1;
  const period = search.start || search.end ? null : (search.statsPeriod ?? "24h");
  const change = (next: OutcomeSearch) => void navigate({ to: ".", search: { ...search, ...next } });
  return (
    <div className={styles.choices}>
      <select
        className={inputClass}
        aria-label="Project"
        value={several ? "several" : (chosen[0]?.id ?? "")}
        onChange={(event) => change({ project: event.target.value ? [event.target.value] : undefined })}
      >
        <option value="">All projects</option>
        {several ? (
          <option value="several" disabled>
            {plural(chosen.length, "project")}
          </option>
        ) : null}
        {projects.map((project) => (
          <option key={project.id} value={project.id}>
            {project.slug}
          </option>
        ))}
      </select>
      {search.start || search.end ? (
        <Button small icon="close" onClick={() => change({ start: undefined, end: undefined })}>
          <span className="visually-hidden">Leave the range </span>
          {absolute(search.start).slice(5, 16) || "…"} – {absolute(search.end).slice(5, 16) || "now"}
        </Button>
      ) : null}
      <fieldset className={styles.choice} aria-label="Time shown">
        {RANGES.map((range) => (
          <Button
            key={range.value}
            small
            kind={range.value === period ? "primary" : "quiet"}
            aria-pressed={range.value === period}
            onClick={() => change({ statsPeriod: range.value, start: undefined, end: undefined })}
          >
            {range.name}
          </Button>
        ))}
      </fieldset>
    </div>
  );
}

function Spikes({ org, n }: { org: string; n: number }) {
  const { data: spikes = [] } = useQuery(spikesQuery(org));
  if (n === 0 && !spikes.some((spike) => !spike.dateEnded)) return null;
  return (
    <Notice tone="warning">
      Spike protection refused {plural(n, "error")} in this time: much more came than usual. See the project's
      filter settings for the limit.
      {spikes.length > 0 ? (
        <ul className={styles.spikes} aria-label="Spikes">
          {spikes.slice(0, SPIKES_SHOWN).map((spike) => (
            <li key={spike.id}>
              <b>{spike.projectSlug}</b>: {plural(spike.refused, "error")} refused,{" "}
              {absolute(spike.dateBegan)} – {spike.dateEnded ? absolute(spike.dateEnded) : "now"}
            </li>
          ))}
        </ul>
      ) : null}
    </Notice>
  );
}

function OverTime({ data, onZoom }: { data: Outcomes; onZoom: (start: string, end?: string) => void }) {
  const stack = layers(data.groups);
  return (
    <Panel title="Over time">
      <ul className={styles.legend} aria-label="Outcomes">
        {stack.map((layer) => (
          <li key={layer.outcome}>
            <span className={`${styles.swatch} ${styles[layer.outcome]}`} aria-hidden="true" />
            {OUTCOME_NAMES[layer.outcome]} <b>{exact(layer.total)}</b>
          </li>
        ))}
      </ul>
      <StackedBars
        label="Outcomes over time"
        // One interval is as near as it goes.
        onZoom={data.intervals.length > 1 ? onZoom : undefined}
        intervals={data.intervals}
        layers={stack.map((layer) => ({
          name: OUTCOME_NAMES[layer.outcome],
          className: styles[layer.outcome],
          values: layer.values,
        }))}
      />
    </Panel>
  );
}

function Details({ org, data, by }: { org: string; data: Outcomes; by: Dimension }) {
  const navigate = useNavigate();
  const search = useSearch({ from: FROM });
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const { data: relays = [] } = useQuery({ ...relaysQuery, enabled: by === "relay" });
  const named = (name: string) => {
    if (by === "project") {
      return projects.find((project) => project.id === name)?.slug ?? (name || "no known project");
    }
    if (by === "relay") {
      const isHub = /^0*$/.test(name);
      return isHub ? "hub" : (relays.find((relay) => relay.id.replaceAll("-", "") === name)?.name ?? name);
    }
    return name;
  };
  const columns: Column<Row>[] = [
    { name: DIMENSION_NAMES[by], cell: (row) => named(row.name) },
    ...OUTCOMES.map((outcome) => ({
      name: OUTCOME_NAMES[outcome],
      numeric: true,
      cell: (row: Row) =>
        row.counts[outcome] ? exact(row.counts[outcome]) : <span className={styles.quiet}>0</span>,
    })),
    { name: "Received", numeric: true, cell: (row) => exact(row.received) },
  ];
  return (
    <Panel
      title="In detail"
      flush
      actions={
        <fieldset className={styles.choice} aria-label="Rows">
          {DIMENSIONS.map((dimension) => (
            <Button
              key={dimension}
              small
              kind={dimension === by ? "primary" : "quiet"}
              aria-pressed={dimension === by}
              onClick={() =>
                void navigate({
                  to: ".",
                  search: { ...search, by: dimension === "reason" ? undefined : dimension },
                })
              }
            >
              {DIMENSION_NAMES[dimension]}
            </Button>
          ))}
        </fieldset>
      }
    >
      <Table
        label={`Outcomes by ${by}`}
        columns={columns}
        rows={rows(data.groups, by)}
        rowKey={(row) => row.name}
      />
    </Panel>
  );
}
