/** Every item that is kept beside events: one kind at a time, or all parts of one trace. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type FormEvent, lazy, Suspense, useCallback, useMemo, useState } from "react";
import { type ItemFilter, itemKindsQuery, itemsQuery } from "../../api/items.ts";
import { kindName, USUAL_KINDS } from "../../lib/items.ts";
import { Filters } from "../../parts/Filters.tsx";
import { NothingYet } from "../../parts/NoProject.tsx";
import type { ItemSearch } from "../../routes.tsx";
import { Button } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { inputClass } from "../../ui/Form.tsx";
import { PHONE, useMedia } from "../../ui/media.ts";
import { PageHead } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import { ItemList } from "./ItemList.tsx";
import styles from "./Items.module.css";

const ItemPanel = lazy(() => import("./ItemPanel.tsx").then((m) => ({ default: m.ItemPanel })));

const FROM = "/signed-in/organizations/$org/items";
const FIRST = "log";
/** What the address says for every kind. */
const ALL = "all";

/** Heights of a row, in pixels. */
const HEIGHT = { phone: 62, wide: 32 };

export function ItemsPage() {
  useTitle("Items");
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  const navigate = useNavigate({ from: "/organizations/$org/items" });
  const isPhone = useMedia(PHONE);
  // All parts of a trace belong together, of whichever kind.
  const kind = search.kind ?? (search.trace ? ALL : FIRST);
  const { trace, project, environment, statsPeriod, start, end, item } = search;
  const filter = useMemo<ItemFilter>(
    () => ({
      kind: kind === ALL ? undefined : kind,
      trace,
      project,
      environment,
      statsPeriod: start || end ? undefined : statsPeriod,
      start,
      end,
    }),
    [kind, trace, project, environment, statsPeriod, start, end],
  );
  const items = useInfiniteQuery(itemsQuery(org, filter));
  const rows = useMemo(() => items.data?.pages.flatMap((page) => page.items), [items.data]);
  const change = useCallback(
    (next: ItemSearch) =>
      void navigate({
        search: (before: ItemSearch) => ({ ...before, item: undefined, ...next }),
        resetScroll: false,
      }),
    [navigate],
  );
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = items;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !isFetchNextPageError) void fetchNextPage();
  }, [hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
  const show = useCallback((id: string | undefined) => change({ item: id }), [change]);
  const isFiltered = Boolean(trace || project || environment || statsPeriod || start || end);
  const rowHeight = isPhone ? HEIGHT.phone : HEIGHT.wide;
  return (
    <div className={styles.page}>
      <PageHead
        title="Items"
        lead={
          <>
            What your applications sent beside errors, as it is kept. What was not kept is counted in{" "}
            <Link to="/organizations/$org/outcomes" params={{ org }}>
              Outcomes
            </Link>
            , with what clients dropped themselves.
          </>
        }
      />
      <div className={styles.bar}>
        <Kinds org={org} project={project} kind={kind} onChange={(next) => change({ kind: next })} />
        <TraceField
          key={trace ?? ""}
          trace={trace}
          onChange={(next) => change({ trace: next, kind: undefined })}
        />
        <div className={styles.pickers}>
          <Filters org={org} filter={search} onChange={change} />
        </div>
      </div>
      <div className={cx(styles.columns, item && styles.split)}>
        <section className={styles.list} aria-label="Items" aria-busy={!rows}>
          {items.isError && !rows ? (
            <ErrorState
              error={items.error}
              title="The items could not be loaded"
              retry={() => void items.refetch()}
            />
          ) : !rows ? (
            <Skeleton rows={14} rowHeight={rowHeight} label="Loading items" />
          ) : rows.length === 0 ? (
            <Nothing
              org={org}
              kind={kind}
              filtered={isFiltered}
              clear={() =>
                change({
                  trace: undefined,
                  project: undefined,
                  environment: undefined,
                  statsPeriod: undefined,
                  start: undefined,
                  end: undefined,
                })
              }
            />
          ) : (
            <ItemList
              org={org}
              items={rows}
              mixed={kind === ALL}
              rowHeight={rowHeight}
              shown={item}
              onShow={show}
              onEnd={more}
            />
          )}
          {items.isFetchingNextPage ? (
            <Skeleton rows={2} rowHeight={rowHeight} label="Loading more items" />
          ) : null}
          {items.isFetchNextPageError ? (
            <ErrorState
              error={items.error}
              title="The next items could not be loaded"
              retry={() => void fetchNextPage()}
            />
          ) : null}
        </section>
        {item ? (
          <Suspense fallback={null}>
            <ItemPanel
              key={item}
              org={org}
              item={item}
              isPhone={isPhone}
              onTrace={(id) => change({ trace: id, kind: undefined })}
              onClose={() => show(undefined)}
            />
          </Suspense>
        ) : null}
      </div>
    </div>
  );
}

interface KindsProps {
  org: string;
  project: string[] | undefined;
  kind: string;
  onChange: (kind: string | undefined) => void;
}

function Kinds({ org, project, kind, onChange }: KindsProps) {
  const { data: known } = useQuery(itemKindsQuery(org, project));
  const there = new Set(known ?? []);
  const all = [...new Set<string>([...USUAL_KINDS, ...there, ...(kind === ALL ? [] : [kind])])];
  return (
    <select
      className={cx(inputClass, styles.kind)}
      aria-label="Kind of item"
      value={kind}
      onChange={(event) => onChange(event.target.value)}
    >
      <option value={ALL}>All kinds</option>
      {all.map((each) => (
        <option key={each} value={each}>
          {kindName(each)}
          {known && !there.has(each) ? " (none)" : ""}
        </option>
      ))}
    </select>
  );
}

const TRACE = /^[0-9a-f]{32}$/;

function TraceField({ trace, onChange }: { trace?: string; onChange: (trace: string | undefined) => void }) {
  const [text, setText] = useState(trace ?? "");
  const id = text.trim().toLowerCase().replace(/-/g, "");
  const isWrong = id !== "" && !TRACE.test(id);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isWrong) onChange(id || undefined);
  };
  return (
    <form className={styles.trace} onSubmit={submit}>
      <input
        data-search
        type="search"
        className={inputClass}
        aria-label="Id of a trace"
        aria-invalid={isWrong || undefined}
        title={isWrong ? "A trace's id has 32 hexadecimal digits" : undefined}
        placeholder="Trace id"
        spellCheck={false}
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      {trace ? (
        <Button icon="close" onClick={() => onChange(undefined)}>
          Leave the trace
        </Button>
      ) : null}
    </form>
  );
}

function Nothing(props: { org: string; kind: string; filtered: boolean; clear: () => void }) {
  const { org, kind, filtered, clear } = props;
  if (filtered) {
    return (
      <EmptyState
        icon="search"
        title="No item matches"
        action={<Button onClick={clear}>Clear the filters</Button>}
      >
        Nothing of this kind is kept for these projects, environments and this time.
      </EmptyState>
    );
  }
  return (
    <NothingYet org={org}>
      <EmptyState
        icon="items"
        title={kind === ALL ? "No items yet" : `No ${kindName(kind).toLowerCase()} yet`}
      >
        They appear here as soon as an SDK sends some.
      </EmptyState>
    </NothingYet>
  );
}
