/** Whether news arrive by themselves, and how many wait where the list is too long to be asked for anew. */

import { useEffect, useState } from "react";
import { useLive } from "../../api/live.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import styles from "./LiveMark.module.css";

const WORDS = {
  open: "Live: new events arrive by themselves",
  connecting: "Connecting for live updates",
  lost: "The connection for live updates was lost and is being made again; the list is asked for every ten seconds",
};

interface Props {
  /** The list is not asked for anew by itself. */
  paused: boolean;
  onRefresh: () => void;
}

export function LiveMark({ paused, onRefresh }: Props) {
  const live = useLive();
  const waiting = useWaiting(paused);
  return (
    <span className={styles.live}>
      <span
        className={cx(styles.dot, styles[live.state])}
        role="img"
        aria-label={WORDS[live.state]}
        title={WORDS[live.state]}
      >
        {/* Anew with every message, so that it beats with them. */}
        {live.at ? <span key={live.at} className={styles.beat} /> : null}
      </span>
      {paused && waiting > 0 ? (
        <Button small icon="refresh" onClick={onRefresh}>
          {plural(waiting, "changed issue")}
        </Button>
      ) : null}
    </span>
  );
}

/** How many issues were touched since the list stands still. */
function useWaiting(paused: boolean): number {
  const live = useLive();
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    if (!paused) setIds(new Set());
    else if (live.touched?.size) setIds((before) => new Set([...before, ...(live.touched ?? [])]));
  }, [paused, live]);
  return ids.size;
}
