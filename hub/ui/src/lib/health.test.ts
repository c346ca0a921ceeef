import { expect, it } from "vitest";
import { releaseProject as project } from "../test/releases.ts";
import { healthOf, share } from "./health.ts";

it("sums up what is told of a release in its projects", () => {
  const told = (totalSessions: number, sessionsCrashed: number, totalUsers: number, usersCrashed: number) =>
    project({ totalSessions, sessionsCrashed, totalUsers, usersCrashed, totalSessions24h: 10 });
  expect(healthOf({ projects: [told(90, 1, 3, 0), told(10, 4, 1, 1)] })).toEqual({
    sessions: 100,
    crashFree: 0.95,
    users: 4,
    crashFreeUsers: 0.75,
    adoption: 0.25,
  });
  expect(healthOf({ projects: [told(2, 0, 0, 0)] })?.crashFreeUsers).toBeUndefined();
  expect(healthOf({ projects: [told(0, 0, 0, 0)] })).toBeUndefined();
  expect(healthOf({ projects: [] })).toBeUndefined();
});

it.each([
  [1, "100 %"],
  [0.999_999, "99.99 %"],
  [0.9987, "99.87 %"],
  [0.6, "60 %"],
  [0.000_01, "1 %"],
  [0, "0 %"],
])("says %f as %s", (part, said) => {
  expect(share(part)).toBe(said);
});
