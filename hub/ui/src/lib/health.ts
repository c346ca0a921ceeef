/** How well releases do, by what was told of their sessions. */

import type { SessionGroup } from "../api/types.ts";

export interface Health {
  sessions: number;
  /** The share of sessions that did not crash, 0 to 1. */
  crashFree: number;
  /** The share of all sessions of the last day that are of this release, 0 to 1. */
  adoption: number;
}

/** By release; sessions of `fortnight` say how it does, those of `day` how many have it. */
export function healthOf(
  fortnight: readonly SessionGroup[],
  day: readonly SessionGroup[],
  environment: readonly string[] = [],
): Map<string, Health> {
  const isMeant = (group: SessionGroup) =>
    environment.length === 0 || environment.includes(group.environment);
  const of = (groups: readonly SessionGroup[], release: string, count: (group: SessionGroup) => number) =>
    groups.reduce((sum, group) => (group.release === release ? sum + count(group) : sum), 0);
  const [all, today] = [fortnight.filter(isMeant), day.filter(isMeant)];
  const sessionsToday = today.reduce((sum, group) => sum + group.sessions, 0);
  const found = new Map<string, Health>();
  for (const { release } of all) {
    if (!release || found.has(release)) continue;
    const sessions = of(all, release, (group) => group.sessions);
    if (sessions === 0) continue;
    const crashed = of(all, release, (group) => group.crashed);
    found.set(release, {
      sessions,
      crashFree: 1 - Math.min(crashed / sessions, 1),
      adoption: sessionsToday ? of(today, release, (group) => group.sessions) / sessionsToday : 0,
    });
  }
  return found;
}

/** "100 %", "99.87 %", "3 %": never 100 % while there was a crash. */
export function share(part: number): string {
  if (part === 1 || part === 0) return `${part * 100} %`;
  const hundredths = Math.min(Math.max(Math.round(part * 10_000), 1), 9999) / 100;
  return `${hundredths >= 95 ? hundredths : Math.max(Math.round(hundredths), 1)} %`;
}
