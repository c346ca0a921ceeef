/** How well releases do, by what was told of their sessions. */

import type { ReleaseOfList } from "../api/types.ts";

export interface Health {
  sessions: number;
  /** The share of sessions that did not crash, 0 to 1. */
  crashFree: number;
  /** People who had them, as far as SDKs name them. */
  users: number;
  /** The share of people of whom no session crashed, 0 to 1; undefined where nobody is named. */
  crashFreeUsers: number | undefined;
  /** The share of its projects' sessions of the last day that are of this release, 0 to 1. */
  adoption: number;
}

type HealthData = NonNullable<ReleaseOfList["projects"][number]["healthData"]>;

/** Over all projects of a release; undefined where none has sessions of it. */
export function healthOf({ projects }: Pick<ReleaseOfList, "projects">): Health | undefined {
  const told = projects.flatMap(({ healthData }) => healthData ?? []);
  const sum = (of: (data: HealthData) => number) => told.reduce((all, data) => all + of(data), 0);
  const sessions = sum((data) => data.totalSessions);
  if (sessions === 0) return undefined;
  const users = sum((data) => data.totalUsers);
  const sessionsToday = sum((data) => data.totalProjectSessions24h);
  return {
    sessions,
    crashFree: 1 - Math.min(sum((data) => data.sessionsCrashed) / sessions, 1),
    users,
    crashFreeUsers: users ? 1 - sum((data) => data.usersCrashed) / users : undefined,
    adoption: sessionsToday ? sum((data) => data.totalSessions24h) / sessionsToday : 0,
  };
}

/** "100 %", "99.87 %", "3 %": never 100 % while there was a crash. */
export function share(part: number): string {
  if (part === 1 || part === 0) return `${part * 100} %`;
  const hundredths = Math.min(Math.max(Math.round(part * 10_000), 1), 9999) / 100;
  return `${hundredths >= 95 ? hundredths : Math.max(Math.round(hundredths), 1)} %`;
}
