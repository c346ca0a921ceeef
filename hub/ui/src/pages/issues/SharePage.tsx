/** An issue for whoever has its link: where it failed, and nothing of whom it failed for. */

import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { sharedIssueQuery } from "../../api/shared.ts";
import type { SharedIssue } from "../../api/types.ts";
import type { ExceptionValue, Stacktrace } from "../../lib/event-shape.ts";
import { Badge, Level } from "../../ui/Badge.tsx";
import { Mark } from "../../ui/icons.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { useTheme } from "../../ui/stored.ts";
import { Moment } from "../../ui/Time.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./SharePage.module.css";
import { StackTrace } from "./StackTrace.tsx";

export function SharePage() {
  const { shareId } = useParams({ strict: false }) as { shareId: string };
  const shared = useQuery(sharedIssueQuery(shareId));
  const [theme] = useTheme();
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useTitle(shared.data?.shortId ?? "Shared issue");
  return (
    <main className={styles.page}>
      {shared.data ? (
        <Shown issue={shared.data} />
      ) : shared.isError && "status" in shared.error && shared.error.status === 404 ? (
        <EmptyState icon="search" title="There is nothing here">
          The link is not whole, or it was taken back.
        </EmptyState>
      ) : shared.isError ? (
        <ErrorState
          error={shared.error}
          title="This issue could not be loaded"
          retry={() => void shared.refetch()}
        />
      ) : (
        <Skeleton rows={9} label="Loading the issue" />
      )}
      <footer className={styles.foot}>
        <Mark size={16} /> Shared from Vedette
      </footer>
    </main>
  );
}

function Shown({ issue }: { issue: SharedIssue }) {
  const event = issue.latestEvent;
  const find = (type: string) => event?.entries.find((entry) => entry.type === type)?.data as unknown;
  const exceptions = (find("exception") as { values?: (ExceptionValue | null)[] } | undefined)?.values ?? [];
  const values = exceptions.filter((value): value is ExceptionValue => value !== null);
  const stack = find("stacktrace") as Stacktrace | undefined;
  const shown = values.length > 0 ? values : stack ? [{ stacktrace: stack }] : [];
  return (
    <>
      <header className={styles.head}>
        <p className={styles.where}>
          {issue.projectName} · {issue.shortId}
        </p>
        <h1>{issue.title}</h1>
        <p className={styles.second}>
          <Level level={issue.level} />
          {issue.isUnhandled ? <Badge tone="danger">unhandled</Badge> : null}
          {issue.culprit ? <span>{issue.culprit}</span> : null}
        </p>
        <p className={styles.where}>
          {event ? (
            <>
              Latest event <Moment at={event.dateCreated} />
            </>
          ) : (
            "Its events have expired."
          )}
        </p>
      </header>
      {shown.length > 0 ? (
        <StackTrace title="Stack" values={shown} platform={event?.platform ?? null} />
      ) : event ? (
        <EmptyState icon="issues" title="The latest event has no stack">
          Its message is the title above.
        </EmptyState>
      ) : null}
    </>
  );
}
