/** What a relay says of itself, parted into what its doctor finds and its status. */

import type { Json } from "./event-shape.ts";

/** Checks that are shown; no relay has more. */
const FINDINGS_MAX = 50;

export interface Finding {
  what: string;
  grade: "well" | "note" | "wrong";
  found: string;
  remedy: string | null;
}

/** Findings are `null` where the relay names none: it is older, or its host did not answer in time. */
export function parseDiagnosis(told: Record<string, Json>): {
  findings: Finding[] | null;
  status: Record<string, Json>;
} {
  const { findings, ...status } = told;
  if (!Array.isArray(findings)) return { findings: null, status };
  const read = findings.slice(0, FINDINGS_MAX).map(finding);
  return { findings: read.filter((each) => each !== null), status };
}

function finding(value: Json): Finding | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const { what, grade, found, remedy } = value;
  if (typeof what !== "string" || typeof found !== "string") return null;
  return {
    what,
    // A grade that is not known here is worth a look.
    grade: grade === "well" || grade === "wrong" ? grade : "note",
    found,
    remedy: typeof remedy === "string" ? remedy : null,
  };
}
