/** Who changed what in the organization. */

import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, Fragment, useState } from "react";
import { type AuditFilter, auditQuery, EXPORT_MAX, exportAudit } from "../../api/audit.ts";
import { membersQuery } from "../../api/people.ts";
import type { AuditEntry } from "../../api/types.ts";
import { changesOf, detailsOf, namesOf, targetText } from "../../lib/audit.ts";
import { Button } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { SelectField, TextField } from "../../ui/Form.tsx";
import { KeyValues } from "../../ui/KeyValues.tsx";
import { Facts, Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { save } from "../../ui/save.ts";
import { Moment, TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Audit.module.css";
import { useMay } from "./may.ts";

const FROM = "/signed-in/organizations/$org/settings";
const PERIODS = [
  ["", "Any time"],
  ["24h", "The last day"],
  ["7d", "The last week"],
  ["30d", "The last month"],
  ["90d", "The last quarter"],
] as const;

export function Audit({ org }: { org: string }) {
  const { may } = useMay(org);
  const { event, actor, target, statsPeriod, start, end } = useSearch({ from: FROM });
  const filter: AuditFilter = { event, actor, target, statsPeriod, start, end };
  const log = useInfiniteQuery({ ...auditQuery(org, filter), enabled: may("org:write") });
  const rows = log.data?.pages.flatMap((page) => page.rows) ?? [];
  const options = log.data?.pages[0]?.options ?? [];
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (!may("org:write")) return <Notice>Owners and managers may read the audit log.</Notice>;
  return (
    <Panel title="Audit log" flush actions={<Export org={org} filter={filter} />}>
      <Filters key={target} org={org} filter={filter} options={options} />
      {log.isError && !log.data ? (
        <ErrorState
          error={log.error}
          title="The audit log could not be loaded"
          retry={() => void log.refetch()}
        />
      ) : !log.data ? (
        <Skeleton rows={8} label="Loading the audit log" />
      ) : rows.length === 0 ? (
        <EmptyState icon="file" title={isFiltered ? "No entry is like this" : "Nothing was changed yet"}>
          Whoever changes something leaves an entry here that nobody can take away.
        </EmptyState>
      ) : (
        <Entries rows={rows} />
      )}
      {log.hasNextPage ? (
        <div className={styles.more}>
          <Button busy={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
            Show older ones
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}

function Filters(props: { org: string; filter: AuditFilter; options: readonly string[] }) {
  const { org, filter } = props;
  const navigate = useNavigate();
  const { data: members = [] } = useQuery(membersQuery(org));
  const [text, setText] = useState(filter.target ?? "");
  const change = (next: AuditFilter) =>
    void navigate({ to: ".", search: (before) => ({ ...before, ...next }), replace: true });
  const has = (list: readonly string[], one?: string) => one === undefined || list.includes(one);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change({ target: text.trim() || undefined });
  };
  return (
    <form className={styles.filters} onSubmit={submit}>
      <SelectField
        label="What"
        value={filter.event ?? ""}
        onChange={(event) => change({ event: event.target.value || undefined })}
      >
        <option value="">Everything</option>
        {has(props.options, filter.event) ? null : <option value={filter.event}>{filter.event}</option>}
        {props.options.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="Who"
        value={filter.actor ?? ""}
        onChange={(event) => change({ actor: event.target.value || undefined })}
      >
        <option value="">Everyone</option>
        {members.map(({ id, user, email }) => (
          <option key={id} value={user.id}>
            {user.name || email}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="When"
        value={filter.start || filter.end ? "range" : (filter.statsPeriod ?? "")}
        onChange={(event) =>
          change({ statsPeriod: event.target.value || undefined, start: undefined, end: undefined })
        }
      >
        {filter.start || filter.end ? <option value="range">The range of the chart</option> : null}
        {PERIODS.some(([value]) => value === (filter.statsPeriod ?? "")) ? null : (
          <option value={filter.statsPeriod}>The last {filter.statsPeriod}</option>
        )}
        {PERIODS.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </SelectField>
      <TextField
        label="To what"
        type="search"
        placeholder="a name or an id"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => change({ target: text.trim() || undefined })}
      />
    </form>
  );
}

function Entries({ rows }: { rows: readonly AuditEntry[] }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <ul className={styles.entries} aria-label="Entries">
      {rows.map((row) => (
        <li key={row.id} className={cx(styles.entry, open.has(row.id) && styles.open)}>
          <button
            type="button"
            className={styles.line}
            aria-expanded={open.has(row.id)}
            aria-controls={`entry-${row.id}`}
            onClick={() => toggle(row.id)}
          >
            <span className={styles.who}>
              {row.actor?.name || row.actorLabel || "Somebody"}
              {row.token ? <span className={styles.quiet}> by a token</span> : null}
            </span>
            <code className={styles.event}>{row.event}</code>
            <span className={styles.target}>
              {targetText(row.targetKind, row.targetLabel, row.targetObject, row.data)}
            </span>
            <span className={styles.when}>
              <TimeAgo at={row.dateCreated} />
            </span>
          </button>
          {open.has(row.id) ? <Details row={row} /> : null}
        </li>
      ))}
    </ul>
  );
}

function Details({ row }: { row: AuditEntry }) {
  const changes = changesOf(row.data);
  const details = detailsOf(row.data);
  const names = namesOf(row.data);
  const target = [row.targetKind, row.targetObject].filter(Boolean).join(" ");
  return (
    <div className={styles.details} id={`entry-${row.id}`}>
      <Facts
        items={[
          ["When", <Moment key="when" at={row.dateCreated} />],
          ["Who", row.actorLabel || "nobody who has signed in"],
          ...(row.token ? ([["Token", row.token.name || row.token.id]] as const) : []),
          ["From", row.ipAddress || "this hub"],
          ...(target
            ? ([["Target", `${target}${row.targetLabel ? `: ${row.targetLabel}` : ""}`]] as const)
            : []),
          ["Entry", row.id],
        ]}
      />
      {changes.length > 0 ? (
        <dl className={styles.changes} aria-label="What was changed">
          {changes.map(({ field, before, after }) => (
            <Fragment key={field}>
              <dt>{field}</dt>
              <dd>
                <del>{before}</del> <span aria-hidden="true">→</span> <ins>{after}</ins>
              </dd>
            </Fragment>
          ))}
        </dl>
      ) : null}
      {names.length > 0 ? (
        <ul className={styles.names} aria-label="What it was done to">
          {names.map((name, i) => (
            <li key={i}>{name}</li>
          ))}
          {Number(row.data.count) > names.length ? (
            <li>and {Number(row.data.count) - names.length} more</li>
          ) : null}
        </ul>
      ) : null}
      {details.length > 0 ? <KeyValues label="Details" entries={details} /> : null}
    </div>
  );
}

function Export({ org, filter }: { org: string; filter: AuditFilter }) {
  const toast = useToast();
  const write = useMutation({
    mutationFn: () => exportAudit(org, filter),
    onSuccess: ({ rows, isCut }) => {
      const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
      save(`audit-${org}.jsonl`, "application/jsonl", lines);
      const cut = `These are the latest ${EXPORT_MAX}; "vedette-hub audit export" writes all.`;
      if (isCut) toast({ text: cut });
    },
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  return (
    <Button small icon="download" busy={write.isPending} onClick={() => write.mutate()}>
      Export
    </Button>
  );
}
