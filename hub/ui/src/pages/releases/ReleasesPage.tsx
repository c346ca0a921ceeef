/** All releases, the latest first: when they came, what they brought, and where they are. */

import { type UseQueryResult, useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { projectsQuery } from "../../api/projects.ts";
import { releaseListQuery, sessionsQuery } from "../../api/releases.ts";
import type { ReleaseOfList, SessionSums } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { type Health, healthOf, share } from "../../lib/health.ts";
import { oneOf } from "../../lib/search-params.ts";
import type { ReleaseListSearch, ReleaseSort } from "../../routes.tsx";
import { Button } from "../../ui/Button.tsx";
import { inputClass } from "../../ui/Form.tsx";
import { PageHead, Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { useSettled } from "../../ui/settled.ts";
import { type Column, Table } from "../../ui/Table.tsx";
import { Segmented } from "../../ui/Tabs.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Releases.module.css";
import { cameOn, issuesSearch, newIssuesTerm } from "./release-text.ts";

const FROM = "/signed-in/organizations/$org/releases";
const VIEWS = [
  { value: "open", label: "Open" },
  { value: "archived", label: "Archived" },
] as const;

const SORTS: readonly ReleaseSort[] = ["date", "first_event", "new_groups"];
const ORDERS: Record<ReleaseSort, string> = {
  date: "Latest first",
  first_event: "First event",
  new_groups: "New issues",
};

export function ReleasesPage() {
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  const navigate = useNavigate();
  useTitle("Releases");
  const { project, status, sort } = search;
  const query = useSettled(search.query ?? "").trim() || undefined;
  const releases = useInfiniteQuery(releaseListQuery(org, { query, project, status, sort }));
  const rows = releases.data?.pages.flatMap((page) => page.items) ?? [];
  const health = useHealth(org, rows, search.environment);
  const change = (next: ReleaseListSearch) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...next }), replace: true });
  const isFiltered = Boolean(query || project);
  return (
    <div className={styles.page}>
      <PageHead title="Releases" lead="What was shipped, when, and what it brought">
        <Choices org={org} search={search} change={change} environments={health.environments} />
      </PageHead>
      {releases.isError && !releases.data ? (
        <ErrorState
          error={releases.error}
          title="The releases could not be loaded"
          retry={() => void releases.refetch()}
        />
      ) : !releases.data ? (
        <Skeleton rows={8} label="Loading releases" />
      ) : rows.length > 0 ? (
        <Panel flush>
          <List org={org} rows={rows} health={health.of} />
        </Panel>
      ) : isFiltered ? (
        <EmptyState
          icon="search"
          title="No release matches"
          action={
            <Button onClick={() => change({ query: undefined, project: undefined })}>Clear the filter</Button>
          }
        >
          A part of the version is looked for, in the projects that are chosen.
        </EmptyState>
      ) : status === "archived" ? (
        <EmptyState icon="archive" title="No release is archived">
          Archive a release on its page when nobody needs to see it in the list any more.
        </EmptyState>
      ) : (
        <NoRelease />
      )}
      {releases.hasNextPage ? (
        <div>
          <Button busy={releases.isFetchingNextPage} onClick={() => void releases.fetchNextPage()}>
            More releases
          </Button>
        </div>
      ) : null}
      {releases.isFetchNextPageError ? (
        <ErrorState
          error={releases.error}
          title="The next releases could not be loaded"
          retry={() => void releases.fetchNextPage()}
        />
      ) : null}
    </div>
  );
}

function NoRelease() {
  return (
    <EmptyState icon="releases" title="No release yet">
      <p>
        Name it where the SDK starts: <code>{'init({ release: "shop@1.0.0" })'}</code>
      </p>
      <p>
        Or make it when you build: <code>sentry-cli releases new shop@1.0.0</code>
      </p>
    </EmptyState>
  );
}

interface ChoicesProps {
  org: string;
  search: ReleaseListSearch;
  change: (next: ReleaseListSearch) => void;
  /** Those that sessions are told of. */
  environments: readonly string[];
}

