/** Any JSON, readable: long text wraps, deep things fold, and what was changed carries a mark. */

import { useState } from "react";
import type { Json } from "../lib/event-shape.ts";
import { child, type Meta } from "../lib/meta.ts";
import { RedactedMark } from "./Redacted.tsx";
import styles from "./ValueTree.module.css";

interface Props {
  value: Json | undefined;
  meta?: Meta;
  /** How many levels stand open. */
  open?: number;
}

/** Longer texts show their beginning first. */
const TEXT_MAX = 2000;
/** More entries than this wait for a click. */
const ENTRIES_MAX = 100;
/** Longer ones begin folded. */
const OPEN_MAX = 16;

export function ValueTree({ value, meta, open = 1 }: Props) {
  const mark = <RedactedMark meta={meta} value={value} />;
  if (value === null || value === undefined) {
    return (
      <span className={styles.nothing}>
        {value === null ? "null" : "undefined"}
        {mark}
      </span>
    );
  }
  if (typeof value === "string") return <Text text={value}>{mark}</Text>;
  if (typeof value !== "object") {
    return (
      <span className={styles.atom}>
        {String(value)}
        {mark}
      </span>
    );
  }
  return (
    <>
      <Branch value={value} meta={meta} open={open} />
      {mark}
    </>
  );
}

function Text({ text, children }: { text: string; children: React.ReactNode }) {
  const [all, setAll] = useState(false);
  const long = text.length > TEXT_MAX;
  return (
    <span className={styles.text}>
      {long && !all ? (
        `${text.slice(0, TEXT_MAX)}…`
      ) : text === "" ? (
        <i className={styles.nothing}>empty</i>
      ) : (
        text
      )}
      {long ? (
        <button type="button" className={styles.more} onClick={() => setAll(!all)}>
          {all ? "less" : `all ${text.length.toLocaleString("en-US")} characters`}
        </button>
      ) : null}
      {children}
    </span>
  );
}

function Branch({
  value,
  meta,
  open,
}: {
  value: Json[] | { [key: string]: Json };
  meta?: Meta;
  open: number;
}) {
  const isList = Array.isArray(value);
  const entries: [string, Json][] = isList
    ? value.map((item, i) => [String(i), item])
    : Object.entries(value);
  const [shown, setShown] = useState(open > 0 && entries.length <= OPEN_MAX);
  const [all, setAll] = useState(false);
  const [left, right] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return <span className={styles.nothing}>{left + right}</span>;
  const summary = isList ? `${entries.length} ${entries.length === 1 ? "item" : "items"}` : preview(entries);
  const visible = all ? entries : entries.slice(0, ENTRIES_MAX);
  return (
    <span className={styles.branch}>
      <button
        type="button"
        className={styles.fold}
        aria-expanded={shown}
        onClick={() => setShown(!shown)}
        aria-label={shown ? "Fold" : `Unfold ${left} ${summary} ${right}`}
      >
        {shown ? left : `${left} ${summary} ${right}`}
      </button>
      {shown ? (
        <>
          <ul className={styles.entries}>
            {visible.map(([key, item]) => (
              <li key={key} className={styles.entry}>
                <span className={styles.key}>{key}</span>
                <ValueTree value={item} meta={child(meta, key)} open={open - 1} />
              </li>
            ))}
            {entries.length > visible.length ? (
              <li>
                <button type="button" className={styles.more} onClick={() => setAll(true)}>
                  {entries.length - visible.length} more
                </button>
              </li>
            ) : null}
          </ul>
          <span className={styles.brace}>{right}</span>
        </>
      ) : null}
    </span>
  );
}

function preview(entries: [string, Json][]): string {
  const names = entries.slice(0, 3).map(([key]) => key);
  return names.join(", ") + (entries.length > 3 ? ", …" : "");
}
