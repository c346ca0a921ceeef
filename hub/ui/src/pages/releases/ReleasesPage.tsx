/** All releases, the latest first: when they came, what they brought, and where they are. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { environmentsQuery } from "../../api/issues.ts";
import { projectsQuery } from "../../api/projects.ts";
import { releaseListQuery } from "../../api/releases.ts";
import type { ReleaseOfList } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { type Health, healthOf, share } from "../../lib/health.ts";
import { oneOf } from "../../lib/search-params.ts";
import { NothingYet } from "../../parts/NoProject.tsx";
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
/** What takes sessions to order by. */
const HEALTH_SORTS: readonly ReleaseSort[] = ["crash_free_sessions", "crash_free_users", "sessions", "users"];
const ORDERS: Record<ReleaseSort, string> = {
  date: "Latest first",
  first_event: "First event",
  new_groups: "New issues",
  crash_free_sessions: "Least crash-free",
  crash_free_users: "Least crash-free users",
  sessions: "Most sessions",
  users: "Most users",
};

export function ReleasesPage() {
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  const navigate = useNavigate();
  useTitle("Releases");
  const { project, status, sort, environment } = search;
  const query = useSettled(search.query ?? "").trim() || undefined;
  const releases = useInfiniteQuery(releaseListQuery(org, { query, project, status, sort, environment }));
  const rows = releases.data?.pages.flatMap((page) => page.items) ?? [];
  const health = new Map(rows.map((row) => [row.id, healthOf(row)]));
  // Without sessions there is nothing to choose from them.
  const hasHealth =
    [...health.values()].some(Boolean) || Boolean(environment) || HEALTH_SORTS.some((each) => each === sort);
  const change = (next: ReleaseListSearch) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...next }), replace: true });
  const isFiltered = Boolean(query || project);
  return (
    <div className={styles.page}>
      <PageHead title="Releases" lead="What was shipped, when, and what it brought">
        <Choices org={org} search={search} change={change} hasHealth={hasHealth} />
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
          <List org={org} rows={rows} health={hasHealth ? health : undefined} />
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
        <NothingYet org={org}>
          <NoRelease />
        </NothingYet>
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
  /** Whether sessions are told of. */
  hasHealth: boolean;
}

function Choices({ org, search, change, hasHealth }: ChoicesProps) {
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const chosen = projects.filter((each) => search.project?.some((p) => p === each.id || p === each.slug));
  const several = chosen.length > 1;
  const sorts = hasHealth ? [...SORTS, ...HEALTH_SORTS] : SORTS;
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
      {hasHealth ? <EnvironmentChoice org={org} search={search} change={change} /> : null}
      <select
        className={inputClass}
        aria-label="Order"
        value={search.sort ?? "date"}
        onChange={(event) => change({ sort: oneOf(event.target.value, sorts.slice(1)) ?? undefined })}
      >
        {sorts.map((each) => (
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

function EnvironmentChoice({ org, search, change }: Omit<ChoicesProps, "hasHealth">) {
  const { data: known = [] } = useQuery(environmentsQuery(org));
  const names = new Set([...known.map(({ name }) => name), ...(search.environment ?? [])]);
  return (
    <select
      className={inputClass}
      aria-label="Environment of the sessions"
      value={search.environment?.[0] ?? ""}
      onChange={(event) => change({ environment: event.target.value ? [event.target.value] : undefined })}
    >
      <option value="">Sessions of all environments</option>
      {[...names]
        .filter(Boolean)
        .sort()
        .map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
    </select>
  );
}

interface ListProps {
  org: string;
  rows: readonly ReleaseOfList[];
  /** By the release's id; undefined where no sessions are told of. */
  health: ReadonlyMap<string, Health | undefined> | undefined;
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
    ...(health
      ? [
          {
            name: "Crash-free",
            numeric: true,
            cell: ({ id }: ReleaseOfList) => <CrashFree health={health.get(id)} />,
          },
          {
            name: "Adoption",
            numeric: true,
            cell: ({ id }: ReleaseOfList) => share(health.get(id)?.adoption ?? 0),
          },
        ]
      : []),
    { name: "Commits", cell: (release) => <Commits release={release} /> },
    { name: "Deployed", cell: (release) => <Deployed release={release} /> },
  ];
  return <Table label="Releases" columns={columns} rows={rows} rowKey={({ id }) => id} />;
}

function CrashFree({ health }: { health: Health | undefined }) {
  if (!health) return <span className={styles.quiet}>no sessions</span>;
  const { sessions, crashFree, users, crashFreeUsers } = health;
  return (
    <span className={styles.pair}>
      <span title={`of ${plural(sessions, "session")} in two weeks`}>{share(crashFree)}</span>{" "}
      {crashFreeUsers === undefined ? null : (
        <span className={styles.quiet} title={`of ${plural(users, "user")} in two weeks`}>
          {share(crashFreeUsers)} of users
        </span>
      )}
    </span>
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