function Choices({ org, search, change, environments }: ChoicesProps) {
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const chosen = projects.filter((each) => search.project?.some((p) => p === each.id || p === each.slug));
  const several = chosen.length > 1;
  return (
    <div className={styles.choices}>
      <input
        data-search
        type="search"
        className={inputClass}
        aria-label="Search releases"
        placeholder="A part of the version"
        spellCheck={false}
        value={search.query ?? ""}
        onChange={(event) => change({ query: event.target.value || undefined })}
      />
      <select
        className={inputClass}
        aria-label="Project"
        value={several ? "several" : (chosen[0]?.id ?? "")}
        onChange={(event) => change({ project: event.target.value ? [event.target.value] : undefined })}
      >
        <option value="">All projects</option>
        {several ? (
          <option value="several" disabled>
            {chosen.length} projects
          </option>
        ) : null}
        {projects.map((each) => (
          <option key={each.id} value={each.id}>
            {each.slug}
          </option>
        ))}
      </select>
      {environments.length > 0 ? (
        <select
          className={inputClass}
          aria-label="Environment of the sessions"
          value={search.environment?.[0] ?? ""}
          onChange={(event) => change({ environment: event.target.value ? [event.target.value] : undefined })}
        >
          <option value="">Sessions of all environments</option>
          {environments.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
      ) : null}
      <select
        className={inputClass}
        aria-label="Order"
        value={search.sort ?? "date"}
        onChange={(event) => change({ sort: oneOf(event.target.value, SORTS.slice(1)) ?? undefined })}
      >
        {SORTS.map((each) => (
          <option key={each} value={each}>
            {ORDERS[each]}
          </option>
        ))}
      </select>
      <Segmented
        label="Status"
        options={VIEWS}
        value={search.status ?? "open"}
        onChange={(next) => change({ status: next === "archived" ? next : undefined })}
      />
    </div>
  );
}

interface ListProps {
  org: string;
  rows: readonly ReleaseOfList[];
  health: ReadonlyMap<string, Health>;
}

function List({ org, rows, health }: ListProps) {
  const columns: Column<ReleaseOfList>[] = [
    {
      name: "Version",
      cell: ({ version }) => (
        <Link to="/organizations/$org/releases/$version" params={{ org, version }} className={styles.version}>
          {version}
        </Link>
      ),
    },
    { name: "Project", cell: ({ projects }) => projects.map(({ slug }) => slug).join(", ") },
    { name: "Date", cell: (release) => <Came release={release} /> },
    { name: "Events", cell: (release) => <Events release={release} /> },
    {
      name: "New issues",
      numeric: true,
      cell: ({ version, newGroups }) =>
        newGroups > 0 ? (
          <Link
            to="/organizations/$org/issues"
            params={{ org }}
            search={issuesSearch(newIssuesTerm(version))}
            aria-label={`${exact(newGroups)} new issues of ${version}`}
          >
            {exact(newGroups)}
          </Link>
        ) : (
          "0"
        ),
    },
    ...(health.size > 0
      ? [
          {
            name: "Crash-free",
            numeric: true,
            cell: ({ version }: ReleaseOfList) => <CrashFree health={health.get(version)} />,
          },
          {
            name: "Adoption",
            numeric: true,
            cell: ({ version }: ReleaseOfList) => share(health.get(version)?.adoption ?? 0),
          },
        ]
      : []),
    { name: "Commits", cell: (release) => <Commits release={release} /> },
    { name: "Deployed", cell: (release) => <Deployed release={release} /> },
  ];
  return <Table label="Releases" columns={columns} rows={rows} rowKey={({ id }) => id} />;
}

/** Projects whose sessions are asked for: each is a question of its own. */
const PROJECTS_MAX = 5;
const HOURS = { day: 24, fortnight: 14 * 24 };

/** What sessions say of the releases, by version; empty where the first few projects tell of none. */
function useHealth(org: string, rows: readonly ReleaseOfList[], environment?: readonly string[]) {
  const slugs = [...new Set(rows.flatMap((row) => row.projects.map(({ slug }) => slug)))].slice(
    0,
    PROJECTS_MAX,
  );
  const groups = (hours: number) => ({
    queries: slugs.map((slug) => sessionsQuery(org, slug, hours)),
    combine: (all: UseQueryResult<SessionSums>[]) => all.flatMap((each) => each.data?.groups ?? []),
  });
  const fortnight = useQueries(groups(HOURS.fortnight));
  const day = useQueries(groups(HOURS.day));
  const environments = new Set([...fortnight.map((group) => group.environment), ...(environment ?? [])]);
  return {
    of: healthOf(fortnight, day, environment),
    // Without sessions there is nothing to choose.
    environments: fortnight.length > 0 ? [...environments].filter(Boolean).sort() : [],
  };
}

function CrashFree({ health }: { health: Health | undefined }) {
  if (!health) return <span className={styles.quiet}>no sessions</span>;
  return (
    <span title={`of ${plural(health.sessions, "session")} in two weeks`}>{share(health.crashFree)}</span>
  );
}

function Came({ release }: { release: ReleaseOfList }) {
  const { how, at } = cameOn(release);
  return (
    <span className={styles.pair}>
      <TimeAgo at={at} /> <span className={styles.quiet}>{how}</span>
    </span>
  );
}

function Events({ release: { firstEvent, lastEvent } }: { release: ReleaseOfList }) {
  if (!firstEvent) return <span className={styles.quiet}>none yet</span>;
  return (
    <span className={styles.pair}>
      <span>
        <span className={styles.quiet}>first</span> <TimeAgo at={firstEvent} />
      </span>{" "}
      <span>
        <span className={styles.quiet}>last</span> <TimeAgo at={lastEvent} />
      </span>
    </span>
  );
}

function Commits({ release: { commitCount, lastCommit } }: { release: ReleaseOfList }) {
  const author = lastCommit?.author;
  if (commitCount === 0) return null;
  return (
    <span className={styles.pair}>
      <span>{exact(commitCount)}</span>{" "}
      {author ? <span className={styles.quiet}>last by {author.name || author.email}</span> : null}
    </span>
  );
}

function Deployed({ release: { deployCount, lastDeploy } }: { release: ReleaseOfList }) {
  if (!lastDeploy) return null;
  return (
    <span className={styles.pair}>
      <span>
        {lastDeploy.environment}
        {deployCount > 1 ? <span className={styles.quiet}> and {exact(deployCount - 1)} before</span> : null}
      </span>{" "}
      <TimeAgo at={lastDeploy.dateFinished} />
    </span>
  );
}
