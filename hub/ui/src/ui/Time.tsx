/** A moment: relative to read, absolute on hover, and ticking while the page stands open. */

import { useSyncExternalStore } from "react";
import { absolute, age, relative, toMillis, type When } from "../lib/time.ts";

const TICK_MS = 10_000;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, renewed every ten seconds for all that ask. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

export function TimeAgo({ at, short }: { at: When; short?: boolean }) {
  const current = Math.max(useNow(), Date.now() - TICK_MS);
  const millis = toMillis(at);
  if (millis === null) return <span>never</span>;
  // Clocks of hosts differ; what seems to come from the near future is now.
  const base = millis > current && millis - current < 60_000 ? millis : current;
  return (
    <time dateTime={new Date(millis).toISOString()} title={absolute(millis, { millis: true })}>
      {short ? age(millis, base) : relative(millis, base)}
    </time>
  );
}

export function Moment({ at }: { at: When }) {
  const millis = toMillis(at);
  if (millis === null) return <span>–</span>;
  return (
    <time dateTime={new Date(millis).toISOString()} title={relative(millis)}>
      {absolute(millis, { millis: true })}
    </time>
  );
}
