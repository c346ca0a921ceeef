/** Every address of the dashboard: path, search parameters, what is loaded, and the page. */

import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  type RouterHistory,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import { relayEquationQuery, relayQuery } from "./api/fleet.ts";
import { eventIdQuery, eventQuery, issueQuery } from "./api/issues.ts";
import { projectQuery, projectsQuery } from "./api/projects.ts";
import { releaseQuery } from "./api/releases.ts";
import { organizationsQuery, sessionQuery } from "./api/session.ts";
import { COLUMNS, type Column } from "./lib/fleet.ts";
import { DIMENSIONS, type Dimension } from "./lib/outcomes.ts";
import { oneOf, parseSearch, stringifySearch, text, texts } from "./lib/search-params.ts";
import { isPeriod } from "./lib/time.ts";
import { Failed, Missing, NoOrganization, NoSuchEvent, Waiting } from "./pages/shell/Fallbacks.tsx";
import { Shell } from "./pages/shell/Shell.tsx";

interface Context {
  queryClient: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: Missing });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (raw): { next?: string } => ({ next: text(raw.next) }),
  component: lazyRouteComponent(() => import("./pages/login/LoginPage.tsx"), "LoginPage"),
});

const invitation = createRoute({
  getParentRoute: () => root,
  path: "/invitation",
  validateSearch: (raw): { token?: string } => ({ token: text(raw.token) }),
  component: lazyRouteComponent(() => import("./pages/login/InvitationPage.tsx"), "InvitationPage"),
});

const shared = createRoute({
  getParentRoute: () => root,
  path: "/share/issue/$shareId",
  component: lazyRouteComponent(() => import("./pages/issues/SharePage.tsx"), "SharePage"),
});

const signedIn = createRoute({
  getParentRoute: () => root,
  id: "signed-in",
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/login", search: { next: location.href } });
  },
  component: Outlet,
});

const home = createRoute({
  getParentRoute: () => signedIn,
  path: "/",
  loader: async ({ context }) => {
    const [first] = await context.queryClient.ensureQueryData(organizationsQuery);
    if (first) throw redirect({ to: "/organizations/$org/issues", params: { org: first.slug } });
  },
  component: NoOrganization,
});

/** The filter that goes along from page to page. */
export interface FilterSearch {
  project?: string[];
  environment?: string[];
  statsPeriod?: string;
  start?: string;
  end?: string;
}

function filterSearch(raw: Record<string, unknown>): FilterSearch {
  const period = text(raw.statsPeriod);
  return {
    project: texts(raw.project),
    environment: texts(raw.environment),
    statsPeriod: period && isPeriod(period) ? period : undefined,
    start: text(raw.start),
    end: text(raw.end),
  };
}

const organization = createRoute({
  getParentRoute: () => signedIn,
  path: "/organizations/$org",
  validateSearch: filterSearch,
  // Whoever looks at one project goes on looking at it; a page takes it off by saying so.
  search: { middlewares: [retainSearchParams(["project", "environment", "statsPeriod", "start", "end"])] },
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(organizationsQuery);
    void context.queryClient.prefetchQuery(projectsQuery(params.org));
  },
  component: Shell,
});

const organizationHome = createRoute({
  getParentRoute: () => organization,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/organizations/$org/issues", params });
  },
});

export const SORTS = ["date", "new", "freq", "user", "trends", "recommended", "inbox"] as const;
export type Sort = (typeof SORTS)[number];

export interface IssueListSearch extends FilterSearch {
  /** Absent: unresolved issues. Empty: all of them. */
  query?: string;
  sort?: Sort;
  /** What the bars of each issue cover; absent is a day. */
  groupStatsPeriod?: "14d";
}

const issues = createRoute({
  getParentRoute: () => organization,
  path: "/issues",
  validateSearch: (raw): IssueListSearch => ({
    ...filterSearch(raw),
    query: text(raw.query),
    sort: oneOf(raw.sort, SORTS),
    groupStatsPeriod: oneOf(raw.groupStatsPeriod, ["14d"] as const),
  }),
  component: lazyRouteComponent(() => import("./pages/issues/IssueListPage.tsx"), "IssueListPage"),
});

export const ISSUE_TABS = ["event", "events", "tags", "feedback", "compare", "grouping", "activity"] as const;
export type IssueTab = (typeof ISSUE_TABS)[number];

/** The filter under which events are stepped through; environments are part of both filters. */
export interface IssueSearch extends FilterSearch {
  query?: string;
  tab?: IssueTab;
  /** Compared with this event. */
  with?: string;
}

