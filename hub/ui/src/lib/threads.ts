/** Threads in the order in which one looks at them. */

import type { Thread } from "./event-shape.ts";

/** The one that crashed first, then the one that was current, then the others as they came. */
export function byWeight(threads: readonly (Thread | null)[]): Thread[] {
  const weight = (thread: Thread) => (thread.crashed ? 0 : thread.current ? 1 : 2);
  const all = threads.filter((thread): thread is Thread => thread !== null);
  return all.sort((a, b) => weight(a) - weight(b));
}

/** "Thread main", "Thread 7". */
export function threadName({ name, id }: Thread): string {
  return `Thread ${name || (id ?? "")}`.trim();
}
