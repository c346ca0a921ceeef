/**
 * Shapes of the API by their short names. They come from the hub's own description; what is said
 * here in addition is what that description leaves open.
 */

import type { Json } from "../lib/event-shape.ts";
import type { Meta } from "../lib/meta.ts";
import type { Group } from "../lib/outcomes.ts";
import type { components } from "./schema.gen.ts";

type Schemas = components["schemas"];
type With<T, More> = Omit<T, keyof More> & More;

export type User = Pick<Schemas["UserRef"], "id" | "name" | "email">;
export type SessionBody = Schemas["Session"];

export interface Session {
  user: User;
  csrfToken: string;
  version: string;
}

export type Organization = Pick<Schemas["Organization"], "id" | "slug" | "name"> &
  Partial<Pick<Schemas["Organization"], "access" | "orgRole">>;
type OrganizationPrivacy = "scrubIPAddresses" | "scrubEmails" | "sensitiveFields" | "safeFields";
export type OrganizationDetail = Organization &
  Pick<Schemas["Organization"], "relayPiiConfig"> & {
    [Field in OrganizationPrivacy]: NonNullable<Schemas["Organization"][Field]>;
  };
export type OrganizationChange = Partial<Schemas["OrganizationChange"]>;
export type Project = Schemas["Project"];
export type ProjectDetail = Schemas["ProjectDetail"];
export type ProjectChange = Partial<Schemas["ProjectChange"]>;
export type ProjectKey = Schemas["Key"];
export type RateLimit = Schemas["RateLimit"];
export type Environment = Schemas["Environment"];

export type IssueStatus = "unresolved" | "resolved" | "ignored";
export type StatusDetails = Schemas["StatusDetailsBody"];
export type StatusWish = Partial<Schemas["StatusDetailsInput"]>;
export type Stats = [timestamp: number, n: number][];

interface IssueParts {
  status: IssueStatus;
}
export type Issue = With<Schemas["Issue"], IssueParts>;
export type Activity = With<Schemas["Activity"], { data: Record<string, Json> }>;
export type Release = Pick<Schemas["ReleaseRef"], "version"> & Partial<Schemas["ReleaseRef"]>;
export type IssueDetail = With<Schemas["IssueDetail"], IssueParts & { activity: Activity[] }>;
export type IssueTag = Schemas["IssueTag"];
export type SharedIssue = Schemas["SharedIssue"];
export type Corrections = Schemas["Corrections"];
export type Suggestions = Schemas["Suggestions"];
export type TagValue = Schemas["TagValue"];
export type Assignee = Schemas["Assignee"];
export type Member = Schemas["Member"];
export type NewMember = Pick<Schemas["NewMember"], "email"> & Partial<Schemas["NewMember"]>;
export type MemberChange = Partial<Schemas["MemberChange"]>;
export type Team = Schemas["Team"];
export type SavedSearch = Schemas["Search"];
export type NewSearch = Pick<Schemas["NewSearch"], "name" | "query"> & Partial<Schemas["NewSearch"]>;
export type AuditLog = Omit<Schemas["AuditLog"], "rows"> & { rows: AuditEntry[] };
export type AuditEntry = With<Schemas["AuditEntry"], { data: Record<string, Json> }>;
export type Deletion = Schemas["Deletion"];
export type Tombstone = Schemas["Tombstone"];
export type GroupingSettings = Schemas["GroupingSettings"];
export type GroupingChange = Partial<Schemas["GroupingChange"]>;
export type GroupingTrial = Partial<Schemas["GroupingTrial"]>;
export type GroupingTrialAnswer = Schemas["TrialAnswer"];
export type GroupingInfo = Schemas["GroupingInfo"];
export type IssueHash = Schemas["Hash"];
export type Neighbour = Schemas["Neighbour"];
export type Parted = Schemas["Parted"];
export type Ownership = Schemas["Ownership"];
export type OwnershipChange = Partial<Schemas["OwnershipChange"]>;
export type Codeowners = Schemas["Codeowners"];
export type SuggestedOwners = Schemas["SuggestedOwners"];
export type ReleaseOfList = Schemas["Release"];
export type ReleaseChange = Partial<Schemas["ReleaseChange"]>;
export type Commit = Schemas["Commit"];
export type CommitFile = Schemas["CommitFile"];
export type Deploy = Schemas["Deploy"];
export type Committers = Schemas["Committers"];
export type Attachment = Schemas["Attachment"];

