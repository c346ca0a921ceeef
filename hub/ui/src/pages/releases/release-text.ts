/** What is said of a release in more than one place. */

import type { ReleaseOfList } from "../../api/types.ts";
import { middle, shortRelease } from "../../lib/format.ts";
import { tagTerm } from "../../lib/query-text.ts";
import type { IssueListSearch } from "../../routes.tsx";

const SHORT_MAX = 28;

/** When it came: released by people, else first seen in an event, else only made. */
export function cameOn({ dateReleased, firstEvent, dateCreated }: ReleaseOfList) {
  if (dateReleased) return { how: "released", at: dateReleased };
  if (firstEvent) return { how: "first seen", at: firstEvent };
  return { how: "made", at: dateCreated };
}

/** Its name where there is little room: hashes of builds are cut. */
export function shortName({ version, shortVersion }: { version: string; shortVersion?: string }): string {
  return middle(shortVersion || shortRelease(version), SHORT_MAX);
}

export const newIssuesTerm = (version: string) => tagTerm("firstRelease", version);
export const allIssuesTerm = (version: string) => tagTerm("release", version);

/** The list of issues under this search alone: what else was filtered by would hide some of them. */
export function issuesSearch(query: string): IssueListSearch {
  return {
    query,
    project: undefined,
    environment: undefined,
    statsPeriod: undefined,
    start: undefined,
    end: undefined,
  };
}
