import { describe, expect, it } from "vitest";
import type { Json } from "../../lib/event-shape.ts";
import { sentence } from "./activity-text.ts";

const names = new Map([
  ["user:2", "Ben"],
  ["team:5", "#web"],
]);
const user = { id: "1", name: "Anna", email: "a@example.org", username: "a@example.org" };
const check = (type: string, data: Record<string, Json>) => sentence({ type, data, user }, names).text;

describe("what was done to an issue", () => {
  it.each([
    ["assigned", { assignee: "user:2" }, "assigned this issue to Ben"],
    ["assigned", { assignee: "user:1" }, "assigned this issue to themselves"],
    ["assigned", { assignee: "team:5", rule: "path:*" }, "assigned this issue to #web by the rule path:*"],
    ["assigned", { assignee: "user:9" }, "assigned this issue"],
    ["set_ignored", {}, "archived this issue"],
    [
      "set_ignored",
      { ignoreUntil: "2026-01-02T03:04:05Z" },
      "archived this issue until 2026-01-02 03:04 UTC",
    ],
    ["set_ignored", { ignoreCount: 10 }, "archived this issue until it happens 10 more times"],
    [
      "set_ignored",
      { ignoreCount: 10, ignoreWindow: 60 },
      "archived this issue until it happens 10 times within 1 h",
    ],
    ["set_ignored", { ignoreUserCount: 1 }, "archived this issue until it affects 1 more user"],
    ["set_resolved_in_release", { version: "shop@2.1.0" }, "resolved this issue in 2.1.0"],
    ["set_resolved_in_release", {}, "resolved this issue in the next release"],
    ["set_resolved", { inUpcomingRelease: true }, "resolved this issue in the upcoming release"],
    [
      "set_resolved_in_commit",
      { commit: "abcdef0123456789", version: "shop@2.1.0" },
      "resolved this issue in commit abcdef012345, which is in 2.1.0",
    ],
    ["set_regression", { version: "shop@2.2.0" }, "saw this issue again after it was resolved, in 2.2.0"],
  ])("is told: %s %o", (type, data, expected) => {
    expect(check(type, data as Record<string, Json>)).toBe(expected);
  });
});
