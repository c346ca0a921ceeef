/** All releases, the latest first: when they came, what they brought, and where they are. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { projectsQuery } from "../../api/projects.ts";
import { releaseListQuery } from "../../api/releases.ts";
import type { ReleaseOfList } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import type { ReleaseListSearch } from "../../routes.tsx";
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

export function ReleasesPage() {
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  const navigate = useNavigate();
  useTitle("Releases");
  const { project, status } = search;
  const query = useSettled(search.query ?? "").trim() || undefined;
  const releases = useInfiniteQuery(releaseListQuery(org, { query, project, status }));
  const rows = releases.data?.pages.flatMap((page) => page.items) ?? [];
  const change = (next: ReleaseListSearch) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...next }), replace: true });
  const isFiltered = Boolean(query || project);
  return (
    <div className={styles.page}>
      <PageHead title="Releases" lead="What was shipped, when, and what it brought">
        <Choices org={org} search={search} change={change} />
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
          <List org={org} rows={rows} />
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
}

function Choices({ org, search, change }: ChoicesProps) {
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
      <Segmented
        label="Status"
        options={VIEWS}
        value={search.status ?? "open"}
        onChange={(next) => change({ status: next === "archived" ? next : undefined })}
      />
    </div>
  );
}

function List({ org, rows }: { org: string; rows: readonly ReleaseOfList[] }) {
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
    { name: "Commits", cell: (release) => <Commits release={release} /> },
    { name: "Deployed", cell: (release) => <Deployed release={release} /> },
  ];
  return <Table label="Releases" columns={columns} rows={rows} rowKey={({ id }) => id} />;
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
