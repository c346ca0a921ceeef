import { expect, test } from "vitest";
import { marksByProject } from "./release-marks.ts";

const release = (version: string, dates: object, projects: string[]) => ({
  version,
  shortVersion: version,
  ...dates,
  projects: projects.map((id) => ({ id })),
});

test("a release is marked in each of its projects, at the time of its release", () => {
  const marks = marksByProject([
    release("2", { dateCreated: "2026-01-01T00:00:00Z", dateReleased: "2026-01-02T00:00:00Z" }, ["1", "2"]),
    release("1", { dateCreated: "2026-01-01T00:00:00Z", dateReleased: null }, ["1"]),
    release("0", { dateCreated: "yesterday" }, ["1"]),
  ]);
  expect(marks.get("1")).toEqual([
    { at: 1_767_312_000, label: "release 2" },
    { at: 1_767_225_600, label: "release 1" },
  ]);
  expect(marks.get("2")).toHaveLength(1);
  expect(marks.get("3")).toBeUndefined();
});
