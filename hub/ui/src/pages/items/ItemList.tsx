/** Items as dense rows: when, what matters of each kind, and whose it is. */

import { useQuery } from "@tanstack/react-query";
import { memo, useCallback, useEffect, useMemo, useRef } from "react";
import { projectsQuery } from "../../api/projects.ts";
import type { Item } from "../../api/types.ts";
import { kindName, lineOf } from "../../lib/items.ts";
import { absolute, clock } from "../../lib/time.ts";
import { Badge, LevelDot } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { useShortcuts } from "../../ui/hotkeys.ts";
import { VirtualList, type VirtualListHandle } from "../../ui/VirtualList.tsx";
import styles from "./Items.module.css";

interface Props {
  org: string;
  items: readonly Item[];
  /** Of several kinds: each row says which. */
  mixed: boolean;
  rowHeight: number;
  /** The name of the item whose details are open. */
  shown: string | undefined;
  onShow: (name: string | undefined) => void;
  onEnd: () => void;
}

/** What the address calls an item: its project and its id. */
export const nameOf = ({ projectID, id }: Pick<Item, "projectID" | "id">) => `${projectID}.${id}`;

export function ItemList({ org, items, mixed, rowHeight, shown, onShow, onEnd }: Props) {
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const slugs = useMemo(() => new Map(projects.map(({ id, slug }) => [id, slug])), [projects]);
  const list = useRef<VirtualListHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const focused = useRef<string | null>(null);
  const latest = useRef(items);
  latest.current = items;

  const focusRow = useCallback((name: string) => {
    // The row may only come to be with the scrolling.
    requestAnimationFrame(() =>
      box.current?.querySelector<HTMLElement>(`[data-item="${name}"]`)?.focus({ preventScroll: true }),
    );
  }, []);
  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(index, items.length - 1));
    const item = items[to];
    if (!item) return;
    list.current?.show(to);
    focused.current = nameOf(item);
    focusRow(nameOf(item));
    // Who reads on goes on reading.
    if (shown) onShow(nameOf(item));
  };
  const at = () => items.findIndex((item) => nameOf(item) === (focused.current ?? shown));
  const onArrow = (by: number) => (event?: KeyboardEvent) => {
    if (at() < 0) return;
    event?.preventDefault();
    moveTo(at() + by);
  };
  useShortcuts("items", {
    next: () => moveTo(at() + 1),
    previous: () => moveTo(at() < 0 ? 0 : at() - 1),
    down: onArrow(1),
    up: onArrow(-1),
    close: () => {
      if (!shown) return;
      onShow(undefined);
      focusRow(shown);
    },
  });
  // What the address names is shown where it stands in the list.
  useEffect(() => {
    const index = latest.current.findIndex((item) => nameOf(item) === shown);
    if (index >= 0) list.current?.show(index);
  }, [shown]);
  const onFocus = useCallback((name: string) => {
    focused.current = name;
  }, []);

  return (
    <div ref={box} style={{ "--row-height": `${rowHeight}px` } as React.CSSProperties}>
      <VirtualList items={items} rowHeight={rowHeight} headHeight={0} handle={list} onEnd={onEnd}>
        {(item, index) => (
          <Row
            key={nameOf(item)}
            item={item}
            index={index}
            project={slugs.size > 1 ? slugs.get(item.projectID) : undefined}
            mixed={mixed}
            isShown={nameOf(item) === shown}
            onShow={onShow}
            onFocus={onFocus}
          />
        )}
      </VirtualList>
    </div>
  );
}

interface RowProps {
  item: Item;
  index: number;
  project: string | undefined;
  mixed: boolean;
  isShown: boolean;
  onShow: (name: string | undefined) => void;
  onFocus: (name: string) => void;
}

const Row = memo(function Row({ item, index, project, mixed, isShown, onShow, onFocus }: RowProps) {
  const { level, mark, isBad, text, figure } = lineOf(item);
  const name = nameOf(item);
  const day = absolute(item.dateCreated).slice(5, 10);
  return (
    <li className={cx(styles.row, isShown && styles.shown)} aria-posinset={index + 1} aria-setsize={-1}>
      <button
        type="button"
        className={styles.open}
        data-item={name}
        aria-expanded={isShown}
        onClick={() => onShow(isShown ? undefined : name)}
        onFocus={() => onFocus(name)}
      >
        <time
          className={styles.when}
          dateTime={item.dateCreated}
          title={absolute(item.dateCreated, { millis: true })}
        >
          <span className={styles.day}>{day}</span> {clock(item.dateCreated)}
        </time>
        {mixed ? <span className={styles.of}>{kindName(item.kind)}</span> : null}
        {level ? (
          <span className={styles.level}>
            <LevelDot level={level} />
            {level}
          </span>
        ) : null}
        {mark ? <Badge tone={isBad ? "danger" : "neutral"}>{mark}</Badge> : null}
        <span className={styles.text}>{text || "–"}</span>
        {figure ? <span className={styles.figure}>{figure}</span> : null}
        {project ? <span className={styles.project}>{project}</span> : null}
      </button>
    </li>
  );
});
