/** Releases as the API gives them, with only what a test cares about to be said. */

import type { ReleaseOfList } from "../api/types.ts";

export function release(part: Partial<ReleaseOfList> = {}): ReleaseOfList {
  return {
    id: part.version ?? "1",
    version: "shop@1.2.3",
    shortVersion: part.version ? part.version.slice(part.version.indexOf("@") + 1) : "1.2.3",
    status: "open",
    url: null,
    ref: null,
    dateCreated: "2026-01-01T00:00:00Z",
    dateStarted: null,
    dateReleased: null,
    firstEvent: null,
    lastEvent: null,
    newGroups: 0,
    commitCount: 0,
    lastCommit: null,
    deployCount: 0,
    lastDeploy: null,
    projects: [{ id: "1", slug: "shop", name: "Shop", platform: "python", newGroups: 0, firstEvent: null }],
    ...part,
  };
}

/** A project of a release, with what is told of its sessions. */
export function releaseProject(
  health: Partial<NonNullable<ReleaseOfList["projects"][number]["healthData"]>>,
): ReleaseOfList["projects"][number] {
  return {
    ...{ id: "1", slug: "shop", name: "Shop", platform: "python", newGroups: 0, firstEvent: null },
    healthData: {
      hasHealthData: true,
      totalSessions: 0,
      totalSessions24h: 0,
      totalProjectSessions24h: 40,
      sessionsCrashed: 0,
      sessionsErrored: 0,
      crashFreeSessions: null,
      sessionsAdoption: null,
      totalUsers: 0,
      totalUsers24h: 0,
      totalProjectUsers24h: 0,
      usersCrashed: 0,
      crashFreeUsers: null,
      adoption: null,
      ...health,
    },
  };
}

export const COMMIT = {
  id: "7fd1a60b01f91b314f59955a4e4d4c28e08e2bb5",
  message: "Round amounts\n\nAs banks do.",
  dateCreated: "2025-12-31T22:00:00Z",
  author: { name: "Ann", email: "ann@example.org" },
  repository: { name: "acme/shop" },
};

export const DEPLOY = {
  id: "1",
  environment: "production",
  name: "blue",
  url: null,
  dateStarted: null,
  dateFinished: "2026-01-01T01:00:00Z",
};
