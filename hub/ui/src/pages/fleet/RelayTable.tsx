/** The relays as rows, or as cards on a phone, with the keys that move through them. */

import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useRef, useState, useSyncExternalStore } from "react";
import type { Relay } from "../../api/types.ts";
import type { Column } from "../../lib/fleet.ts";
import { cx } from "../../ui/classes.ts";
import { useShortcuts } from "../../ui/hotkeys.ts";
import { VirtualTable, type VirtualTableHandle } from "../../ui/VirtualTable.tsx";
import { RelayRow } from "./RelayRow.tsx";
import styles from "./RelayTable.module.css";

interface Props {
  relays: readonly Relay[];
  sort: Column;
  down: boolean;
  onSort: (column: Column) => void;
}

const ROW_PX = 48;
const CARD_PX = 172;
const HEAD_PX = 34;

const HEADS: readonly { column: Column; name: string; numeric?: boolean; about: string }[] = [
  { column: "name", name: "Relay", about: "Name, state and labels" },
  { column: "region", name: "Region", about: "Where its data may be kept" },
  { column: "version", name: "Version", about: "The program's version" },
  { column: "link", name: "Link", about: "What carries the link, and the round trip" },
  { column: "loss", name: "Loss", numeric: true, about: "Packets lost" },
  { column: "rate", name: "Rate", numeric: true, about: "Bytes sent per second" },
  { column: "backlog", name: "Backlog", about: "What waits, by lane, with the age of its oldest record" },
  { column: "oldest", name: "Oldest", numeric: true, about: "Age of the oldest record that waits" },
  { column: "seen", name: "Seen", numeric: true, about: "When it was last heard of" },
  { column: "config", name: "Config", numeric: true, about: "The version of its configuration" },
  { column: "clock", name: "Clock", numeric: true, about: "Its clock against the hub's" },
  { column: "disk", name: "Spool", numeric: true, about: "How full its spool is" },
];

const PHONE = "(max-width: 760px)";

function usePhone(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = window.matchMedia(PHONE);
      media.addEventListener("change", changed);
      return () => media.removeEventListener("change", changed);
    },
    () => window.matchMedia(PHONE).matches,
  );
}

const route = getRouteApi("/signed-in/organizations/$org/fleet");

export function RelayTable({ relays, sort, down, onSort }: Props) {
  const { org } = route.useParams();
  const navigate = useNavigate();
  const isPhone = usePhone();
  const [current, setCurrent] = useState<string | null>(null);
  const list = useRef<VirtualTableHandle>(null);
  const at = relays.findIndex((relay) => relay.id === current);

  const moveTo = (index: number) => {
    const relay = relays[Math.max(0, Math.min(index, relays.length - 1))];
    if (!relay) return;
    setCurrent(relay.id);
    list.current?.show(relays.indexOf(relay));
    // The row may only come to be with the scrolling.
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>(`[data-relay="${relay.id}"] a`)?.focus({ preventScroll: true }),
    );
  };
  const open = (relay: Relay) =>
    void navigate({ to: "/organizations/$org/fleet/$relayId", params: { org, relayId: relay.id } });
  const onArrow = (by: number) => (event?: KeyboardEvent) => {
    if (at < 0) return;
    event?.preventDefault();
    moveTo(at + by);
  };
  useShortcuts("fleet", {
    next: () => moveTo(at + 1),
    previous: () => moveTo(at < 0 ? 0 : at - 1),
    down: onArrow(1),
    up: onArrow(-1),
    open: (event) => {
      const relay = relays[at];
      if (relay && !(event?.target as HTMLElement | null)?.closest("button, a, input")) open(relay);
    },
  });

  const head = (
    <tr className={styles.head}>
      {HEADS.map(({ column, name, numeric, about }) => (
        <th
          key={column}
          scope="col"
          className={cx(styles[column], numeric && styles.num)}
          aria-sort={column === sort ? (down ? "descending" : "ascending") : "none"}
        >
          <button
            type="button"
            className={cx(styles.sort, column === sort && styles.sorted)}
            title={about}
            onClick={() => onSort(column)}
          >
            {name}
            <span aria-hidden="true">{column === sort ? (down ? " ↓" : " ↑") : ""}</span>
          </button>
        </th>
      ))}
    </tr>
  );
  return (
    <VirtualTable
      label="Relays"
      items={relays}
      rowHeight={isPhone ? CARD_PX : ROW_PX}
      className={styles.box}
      tableClassName={styles.table}
      handle={list}
      head={head}
      headHeight={isPhone ? 0 : HEAD_PX}
    >
      {(relay, index) => (
        <RelayRow
          key={relay.id}
          org={org}
          relay={relay}
          index={index}
          current={relay.id === current}
          onFocus={setCurrent}
        />
      )}
    </VirtualTable>
  );
}
