/** Keys the search knows by itself, with what they mean and the values that are known beforehand. */

export interface KnownKey {
  key: string;
  about: string;
  values?: readonly string[];
  /** Asked of issues only. */
  ofIssues?: boolean;
}

export const KNOWN_KEYS: readonly KnownKey[] = [
  {
    key: "is",
    about: "state of the issue",
    ofIssues: true,
    values: [
      "unresolved",
      "resolved",
      "archived",
      "new",
      "ongoing",
      "escalating",
      "regressed",
      "for_review",
      "assigned",
      "unassigned",
    ],
  },
  { key: "assigned", about: "who owns it", ofIssues: true, values: ["me", "my_teams", "none"] },
  { key: "bookmarks", about: "who bookmarked it", ofIssues: true, values: ["me"] },
  { key: "subscribed", about: "who is told of it", ofIssues: true, values: ["me"] },
  { key: "issue.priority", about: "how much it matters", ofIssues: true, values: ["high", "medium", "low"] },
  { key: "firstSeen", about: "when it began", ofIssues: true, values: ["-24h", "-7d", "-30d"] },
  { key: "lastSeen", about: "when it happened last", ofIssues: true, values: ["-1h", "-24h", "-7d"] },
  { key: "timesSeen", about: "how many events", ofIssues: true, values: [">10", ">100", ">1000"] },
  { key: "userCount", about: "how many users", ofIssues: true, values: [">1", ">10", ">100"] },
  { key: "firstRelease", about: "release it began with", ofIssues: true },
  { key: "regressed_in_release", about: "release it came back with", ofIssues: true },
  { key: "project", about: "slug of the project", ofIssues: true },
  { key: "has", about: "a tag that is there" },
  { key: "level", about: "fatal to debug", values: ["fatal", "error", "warning", "info", "debug"] },
  { key: "environment", about: "where it ran" },
  { key: "release", about: "version that ran" },
  { key: "release.version", about: "without package and build", values: [] },
  { key: "timestamp", about: "when the event happened", values: ["-1h", "-24h", "-7d"] },
  { key: "message", about: "text of the event" },
  { key: "transaction", about: "what was being done" },
  { key: "error.type", about: "type of the exception" },
  { key: "error.value", about: "message of the exception" },
  { key: "error.handled", about: "was it caught", values: ["true", "false"] },
  { key: "error.unhandled", about: "was it not caught", values: ["true", "false"] },
  { key: "stack.function", about: "a function of the trace" },
  { key: "stack.filename", about: "a file of the trace" },
  { key: "stack.module", about: "a module of the trace" },
  { key: "stack.abs_path", about: "the whole path of a file of the trace" },
  { key: "culprit", about: "where it happened" },
  { key: "location", about: "file it happened in" },
  { key: "http.method", about: "of the request", values: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  { key: "http.url", about: "of the request" },
  { key: "user.id", about: "who was affected" },
  { key: "user.email", about: "who was affected" },
  { key: "user.username", about: "who was affected" },
  { key: "user.ip", about: "who was affected" },
  { key: "platform.name", about: "language or runtime" },
  { key: "sdk.name", about: "SDK that sent it" },
  { key: "sdk.version", about: "version of that SDK" },
  { key: "server_name", about: "host that sent it" },
  { key: "logger", about: "logger that wrote it" },
  { key: "trace", about: "id of the trace" },
  { key: "id", about: "id of the event" },
];
