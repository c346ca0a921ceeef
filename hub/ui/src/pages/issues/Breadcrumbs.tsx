/** What happened before: kind, place, message, data, and how long before the crash. */

import { useState } from "react";
import type { Breadcrumb, Json } from "../../lib/event-shape.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { clock, offset, toMillis } from "../../lib/time.ts";
import { levelTone } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { Panel } from "../../ui/Panel.tsx";
import { RedactedMark } from "../../ui/Redacted.tsx";
import { ValueTree } from "../../ui/ValueTree.tsx";
import styles from "./Breadcrumbs.module.css";

interface Props {
  crumbs: readonly (Breadcrumb | null)[];
  /** When the event happened: distances are told from here. */
  at: string;
  meta?: Meta;
}

/** The last ones matter; the others wait for a click. */
const SHOWN = 12;

export function Breadcrumbs({ crumbs, at, meta }: Props) {
  const [all, setAll] = useState(false);
  const [filter, setFilter] = useState("");
  const newestFirst = crumbs
    .map((crumb, index) => ({ crumb: crumb ?? {}, index }))
    .filter(({ crumb }) => matches(crumb, filter))
    .reverse();
  const shown = all || filter ? newestFirst : newestFirst.slice(0, SHOWN);
  const crash = toMillis(at);
  return (
    <Panel
      id="breadcrumbs"
      title={
        <>
          Breadcrumbs <span className={styles.n}>{crumbs.length}</span>
        </>
      }
      flush
      actions={
        crumbs.length > 5 ? (
          <input
            className={styles.filter}
            aria-label="Filter breadcrumbs"
            placeholder="Filter"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        ) : null
      }
    >
      <ol className={styles.list}>
        {shown.map(({ crumb, index }) => (
          <Crumb key={index} crumb={crumb} crash={crash} meta={child(meta, index)} />
        ))}
        {shown.length === 0 ? <li className={styles.none}>No breadcrumb matches.</li> : null}
      </ol>
      {newestFirst.length > shown.length ? (
        <button type="button" className={styles.more} onClick={() => setAll(true)}>
          {newestFirst.length - shown.length} earlier breadcrumbs
        </button>
      ) : null}
    </Panel>
  );
}

function matches(crumb: Breadcrumb, filter: string): boolean {
  if (!filter) return true;
  return JSON.stringify([crumb.type, crumb.category, crumb.level, crumb.message, crumb.data])
    .toLowerCase()
    .includes(filter.toLowerCase());
}

function Crumb({ crumb, crash, meta }: { crumb: Breadcrumb; crash: number | null; meta?: Meta }) {
  const time = toMillis(crumb.timestamp);
  const { headline, rest } = describe(crumb);
  const level = crumb.level ?? "info";
  return (
    <li className={styles.crumb}>
      <span
        className={cx(styles.level, styles[levelTone(level)])}
        role="img"
        aria-label={`Level ${level}`}
        title={level}
      />
      <div className={styles.what}>
        <span className={styles.category}>{crumb.category || crumb.type || "default"}</span>
        {headline ? (
          <span className={styles.message}>
            {headline}
            <RedactedMark meta={child(meta, "message")} value={crumb.message} />
          </span>
        ) : null}
        {rest ? (
          <div className={styles.data}>
            <ValueTree value={rest} meta={child(meta, "data")} open={Object.keys(rest).length <= 4 ? 1 : 0} />
          </div>
        ) : null}
      </div>
      <span className={styles.time}>
        <span title={crumb.timestamp ? String(crumb.timestamp) : undefined}>{clock(time)}</span>
        {time !== null && crash !== null ? (
          <span className={styles.offset}>{offset(time - crash)}</span>
        ) : null}
      </span>
    </li>
  );
}

/** Kinds that speak through their data get a sentence; what it does not say stays as data. */
export function describe(crumb: Breadcrumb): { headline: string; rest: Record<string, Json> | null } {
  const data = { ...(crumb.data ?? {}) };
  const take = (...names: string[]): string => {
    for (const key of names) {
      const value = data[key];
      if (value !== undefined && value !== null && value !== "") {
        delete data[key];
        return typeof value === "string" ? value : JSON.stringify(value);
      }
    }
    return "";
  };
  let headline = crumb.message ?? "";
  const category = crumb.category ?? "";
  if (
    !headline &&
    (crumb.type === "http" || category === "xhr" || category === "fetch" || category.startsWith("http"))
  ) {
    const method = take("method", "http.method") || "GET";
    const url = take("url", "http.url");
    const status = take("status_code", "http.response.status_code", "status");
    headline = `${method} ${url}${status ? ` → ${status}` : ""}`.trim();
  } else if (!headline && (crumb.type === "navigation" || category === "navigation")) {
    const from = take("from");
    const to = take("to");
    headline = from && to ? `${from} → ${to}` : to || from;
  } else if (!headline) {
    headline = take("message", "description", "action", "name", "arguments");
  }
  const left = Object.keys(data).length > 0 ? (data as Record<string, Json>) : null;
  return { headline, rest: left };
}
