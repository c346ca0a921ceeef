/** The list of issues: search, filter, sort, choose, act. */

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { type IssueFilter, issuesQuery } from "../../api/issues.ts";
import { projectsQuery } from "../../api/projects.ts";
import { exact } from "../../lib/format.ts";
import { statusOf, withStatus } from "../../lib/query-text.ts";
import type { IssueListSearch, Sort } from "../../routes.tsx";
import { buttonClass, IconButton } from "../../ui/Button.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import { EmptyState } from "../../ui/State.tsx";
import { useStored } from "../../ui/stored.ts";
import { Segmented } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import { Filters } from "./Filters.tsx";
import styles from "./IssueList.module.css";
import { IssueList } from "./IssueList.tsx";
import { SearchBox } from "./SearchBox.tsx";

export const DEFAULT_QUERY = "is:unresolved";

const SORT_NAMES: Record<Sort, string> = {
  date: "Last seen",
  new: "First seen",
  freq: "Events",
  user: "Users",
};

const VIEWS = [
  { value: "unresolved", label: "Unresolved" },
  { value: "resolved", label: "Resolved" },
  { value: "archived", label: "Archived" },
  { value: "all", label: "All" },
] as const;
type View = (typeof VIEWS)[number]["value"];

export function IssueListPage() {
  useTitle("Issues");
  const { org } = useParams({ from: "/signed-in/organizations/$org/issues" });
  const search = useSearch({ from: "/signed-in/organizations/$org/issues" });
  const navigate = useNavigate({ from: "/organizations/$org/issues" });
  const [density, setDensity] = useStored<"comfortable" | "compact">("density", "comfortable");
  const [epoch, setEpoch] = useState(0);

  const text = search.query ?? DEFAULT_QUERY;
  const filter = useMemo<IssueFilter>(
    () => ({
      query: text,
      sort: search.sort ?? "date",
      project: search.project ?? [],
      environment: search.environment ?? [],
      statsPeriod: search.start || search.end ? undefined : search.statsPeriod,
      start: search.start,
      end: search.end,
      cursor: search.cursor,
    }),
    [search, text],
  );
  const issues = useQuery(issuesQuery(org, filter));
  const { data: projects } = useQuery(projectsQuery(org));

  /** Whatever changes, one starts again on the first page. */
  const change = useCallback(
    (next: IssueListSearch) =>
      void navigate({
        search: (before: IssueListSearch) => {
          const merged = { ...before, cursor: undefined, ...next };
          return { ...merged, query: merged.query === DEFAULT_QUERY ? undefined : merged.query };
        },
      }),
    [navigate],
  );
  const turn = (cursor: string | null) => {
    if (!cursor) return;
    setEpoch((n) => n + 1);
    void navigate({ search: (before: IssueListSearch) => ({ ...before, cursor }) });
    window.scrollTo({ top: 0 });
  };

  const status = statusOf(text);
  const view: View | null =
    status === null
      ? /(^|\s)!?is:/.test(text)
        ? null
        : "all"
      : ((status === "ignored" || status === "muted" ? "archived" : status) as View);

  if (projects?.length === 0) return <NoProject org={org} />;
  const page = issues.data;
  return (
    <div className={styles.page}>
      <h1 className="visually-hidden">Issues</h1>
      <div className={styles.bar}>
        <SearchBox
          value={text}
          onSubmit={(query) => change({ query })}
          label="Search issues"
          placeholder="Message, function, file, tag:value …"
          problem={queryProblem(issues.error)}
        />
        <div className={styles.pickers}>
          <Filters org={org} filter={search} onChange={change} />
        </div>
      </div>
      <div className={styles.bar}>
        <Segmented
          label="Status"
          options={VIEWS}
          value={view ?? ("" as View)}
          onChange={(next) => change({ query: withStatus(text, next === "all" ? null : next) })}
        />
        <span className={styles.hits} role="status">
          {page && !issues.isPlaceholderData ? hitsText(page.hits, page.maxHits, page.items.length) : ""}
        </span>
        <div className={styles.right}>
          <Menu
            name={`Sort: ${SORT_NAMES[search.sort ?? "date"]}`}
            align="end"
            label={
              <span>
                <span className={styles.sortWord}>Sort: </span>
                {SORT_NAMES[search.sort ?? "date"]}
              </span>
            }
          >
            {(close) =>
              (Object.keys(SORT_NAMES) as Sort[]).map((sort) => (
                <MenuItem
                  key={sort}
                  checked={sort === (search.sort ?? "date")}
                  onSelect={() => {
                    close();
                    change({ sort: sort === "date" ? undefined : sort });
                  }}
                >
                  {SORT_NAMES[sort]}
                </MenuItem>
              ))
            }
          </Menu>
          <IconButton
            icon="density"
            label={density === "compact" ? "Comfortable rows" : "Compact rows"}
            pressed={density === "compact"}
            onClick={() => setDensity(density === "compact" ? "comfortable" : "compact")}
          />
        </div>
      </div>
      <IssueList
        key={epoch}
        org={org}
        page={page}
        stale={issues.isPlaceholderData}
        error={issues.error}
        retry={() => void issues.refetch()}
        compact={density === "compact"}
        filtered={
          text !== DEFAULT_QUERY ||
          Boolean(search.project || search.environment || search.statsPeriod || search.start)
        }
        clear={() =>
          change({
            query: undefined,
            project: undefined,
            environment: undefined,
            statsPeriod: undefined,
            start: undefined,
            end: undefined,
          })
        }
      />
      {page && (page.next || page.previous) ? (
        <nav className={styles.pager} aria-label="Pages">
          <IconButton
            icon="left"
            label="Previous page"
            disabled={!page.previous}
            onClick={() => turn(page.previous)}
          />
          <IconButton icon="right" label="Next page" disabled={!page.next} onClick={() => turn(page.next)} />
        </nav>
      ) : null}
    </div>
  );
}

/** Only what the hub says of the query itself belongs under it. */
function queryProblem(error: Error | null) {
  return error instanceof ApiError && error.status === 400 && error.span ? error : null;
}

export function hitsText(hits: number | null, maxHits: number | null, shown: number): string {
  if (hits === null) return shown === 1 ? "1 issue" : `${exact(shown)} issues`;
  const more = maxHits !== null && hits >= maxHits ? "+" : "";
  return `${exact(hits)}${more} ${hits === 1 && !more ? "issue" : "issues"}`;
}

function NoProject({ org }: { org: string }) {
  return (
    <EmptyState
      icon="projects"
      title="Start with a project"
      action={
        <Link to="/organizations/$org/projects/new" params={{ org }} className={buttonClass("primary")}>
          New project
        </Link>
      }
    >
      A project is one application. It has a key, and every error that is sent with that key shows up here.
    </EmptyState>
  );
}
