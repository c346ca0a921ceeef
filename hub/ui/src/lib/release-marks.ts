/** When releases came, as marks on charts. */

import { toMillis } from "./time.ts";

export interface Mark {
  /** In unix seconds. */
  at: number;
  label: string;
}

interface Release {
  version: string;
  shortVersion: string;
  dateCreated?: string | null;
  dateReleased?: string | null;
  projects: readonly { id: string }[];
}

/** The marks of each project, by its id. A release stands where it was released, or first heard of. */
export function marksByProject(releases: readonly Release[]): ReadonlyMap<string, readonly Mark[]> {
  const marks = new Map<string, Mark[]>();
  for (const release of releases) {
    const at = toMillis(release.dateReleased ?? release.dateCreated);
    if (at === null) continue;
    const mark = { at: at / 1000, label: `release ${release.shortVersion || release.version}` };
    for (const { id } of release.projects) marks.set(id, [...(marks.get(id) ?? []), mark]);
  }
  return marks;
}