export type EventSummary = Schemas["EventSummary"];
export type EventUser = Schemas["EventUser"] & { [key: string]: unknown };

export interface Entry {
  type: string;
  /** It came from outside: each reader looks for what it needs, and for nothing else. */
  data: unknown;
}

export type EventDetail = With<
  Schemas["EventDetail"],
  {
    user?: EventUser | null;
    contexts: Record<string, Json>;
    context: Record<string, Json>;
    entries: Entry[];
    _meta?: Meta;
    groupingInfo?: Json;
  }
>;

export type Feedback = Schemas["Feedback"];
export type UserReport = Schemas["UserReport"];

type Facts = Record<string, Json | undefined>;
export type Item = With<Schemas["ItemSummary"], { facts: Facts }>;
/** A log, metric or span as it is understood. */
export interface ItemEntry {
  [member: string]: Json | Meta | undefined;
  attributes?: Record<string, Json>;
  errors?: Json[];
  _meta?: Meta;
}
export type ItemDetail = With<
  Schemas["ItemDetail"],
  { facts: Facts; header: Json; payload: Json; entry: ItemEntry | null; trace: Json }
>;

export type OwnSession = Schemas["OwnSession"];
export type ApiToken = Schemas["ApiToken"];

export type RuleTrigger = Schemas["RuleTrigger"];
export type RuleAction = Schemas["RuleAction"];
export type AlertRule = Schemas["Rule"];
export type RuleBody = Schemas["NewRule"];
export type RuleChange = Partial<Schemas["RuleChange"]>;
export type Notification = Schemas["Notification"];

export type Relay = Schemas["Relay"];
export type RelayLane = Schemas["RelayLane"];
export type Equation = Schemas["Equation"];
export type EquationLine = Schemas["EquationLine"];
export type RelayHistory = Schemas["History"];
export type RelayLink = Schemas["RelayLinkForm"];
export type Accounting = Schemas["Accounting"];
export type Authority = Schemas["Authority"];
export type ConfigState = Schemas["ConfigState"];
export type FleetAlerts = Schemas["Alerts"];
export type NewJoinToken = Schemas["NewJoinToken"];
export type JoinToken = Schemas["JoinToken"];
export type OpenJoinToken = Schemas["OpenJoinToken"];
export type Poison = Schemas["Poison"];

export type InboundFilter = With<Schemas["Filter"], { active: boolean | string[] }>;
export type Intake = Schemas["IntakeSettings"];
export type IntakeChange = Partial<Schemas["IntakeChange"]>;
export type OrganizationQuotas = Schemas["OrganizationQuotas"];
export type Removed = Schemas["Removed"];
export type PrivacyPreview = With<Schemas["RulesPreview"], { before: Json; after: Json }>;
export type PrivacyDryRun = Schemas["RulesDryRun"];
export type SettingsAsRules = Schemas["SettingsAsRules"];
export type Removals = Schemas["RemovalReport"];

export type Erasure = Schemas["Erasure"];
export type ErasureWish = With<Schemas["ErasureWish"], { people: Partial<Schemas["Person"]>[] }>;
export type Spike = Schemas["Spike"];
type Figures = Record<string, unknown>;
/** A table of totals: rows by field, and of how many each figure is made. */
export interface Totals {
  data: Figures[];
  meta: {
    dataScanned?: string | null;
    accuracy?: { sampleCount: Figures[] } | null;
  };
}
export type Outcomes = With<Schemas["Outcomes"], { groups: Group[] }>;
