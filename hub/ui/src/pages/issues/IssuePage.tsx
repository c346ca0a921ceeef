/** One issue: what it is, and one of its events at a time. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect } from "react";
import { ApiError } from "../../api/client.ts";
import {
  type EventFilter,
  environmentNumbersQuery,
  eventQuery,
  issueKey,
  issueQuery,
  markSeen,
  refreshLists,
} from "../../api/issues.ts";
import type { IssueDetail } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import type { FilterSearch, IssueSearch, IssueTab } from "../../routes.tsx";
import { buttonClass } from "../../ui/Button.tsx";
import { writeClipboard } from "../../ui/Copy.tsx";
import { useShortcuts } from "../../ui/hotkeys.ts";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { Tabs } from "../../ui/Tabs.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useTitle } from "../../ui/title.ts";
import { ARCHIVE, REOPEN, RESOLVE, useIssueActions } from "./actions.ts";
import { EventNav } from "./EventNav.tsx";
import { EventPanel } from "./EventPanel.tsx";
import { IssueFacts } from "./IssueFacts.tsx";
import { IssueHeader } from "./IssueHeader.tsx";
import styles from "./IssuePage.module.css";
import { headline } from "./issue-text.ts";
import { openOwners } from "./Triage.tsx";
import { placeWords } from "./window-words.ts";

// What stands behind the other tabs is fetched when one goes there.
const ActivityPanel = lazy(() => import("./ActivityPanel.tsx").then((m) => ({ default: m.ActivityPanel })));
const ComparePanel = lazy(() => import("./ComparePanel.tsx").then((m) => ({ default: m.ComparePanel })));
const EventsPanel = lazy(() => import("./EventsPanel.tsx").then((m) => ({ default: m.EventsPanel })));
const FeedbackPanel = lazy(() => import("./FeedbackPanel.tsx").then((m) => ({ default: m.FeedbackPanel })));
const GroupingPanel = lazy(() => import("./GroupingPanel.tsx").then((m) => ({ default: m.GroupingPanel })));
const IssueSidebar = lazy(() => import("./IssueSidebar.tsx").then((m) => ({ default: m.IssueSidebar })));
const TagsPanel = lazy(() => import("./TagsPanel.tsx").then((m) => ({ default: m.TagsPanel })));

export function IssuePage() {
  const { org, issueId } = useParams({ strict: false }) as { org: string; issueId: string };
  const issue = useQuery(issueQuery(org, issueId));
  useOwnAddress(org, issueId, issue.data);
  useTitle(issue.data ? `${issue.data.shortId} ${headline(issue.data).title}` : null);
  if (issue.isError && !issue.data) {
    if (issue.error instanceof ApiError && issue.error.status === 404) return <NoSuchIssue org={org} />;
    return (
      <ErrorState
        error={issue.error}
        title="This issue could not be loaded"
        retry={() => void issue.refetch()}
      />
    );
  }
  if (!issue.data) return <Skeleton rows={10} label="Loading the issue" />;
  return <Loaded key={issueId} org={org} issue={issue.data} />;
}

/** An issue that is asked for by its short id, or was merged into another, gets the address of what it is. */
function useOwnAddress(org: string, asked: string, issue: IssueDetail | undefined): void {
  const client = useQueryClient();
  const navigate = useNavigate();
  useEffect(() => {
    if (!issue || issue.id === asked) return;
    client.setQueryData(issueQuery(org, issue.id).queryKey, issue);
    void navigate({
      to: ".",
      params: (params: object) => ({ ...params, issueId: issue.id }),
      search: true,
      replace: true,
    });
  }, [client, navigate, org, asked, issue]);
}

function NoSuchIssue({ org }: { org: string }) {
  return (
    <EmptyState
      icon="search"
      title="There is no such issue"
      action={
        <Link to="/organizations/$org/issues" params={{ org }} className={buttonClass("primary")}>
          To the issues
        </Link>
      }
    >
      It may have been deleted or merged into another, or the address was mistyped.
    </EmptyState>
  );
}

