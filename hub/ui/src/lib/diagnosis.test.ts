import { describe, expect, it } from "vitest";
import { parseDiagnosis } from "./diagnosis.ts";
import type { Json } from "./event-shape.ts";

describe("parseDiagnosis", () => {
  it("parts findings from the status", () => {
    const full = { what: "space", grade: "wrong", found: "full", remedy: "make room" };
    const told = {
      version: "1",
      findings: [full, { what: "clock", grade: "well", found: "+1 ms", remedy: null }],
    };
    expect(parseDiagnosis(told)).toEqual({
      findings: [full, { what: "clock", grade: "well", found: "+1 ms", remedy: null }],
      status: { version: "1" },
    });
  });

  it("reads what an older or a later relay says", () => {
    expect(parseDiagnosis({ version: "1" })).toEqual({ findings: null, status: { version: "1" } });
    const later: Json[] = [{ what: "heat", grade: "grave", found: "hot", remedy: 7 }, "x", null, { what: 1 }];
    expect(parseDiagnosis({ findings: later }).findings).toEqual([
      { what: "heat", grade: "note", found: "hot", remedy: null },
    ]);
    const many = Array.from({ length: 99 }, () => ({ what: "a", grade: "well", found: "b" }));
    expect(parseDiagnosis({ findings: many }).findings).toHaveLength(50);
  });
});