const issueSearch = (raw: Record<string, unknown>): IssueSearch => ({
  ...filterSearch(raw),
  query: text(raw.query),
  tab: oneOf(raw.tab, ISSUE_TABS),
  with: text(raw.with),
});

const issuePage = lazyRouteComponent(() => import("./pages/issues/IssuePage.tsx"), "IssuePage");

const issue = createRoute({
  getParentRoute: () => organization,
  path: "/issues/$issueId",
  validateSearch: issueSearch,
  loaderDeps: ({ search }) => ({ query: search.query, environment: search.environment }),
  loader: ({ context, params, deps }) => {
    void context.queryClient.prefetchQuery(issueQuery(params.org, params.issueId));
    void context.queryClient.prefetchQuery(eventQuery(params.org, params.issueId, "latest", deps));
  },
  component: issuePage,
});

const issueEvent = createRoute({
  getParentRoute: () => organization,
  path: "/issues/$issueId/events/$eventId",
  validateSearch: issueSearch,
  component: issuePage,
});

/** An event by its id alone: its issue shows it. */
const eventLink = createRoute({
  getParentRoute: () => organization,
  path: "/events/$eventId",
  loader: async ({ context, params: { org, eventId } }) => {
    const { groupID } = await context.queryClient.ensureQueryData(eventIdQuery(org, eventId));
    throw redirect({
      to: "/organizations/$org/issues/$issueId/events/$eventId",
      params: { org, issueId: groupID, eventId },
      replace: true,
    });
  },
  errorComponent: NoSuchEvent,
});

const feedback = createRoute({
  getParentRoute: () => organization,
  path: "/feedback",
  validateSearch: filterSearch,
  component: lazyRouteComponent(() => import("./pages/feedback/FeedbackPage.tsx"), "FeedbackPage"),
});

export interface ItemSearch extends FilterSearch {
  /** Absent: logs, or all parts of the trace. */
  kind?: string;
  trace?: string;
  /** The one whose details are open: its project and its id. */
  item?: string;
}

const items = createRoute({
  getParentRoute: () => organization,
  path: "/items",
  validateSearch: (raw): ItemSearch => ({
    ...filterSearch(raw),
    kind: text(raw.kind),
    trace: text(raw.trace),
    item: text(raw.item),
  }),
  component: lazyRouteComponent(() => import("./pages/items/ItemsPage.tsx"), "ItemsPage"),
});

const RELEASE_SORTS = [
  "date",
  "first_event",
  "new_groups",
  "crash_free_sessions",
  "crash_free_users",
  "sessions",
  "users",
] as const;
export type ReleaseSort = (typeof RELEASE_SORTS)[number];

export interface ReleaseListSearch extends FilterSearch {
  /** A part of the version. */
  query?: string;
  /** Absent: the open ones. */
  status?: "archived";
  /** Absent: the one that came last first. */
  sort?: ReleaseSort;
}

const releases = createRoute({
  getParentRoute: () => organization,
  path: "/releases",
  validateSearch: (raw): ReleaseListSearch => ({
    ...filterSearch(raw),
    query: text(raw.query),
    status: oneOf(raw.status, ["archived"] as const),
    sort: oneOf(raw.sort, RELEASE_SORTS),
  }),
  component: lazyRouteComponent(() => import("./pages/releases/ReleasesPage.tsx"), "ReleasesPage"),
});

const release = createRoute({
  getParentRoute: () => organization,
  path: "/releases/$version",
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(releaseQuery(params.org, params.version));
  },
  component: lazyRouteComponent(() => import("./pages/releases/ReleasePage.tsx"), "ReleasePage"),
});

const projects = createRoute({
  getParentRoute: () => organization,
  path: "/projects",
  component: lazyRouteComponent(() => import("./pages/projects/ProjectsPage.tsx"), "ProjectsPage"),
});

const newProject = createRoute({
  getParentRoute: () => organization,
  path: "/projects/new",
  component: lazyRouteComponent(() => import("./pages/projects/NewProjectPage.tsx"), "NewProjectPage"),
});

const firstRun = createRoute({
  getParentRoute: () => organization,
  path: "/projects/$slug/start",
  component: lazyRouteComponent(() => import("./pages/projects/FirstRunPage.tsx"), "FirstRunPage"),
});

export const PROJECT_TABS = ["general", "keys", "grouping", "ownership", "privacy", "filters"] as const;
export type ProjectTab = (typeof PROJECT_TABS)[number];

const projectSettings = createRoute({
  getParentRoute: () => organization,
  path: "/projects/$slug/settings",
  validateSearch: (raw): { tab?: ProjectTab } => ({ tab: oneOf(raw.tab, PROJECT_TABS) }),
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(projectQuery(params.org, params.slug));
  },
  component: lazyRouteComponent(
    () => import("./pages/projects/ProjectSettingsPage.tsx"),
    "ProjectSettingsPage",
  ),
});