/** Others are told who has seen an issue; what one has not seen stands out in the list. */
function useSeen(org: string, { id, hasSeen }: IssueDetail): void {
  const client = useQueryClient();
  useEffect(() => {
    if (hasSeen) return;
    // Whoever may not write is no less welcome to read.
    void markSeen(org, id)
      .then(() => client.invalidateQueries({ queryKey: issueKey(org, id), exact: true }))
      .then(() => refreshLists(client, org))
      .catch(() => {});
  }, [client, org, id, hasSeen]);
}

function Loaded({ org, issue }: { org: string; issue: IssueDetail }) {
  const { eventId = "latest" } = useParams({ strict: false }) as { eventId?: string };
  const search = useSearch({ strict: false }) as IssueSearch;
  const navigate = useNavigate();
  const { change, assign, prioritise, bookmark, review } = useIssueActions(org);
  const toast = useToast();
  useSeen(org, issue);
  const tab = search.tab ?? "event";
  // Not the period: an issue of this week is looked at with all that came of it.
  const filter: EventFilter = {
    query: search.query,
    environment: search.environment,
    start: search.start,
    end: search.end,
  };
  const isFiltered = Object.values(filter).some((part) => part?.length);
  const numbers = useQuery(environmentNumbersQuery(org, issue.id, search.environment ?? [])).data;
  const counted = numbers ? { ...issue, ...numbers } : issue;
  const event = useQuery(eventQuery(org, issue.id, eventId, filter));

  const show = (target: string, next: IssueSearch) =>
    void navigate({
      to: "/organizations/$org/issues/$issueId/events/$eventId",
      params: { org, issueId: issue.id, eventId: target },
      search: { ...search, ...next },
      resetScroll: false,
    });
  const goTo = (target: string | null) => {
    if (target) show(target, { tab: undefined, with: undefined });
  };
  const setSearch = (next: IssueSearch) =>
    void navigate({ to: ".", search: { ...search, ...next }, resetScroll: false });
  const filterBy = (query: string | undefined) =>
    show("latest", {
      query,
      with: undefined,
      tab: search.tab === "event" ? undefined : search.tab && "events",
    });

  // Fetched when the page is there: a browser lets one copy only soon after a key or a click.
  useEffect(() => void import("./event-markdown.ts"), []);
  const toMarkdownText = async () =>
    event.data ? (await import("./event-markdown.ts")).toMarkdown(issue, event.data) : "";
  useShortcuts("issue", {
    older: () => goTo(event.data?.previousEventID ?? null),
    newer: () => goTo(event.data?.nextEventID ?? null),
    oldest: () => goTo("oldest"),
    latest: () => goTo("latest"),
    resolve: () => void change([issue], issue.status === "resolved" ? REOPEN : RESOLVE),
    archive: () => void change([issue], issue.status === "ignored" ? REOPEN : ARCHIVE),
    assign: () => openOwners(document),
    bookmark: () => void bookmark([issue], !issue.isBookmarked),
    review: () => void review([issue]),
    markdown: () =>
      void toMarkdownText()
        .then(writeClipboard)
        .then((done) =>
          toast({
            text: done ? "Copied as Markdown" : "This browser allows no copying",
            tone: done ? "info" : "danger",
          }),
        ),
    compare: () => setSearch({ tab: tab === "compare" ? undefined : "compare" }),
  });

  return (
    <div className={styles.page}>
      <IssueHeader
        org={org}
        issue={issue}
        filter={filterOf(search)}
        onChange={(to) => void change([issue], to)}
      />
      <IssueFacts
        org={org}
        issue={counted}
        place={placeWords(search.environment)}
        onAssign={(who) => void assign([issue], who)}
        onPriority={(priority) => void prioritise([issue], priority)}
      />
      <div className={styles.columns}>
        <div className={styles.main}>
          <Tabs<IssueTab>
            label="Parts of the issue"
            value={tab}
            onChange={(next) => setSearch({ tab: next === "event" ? undefined : next })}
            tabs={[
              { value: "event", label: "Event" },
              { value: "events", label: "All events" },
              { value: "tags", label: "Tags" },
              { value: "feedback", label: feedbackLabel(issue) },
              { value: "compare", label: "Compare" },
              { value: "grouping", label: "Grouping" },
              { value: "activity", label: "Activity" },
            ]}
          >
            <Suspense fallback={<Skeleton rows={9} label="Loading" />}>
              {tab === "event" ? (
                <div className={styles.event}>
                  <EventNav
                    event={event.data}
                    busy={event.isPlaceholderData || event.isPending}
                    filter={filter}
                    markdown={toMarkdownText}
                    onGo={goTo}
                    onClear={() =>
                      show("latest", {
                        query: undefined,
                        environment: undefined,
                        start: undefined,
                        end: undefined,
                      })
                    }
                  />
                  {event.data ? (
                    <EventPanel org={org} project={issue.project.slug} event={event.data} />
                  ) : event.isError ? (
                    <NoEvent error={event.error} filtered={isFiltered} retry={() => void event.refetch()} />
                  ) : (
                    <Skeleton rows={9} label="Loading the event" />
                  )}
                </div>
              ) : tab === "events" ? (
                <EventsPanel
                  org={org}
                  issue={issue.id}
                  filter={filter}
                  onFilter={filterBy}
                  onRange={setSearch}
                  onOpen={goTo}
                  onCompare={(left, right) => show(left, { tab: "compare", with: right })}
                />
              ) : tab === "tags" ? (
                <TagsPanel
                  org={org}
                  issue={issue.id}
                  environment={search.environment}
                  onFilter={filterBy}
                  query={search.query}
                />
              ) : tab === "feedback" ? (
                <FeedbackPanel org={org} issue={issue} />
              ) : tab === "compare" ? (
                <ComparePanel
                  org={org}
                  issue={issue.id}
                  left={event.data}
                  other={search.with}
                  onLeft={(id) => show(id, { with: search.with ?? event.data?.previousEventID ?? undefined })}
                  onRight={(id) => setSearch({ with: id })}
                />
              ) : tab === "grouping" ? (
                <GroupingPanel org={org} issue={issue} event={event.data} />
              ) : (
                <ActivityPanel org={org} issue={issue} />
              )}
            </Suspense>
          </Tabs>
        </div>
        <Suspense fallback={<Skeleton rows={6} label="Loading the figures" />}>
          <IssueSidebar
            org={org}
            issue={counted}
            environment={search.environment}
            event={event.data}
            query={search.query}
            hasTags={tab !== "tags"}
            onFilter={filterBy}
            onZoom={(from, to) =>
              show("latest", { statsPeriod: undefined, start: toIso(from), end: toIso(to), with: undefined })
            }
          />
        </Suspense>
      </div>
    </div>
  );
}

const feedbackLabel = ({ userReportCount }: IssueDetail) =>
  userReportCount > 0 ? `Feedback (${exact(userReportCount)})` : "Feedback";

const toIso = (seconds: number) => new Date(seconds * 1000).toISOString();

/** What the list of issues understands as well. */
function filterOf({ environment, statsPeriod, start, end }: IssueSearch): FilterSearch {
  return { environment, statsPeriod, start, end };
}

function NoEvent({ error, filtered, retry }: { error: Error; filtered: boolean; retry: () => void }) {
  if (filtered && "status" in error && error.status === 404) {
    return (
      <EmptyState icon="filter" title="No event matches this filter">
        Take the filter away to see all events of this issue.
      </EmptyState>
    );
  }
  return <ErrorState error={error} retry={retry} title="This event could not be loaded" />;
}
