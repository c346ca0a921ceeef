/** What happened before: kind, place, message, data, and how long before the crash. */

import { useMemo, useState } from "react";
import { describe, inOrder } from "../../lib/breadcrumbs.ts";
import type { Breadcrumb } from "../../lib/event-shape.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { clock, offset, toMillis } from "../../lib/time.ts";
import { levelTone } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
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
/** Fewer are read faster than filtered. */
const FILTERED_FROM = 6;

const kindOf = (crumb: Breadcrumb) => crumb.category || crumb.type || "default";
const levelOf = (crumb: Breadcrumb) => crumb.level || "info";

export function Breadcrumbs({ crumbs, at, meta }: Props) {
  const [all, setAll] = useState(false);
  const [text, setText] = useState("");
  const [kinds, setKinds] = useState<ReadonlySet<string>>(new Set());
  const [levels, setLevels] = useState<ReadonlySet<string>>(new Set());
  const newestFirst = useMemo(() => inOrder(crumbs).reverse(), [crumbs]);
  const matching = newestFirst.filter(
    ({ crumb }) =>
      (kinds.size === 0 || kinds.has(kindOf(crumb))) &&
      (levels.size === 0 || levels.has(levelOf(crumb))) &&
      contains(crumb, text),
  );
  const filtered = Boolean(text) || kinds.size > 0 || levels.size > 0;
  const shown = all || filtered ? matching : matching.slice(0, SHOWN);
  const crash = toMillis(at);
  return (
    <Panel
      id="breadcrumbs"
      title={
        <>
          Breadcrumbs{" "}
          <span className={styles.n}>
            {filtered ? `${matching.length} of ${crumbs.length}` : crumbs.length}
          </span>
        </>
      }
      flush
      actions={
        crumbs.length >= FILTERED_FROM ? (
          <>
            <Choice
              name="Kind"
              of={newestFirst.map(({ crumb }) => kindOf(crumb))}
              chosen={kinds}
              onChange={setKinds}
            />
            <Choice
              name="Level"
              of={newestFirst.map(({ crumb }) => levelOf(crumb))}
              chosen={levels}
              onChange={setLevels}
            />
            <input
              className={styles.filter}
              aria-label="Search breadcrumbs"
              placeholder="Search"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </>
        ) : null
      }
    >
      <ol className={styles.list}>
        {shown.map(({ crumb, index }) => (
          <Crumb key={index} crumb={crumb} crash={crash} meta={child(meta, index)} />
        ))}
        {shown.length === 0 ? <li className={styles.none}>No breadcrumb matches.</li> : null}
      </ol>
      {matching.length > shown.length ? (
        <button type="button" className={styles.more} onClick={() => setAll(true)}>
          {matching.length - shown.length} earlier breadcrumbs
        </button>
      ) : null}
    </Panel>
  );
}

interface ChoiceProps {
  name: string;
  /** Of every breadcrumb. */
  of: readonly string[];
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
}

/** Which of the values that occur are shown; none chosen is all of them. */
function Choice({ name, of, chosen, onChange }: ChoiceProps) {
  const counts = new Map<string, number>();
  for (const value of of) counts.set(value, (counts.get(value) ?? 0) + 1);
  if (counts.size < 2) return null;
  const toggle = (value: string) => {
    const next = new Set(chosen);
    if (!next.delete(value)) next.add(value);
    onChange(next);
  };
  const label = chosen.size === 0 ? name : chosen.size === 1 ? [...chosen][0] : `${chosen.size} chosen`;
  return (
    <Menu
      name={`${name}: ${chosen.size > 1 ? `${chosen.size} chosen, ` : ""}${[...chosen].join(", ") || "all"}`}
      label={label}
      align="end"
      buttonClassName={cx(styles.choice, chosen.size > 0 && styles.chosen)}
    >
      {(close) => (
        <>
          <MenuItem
            checked={chosen.size === 0}
            onSelect={() => {
              close();
              onChange(new Set());
            }}
          >
            All
          </MenuItem>
          {[...counts].map(([value, n]) => (
            <MenuItem key={value} checked={chosen.has(value)} hint={n} onSelect={() => toggle(value)}>
              {value}
            </MenuItem>
          ))}
        </>
      )}
    </Menu>
  );
}

function contains(crumb: Breadcrumb, text: string): boolean {
  if (!text) return true;
  return JSON.stringify([crumb.type, crumb.category, crumb.level, crumb.message, crumb.data])
    .toLowerCase()
    .includes(text.toLowerCase());
}

function Crumb({ crumb, crash, meta }: { crumb: Breadcrumb; crash: number | null; meta?: Meta }) {
  const time = toMillis(crumb.timestamp);
  const { headline, rest } = describe(crumb);
  const level = levelOf(crumb);
  return (
    <li className={styles.crumb}>
      <span className={styles.rail}>
        <span
          className={cx(styles.level, styles[levelTone(level)])}
          role="img"
          aria-label={`Level ${level}`}
          title={level}
        />
      </span>
      <div className={styles.what}>
        <span className={styles.category}>{kindOf(crumb)}</span>
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
        {time !== null && crash !== null ? (
          <span className={styles.offset}>{offset(time - crash)}</span>
        ) : null}
        <span title={crumb.timestamp ? String(crumb.timestamp) : undefined}>{clock(time)}</span>
      </span>
    </li>
  );
}
