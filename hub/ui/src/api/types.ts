/** Shapes of the API, as far as the dashboard reads them. */

import type { Json } from "../lib/event-shape.ts";
import type { Meta } from "../lib/meta.ts";

export interface User {
  id: string;
  name: string;
  email: string;
}

export interface Session {
  user: User;
  csrfToken: string;
  version: string;
}

export interface Organization {
  id: string;
  slug: string;
  name: string;
}

export interface Project {
  id: string;
  slug: string;
  name: string;
  platform: string | null;
  dateCreated: string;
  firstEvent: string | null;
  stats?: [number, number][];
  latestEvent?: string | null;
}

export interface PrivacyOptions {
  dataScrubber: boolean;
  dataScrubberDefaults: boolean;
  scrubIPAddresses: boolean;
  scrubEmails?: boolean;
  sensitiveFields: string[];
  safeFields: string[];
}

export interface ProjectDetail extends Project, PrivacyOptions {
  allowedDomains?: string[];
}

export interface ProjectKey {
  id: string;
  name: string;
  label?: string;
  public: string;
  secret?: string;
  isActive: boolean;
  rateLimit: { window: number; count: number } | null;
  dsn: { public: string; secret?: string; csp?: string; security?: string };
  dateCreated: string;
}

export type IssueStatus = "unresolved" | "resolved" | "ignored";
export type StatusDetails = Record<string, Json>;
export type Stats = [timestamp: number, n: number][];

export interface Issue {
  id: string;
  shortId: string;
  title: string;
  culprit: string | null;
  permalink: string;
  level: string;
  status: IssueStatus;
  substatus: string | null;
  statusDetails: StatusDetails;
  platform: string | null;
  priority: string | null;
  project: { id: string; name: string; slug: string; platform: string | null };
  type: string;
  metadata: { type?: string; value?: string; filename?: string; function?: string; title?: string };
  isUnhandled: boolean;
  /** A string in Sentry's API, and so here. */
  count: string;
  userCount: number;
  firstSeen: string;
  lastSeen: string;
  logger?: string | null;
  assignedTo?: { type: string; id: string; name: string; email?: string } | null;
  stats?: { "24h"?: Stats; "30d"?: Stats };
  lifetime?: { count: string; userCount: number; firstSeen: string; lastSeen: string } | null;
}

export interface Activity {
  id: string;
  type: string;
  user: User | null;
  data: Record<string, Json>;
  dateCreated: string;
}

export interface Release {
  version: string;
  shortVersion?: string;
}

export interface IssueDetail extends Issue {
  activity: Activity[];
  firstRelease: Release | null;
  lastRelease: Release | null;
}

export interface IssueTag {
  key: string;
  name: string;
  totalValues: number;
  uniqueValues?: number;
  topValues: {
    value: string;
    name?: string;
    count: number;
    lastSeen?: string;
    firstSeen?: string;
    query?: string;
  }[];
}

export interface EventSummary {
  id: string;
  eventID: string;
  message: string | null;
  title: string;
  dateCreated: string;
  user: EventUser | null;
  tags: { key: string; value: string }[];
}

export interface EventUser {
  id?: string | null;
  email?: string | null;
  username?: string | null;
  name?: string | null;
  ip_address?: string | null;
  geo?: Record<string, Json> | null;
  data?: Record<string, Json> | null;
  [key: string]: unknown;
}

export interface Entry {
  type: string;
  data: unknown;
}

export interface EventDetail {
  id: string;
  eventID: string;
  groupID: string | null;
  projectID?: string;
  title: string;
  message: string | null;
  location?: string | null;
  culprit: string | null;
  type: string;
  platform: string | null;
  dateCreated: string;
  dateReceived: string;
  dateDigested?: string | null;
  size?: number | null;
  dist?: string | null;
  release?: Release | null;
  user: EventUser | null;
  tags: { key: string; value: string }[];
  sdk: { name?: string | null; version?: string | null } | null;
  contexts: Record<string, Json>;
  context: Record<string, Json>;
  packages: Record<string, string | null>;
  entries: Entry[];
  metadata: Issue["metadata"];
  errors: { type: string; message?: string; data?: Record<string, Json> }[];
  _meta?: Meta;
  fingerprints?: string[];
  groupingInfo?: Json;
  groupingConfig?: { id: string } | null;
  nextEventID: string | null;
  previousEventID: string | null;
}

export interface Environment {
  id: string;
  name: string;
}

export interface ApiToken {
  id: string;
  name: string;
  scopes: string[];
  dateCreated: string;
  dateLastUsed?: string | null;
  expiresAt?: string | null;
  tokenLastCharacters: string;
  /** Only in the answer that made it. */
  token?: string;
}

export type RuleTrigger = "new_issue" | "regression";
export type RuleAction = { type: "webhook"; url: string } | { type: "email"; to: string };

export interface AlertRule {
  id: string;
  name: string;
  triggers: RuleTrigger[];
  actions: RuleAction[];
  environment: string | null;
  frequencyMinutes: number;
  isEnabled: boolean;
  dateCreated: string;
  lastTriggered: string | null;
}

export interface Notification {
  id: string;
  ruleId: string;
  ruleName?: string | null;
  issueId: string | null;
  shortId?: string | null;
  changeKind: string;
  action: RuleAction;
  state: "pending" | "sent" | "failed";
  attempts: number;
  lastError: string | null;
  dateCreated: string;
  dateSent: string | null;
}

export interface RelayLane {
  lane: number;
  name?: string;
  records: number;
  bytes: number;
  oldestReceivedAt?: string | null;
}

export interface LedgerTerm {
  term: string;
  reason: string;
  category: string;
  quantity: number;
}

export interface Relay {
  id: string;
  name: string;
  state: string;
  isConnected: boolean;
  labels: Record<string, string>;
  version: string;
  address: string | null;
  joinedAt: string;
  lastSeenAt: string | null;
  clockOffsetMs: number | null;
  backlog: RelayLane[];
}

export interface LedgerRelay {
  relayId: string;
  relayName: string;
  terms: LedgerTerm[];
  buffered: number;
  bufferedByCategory?: Record<string, number>;
}

export interface JoinToken {
  token: string;
  command?: string;
  hub?: string;
  expiresAt: string;
  uses: number;
}

export interface Poison {
  id: string;
  relayId: string;
  relayName?: string | null;
  lane: number;
  seq: number;
  projectId: string | null;
  reason: string;
  size?: number;
  dateCreated: string;
  replayedAt: string | null;
}
