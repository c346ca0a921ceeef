/** The list of issues: search, filter, sort, choose, act. */

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo } from "react";
import { type IssueFilter, issuesKey, issuesQuery, LIVE_PAGES_MAX } from "../../api/issues.ts";
import { projectsQuery } from "../../api/projects.ts";
import { searchesQuery } from "../../api/searches.ts";
import type { Issue } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { statusOf, withStatus } from "../../lib/query-text.ts";
import { oneOf } from "../../lib/search-params.ts";
import { Filters } from "../../parts/Filters.tsx";
import type { IssueListSearch, Sort } from "../../routes.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Menu, MenuItem, MenuLabel, MenuRule } from "../../ui/Menu.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { useStored } from "../../ui/stored.ts";
import { Segmented } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import { COLUMNS, useColumns } from "./columns.ts";
import styles from "./IssueList.module.css";
import { IssueList } from "./IssueList.tsx";
import { LiveMark } from "./LiveMark.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { queryProblem } from "./search-problem.ts";

const LeavingMark = lazy(() => import("./LeavingMark.tsx").then((m) => ({ default: m.LeavingMark })));
const NoProject = lazy(() => import("../../parts/NoProject.tsx").then((m) => ({ default: m.NoProject })));
const SavedSearches = lazy(() => import("./SavedSearches.tsx").then((m) => ({ default: m.SavedSearches })));

export const DEFAULT_QUERY = "is:unresolved";

