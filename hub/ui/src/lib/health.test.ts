import { expect, it } from "vitest";
import { healthOf, share } from "./health.ts";

const group = (release: string, environment: string, sessions: number, crashed: number) => ({
  release,
  environment,
  sessions,
  crashed,
  errored: 0,
  abnormal: 0,
  unhandled: 0,
});

it("sums up the sessions of a release, in the environments that are chosen", () => {
  const fortnight = [
    group("a", "production", 90, 1),
    group("a", "staging", 10, 4),
    group("b", "production", 0, 0),
  ];
  const day = [group("a", "production", 30, 0), group("b", "production", 10, 0)];
  expect(healthOf(fortnight, day).get("a")).toEqual({ sessions: 100, crashFree: 0.95, adoption: 0.75 });
  expect(healthOf(fortnight, day).has("b")).toBe(false);
  expect(healthOf(fortnight, day, ["staging"]).get("a")).toEqual({
    sessions: 10,
    crashFree: 0.6,
    adoption: 0,
  });
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