export interface FleetSearch {
  q?: string;
  sort?: Column;
  dir?: "down";
}

const fleet = createRoute({
  getParentRoute: () => organization,
  path: "/fleet",
  validateSearch: (raw): FleetSearch => ({
    q: text(raw.q),
    sort: oneOf(raw.sort, COLUMNS),
    dir: oneOf(raw.dir, ["down"] as const),
  }),
  component: lazyRouteComponent(() => import("./pages/fleet/FleetPage.tsx"), "FleetPage"),
});

/** How far back a relay's history goes. */
export const HOURS = ["1", "24", "168"] as const;
export type Hours = (typeof HOURS)[number];

const relay = createRoute({
  getParentRoute: () => organization,
  path: "/fleet/$relayId",
  validateSearch: (raw): { hours?: Hours } => ({ hours: oneOf(raw.hours, HOURS) }),
  loader: ({ context, params }) => {
    void context.queryClient.prefetchQuery(relayQuery(params.relayId));
    void context.queryClient.prefetchQuery(relayEquationQuery(params.relayId));
  },
  component: lazyRouteComponent(() => import("./pages/fleet/RelayPage.tsx"), "RelayPage"),
});

/** Notifications about relays belong to no organization; the first one's pages show them. */
const fleetLink = createRoute({
  getParentRoute: () => signedIn,
  path: "/fleet/{-$relayId}",
  loader: async ({ context, params }) => {
    const [first] = await context.queryClient.ensureQueryData(organizationsQuery);
    if (!first) return;
    const { relayId } = params;
    throw relayId
      ? redirect({ to: "/organizations/$org/fleet/$relayId", params: { org: first.slug, relayId } })
      : redirect({ to: "/organizations/$org/fleet", params: { org: first.slug } });
  },
  component: NoOrganization,
});

export interface OutcomeSearch extends FilterSearch {
  category?: string;
  by?: Dimension;
}

const outcomes = createRoute({
  getParentRoute: () => organization,
  path: "/outcomes",
  validateSearch: (raw): OutcomeSearch => ({
    ...filterSearch(raw),
    category: text(raw.category),
    by: oneOf(raw.by, DIMENSIONS),
  }),
  component: lazyRouteComponent(() => import("./pages/outcomes/OutcomesPage.tsx"), "OutcomesPage"),
});

const privacy = createRoute({
  getParentRoute: () => organization,
  path: "/privacy",
  validateSearch: filterSearch,
  component: lazyRouteComponent(() => import("./pages/privacy/PrivacyPage.tsx"), "PrivacyPage"),
});

const alerts = createRoute({
  getParentRoute: () => organization,
  path: "/alerts",
  component: lazyRouteComponent(() => import("./pages/alerts/AlertsPage.tsx"), "AlertsPage"),
});

export const SETTINGS_TABS = ["you", "members", "teams", "quotas", "audit"] as const;
export type SettingsTab = (typeof SETTINGS_TABS)[number];

/** The tab; and of the audit log, which entries are shown. */
export interface SettingsSearch extends FilterSearch {
  tab?: SettingsTab;
  event?: string;
  actor?: string;
  target?: string;
}

const settings = createRoute({
  getParentRoute: () => organization,
  path: "/settings",
  validateSearch: (raw): SettingsSearch => ({
    ...filterSearch(raw),
    tab: oneOf(raw.tab, SETTINGS_TABS),
    event: text(raw.event),
    actor: text(raw.actor),
    target: text(raw.target),
  }),
  component: lazyRouteComponent(() => import("./pages/settings/SettingsPage.tsx"), "SettingsPage"),
});

const tree = root.addChildren([
  login,
  invitation,
  shared,
  signedIn.addChildren([
    home,
    fleetLink,
    organization.addChildren([
      organizationHome,
      issues,
      issue,
      issueEvent,
      eventLink,
      feedback,
      items,
      releases,
      release,
      projects,
      newProject,
      firstRun,
      projectSettings,
      fleet,
      relay,
      outcomes,
      privacy,
      alerts,
      settings,
    ]),
  ]),
]);

export function makeRouter(queryClient: QueryClient, history?: RouterHistory) {
  return createRouter({
    history,
    routeTree: tree,
    context: { queryClient },
    // The hub may live under a prefix; <base href> says which.
    basepath: new URL(document.baseURI).pathname,
    parseSearch,
    stringifySearch,
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultPendingComponent: Waiting,
    defaultErrorComponent: Failed,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