const SORTS: readonly Sort[] = ["date", "new", "freq", "user", "trends", "recommended", "inbox"];
const SORT_NAMES: Record<Sort, string> = {
  date: "Last seen",
  new: "First seen",
  freq: "Events",
  user: "Users",
  trends: "Trend",
  recommended: "Recommended",
  inbox: "Waiting for a look",
};
/** What an order means, where its name does not say it. */
const SORT_HINTS: Partial<Record<Sort, string>> = {
  trends: "a day against a week",
  recommended: "recent, frequent, urgent",
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
  const [columns, toggleColumn] = useColumns();
  const client = useQueryClient();

  const { data: searches } = useQuery(searchesQuery(org));
  const pinned = searches?.find((each) => each.isPinned);
  // What the list begins with; the address says nothing then.
  const usual = pinned?.query ?? DEFAULT_QUERY;
  const usualSort = oneOf(pinned?.sort, SORTS) ?? "date";
  const text = search.query ?? usual;
  const sort = search.sort ?? (search.query === undefined ? usualSort : "date");
  const filter = useMemo<IssueFilter>(
    () => ({
      query: text,
      sort,
      project: search.project ?? [],
      environment: search.environment ?? [],
      statsPeriod: search.start || search.end ? undefined : search.statsPeriod,
      start: search.start,
      end: search.end,
      groupStatsPeriod: search.groupStatsPeriod,
    }),
    [search, text, sort],
  );
  const scope = useMemo(
    () => ({ kind: "issues" as const, org, project: search.project ?? [] }),
    [org, search.project],
  );
  const issues = useInfiniteQuery(issuesQuery(org, filter));
  const { data: projects } = useQuery(projectsQuery(org));

  const change = useCallback(
    (next: IssueListSearch) =>
      void navigate({
        search: (before: IssueListSearch) => {
          const merged = { ...before, ...next };
          return { ...merged, query: merged.query === usual ? undefined : merged.query };
        },
      }),
    [navigate, usual],
  );
  const pages = issues.data?.pages;
  const items = useMemo(() => pages && once(pages.flatMap((page) => page.items)), [pages]);
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = issues;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  const hit = pages?.[0]?.isDirectHit && !issues.isPlaceholderData ? pages[0].items[0] : null;
  useEffect(() => {
    if (!hit) return;
    const params = { org, issueId: hit.id, eventId: hit.matchingEventId ?? "latest" };
    void navigate({ to: "/organizations/$org/issues/$issueId/events/$eventId", params, replace: true });
  }, [navigate, org, hit]);
  const startOver = () => {
    window.scrollTo({ top: 0 });
    void client.resetQueries({ queryKey: [...issuesKey(org), filter], exact: true });
  };

  const status = statusOf(text);
  const view: View | null =
    status === null
      ? /(^|\s)!?is:/.test(text)
        ? null
        : "all"
      : ((status === "ignored" || status === "muted" ? "archived" : status) as View);

  if (projects?.length === 0) {
    return (
      <Suspense fallback={null}>
        <NoProject org={org} />
      </Suspense>
    );
  }
  const page = pages?.[0];
  return (
    <div className={styles.page}>
      <h1 className="visually-hidden">Issues</h1>
      <div className={styles.tools}>
        <SearchBox
          value={text}
          onSubmit={(query) => change({ query })}
          label="Search issues"
          scope={scope}
          placeholder="Message, function, file, tag:value …"
          problem={queryProblem(issues.error)}
        />
        <div className={styles.pickers}>
          <Filters org={org} filter={search} onChange={change} />
        </div>
        <div className={styles.strip}>
          <span className={styles.break} />
          <Segmented
            label="Status"
            options={VIEWS}
            value={view ?? ("" as View)}
            onChange={(next) => change({ query: withStatus(text, next === "all" ? null : next) })}
          />
          <span className={styles.hits} role="status">
            {page && !issues.isPlaceholderData ? hitsText(page.hits, page.maxHits, page.items.length) : ""}
          </span>
          <Suspense fallback={null}>
            <LeavingMark org={org} />
          </Suspense>
          <LiveMark paused={(pages?.length ?? 0) > LIVE_PAGES_MAX} onRefresh={startOver} />
          <div className={styles.right}>
            <Suspense fallback={null}>
              <SavedSearches
                org={org}
                query={text}
                sort={sort}
                onPick={(picked) =>
                  change({ query: picked.query, sort: oneOf(picked.sort, SORTS.slice(1)) ?? undefined })
                }
              />
            </Suspense>
            <Menu
              name={`Sort: ${SORT_NAMES[sort]}`}
              align="end"
              label={
                <span>
                  <span className={styles.sortWord}>Sort: </span>
                  {SORT_NAMES[sort]}
                </span>
              }
            >
              {(close) =>
                SORTS.map((each) => (
                  <MenuItem
                    key={each}
                    checked={each === sort}
                    hint={SORT_HINTS[each]}
                    onSelect={() => {
                      close();
                      change({
                        query: text,
                        sort: each === "date" && usualSort === "date" ? undefined : each,
                      });
                    }}
                  >
                    {SORT_NAMES[each]}
                  </MenuItem>
                ))
              }
            </Menu>
            <Menu
              name="Columns and density"
              align="end"
              caret={false}
              label={<Icon name="columns" size={15} />}
            >
              {() => (
                <>
                  <MenuLabel>Columns</MenuLabel>
                  {COLUMNS.map(({ key, name }) => (
                    <MenuItem key={key} checked={columns.includes(key)} onSelect={() => toggleColumn(key)}>
                      {name}
                    </MenuItem>
                  ))}
                  <MenuRule />
                  <MenuItem
                    checked={density === "compact"}
                    onSelect={() => setDensity(density === "compact" ? "comfortable" : "compact")}
                  >
                    Compact rows
                  </MenuItem>
                </>
              )}
            </Menu>
          </div>
        </div>
      </div>
      <IssueList
        org={org}
        items={items}
        filter={filter}
        columns={columns}
        hasMore={hasNextPage}
        more={more}
        stale={issues.isPlaceholderData}
        error={issues.error}
        retry={() => void issues.refetch()}
        compact={density === "compact"}
        filtered={
          text !== usual ||
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
      {issues.isFetchingNextPage ? <Skeleton rows={2} label="Loading more issues" /> : null}
      {issues.isFetchNextPageError ? (
        <ErrorState
          error={issues.error}
          title="The next issues could not be loaded"
          retry={() => void fetchNextPage()}
        />
      ) : null}
    </div>
  );
}

/** While one reads on, an issue may move to a later page: it is shown where it was found first. */
function once(issues: readonly Issue[]): Issue[] {
  const seen = new Set<string>();
  return issues.filter(({ id }) => !seen.has(id) && seen.add(id));
}

export function hitsText(hits: number | null, maxHits: number | null, shown: number): string {
  if (hits === null) return shown === 1 ? "1 issue" : `${exact(shown)} issues`;
  const more = maxHits !== null && hits >= maxHits ? "+" : "";
  return `${exact(hits)}${more} ${hits === 1 && !more ? "issue" : "issues"}`;
}
