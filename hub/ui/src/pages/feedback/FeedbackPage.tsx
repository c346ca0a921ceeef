/** What people wrote about what went wrong, over all projects. */

import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { FeedbackFilter } from "../../api/feedback.ts";
import { FeedbackList } from "../../parts/FeedbackList.tsx";
import { ProjectPicker, TimePicker } from "../../parts/Filters.tsx";
import { NothingYet } from "../../parts/NoProject.tsx";
import type { FilterSearch } from "../../routes.tsx";
import { Button } from "../../ui/Button.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { EmptyState } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Feedback.module.css";

const FROM = "/signed-in/organizations/$org/feedback";

export function FeedbackPage() {
  useTitle("Feedback");
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  const navigate = useNavigate({ from: "/organizations/$org/feedback" });
  const { project, statsPeriod, start, end } = search;
  const filter = useMemo<FeedbackFilter>(
    () => ({ project, statsPeriod: start || end ? undefined : statsPeriod, start, end }),
    [project, statsPeriod, start, end],
  );
  const change = useCallback(
    (next: FilterSearch) => void navigate({ search: (before: FilterSearch) => ({ ...before, ...next }) }),
    [navigate],
  );
  const isFiltered = Boolean(project || statsPeriod || start || end);
  return (
    <div className={styles.page}>
      <PageHead title="Feedback" lead="What people wrote about what went wrong">
        <ProjectPicker org={org} filter={search} onChange={change} />
        <TimePicker org={org} filter={search} onChange={change} />
      </PageHead>
      <FeedbackList org={org} filter={filter}>
        {isFiltered ? (
          <EmptyState
            icon="search"
            title="No feedback matches"
            action={
              <Button
                onClick={() =>
                  change({ project: undefined, statsPeriod: undefined, start: undefined, end: undefined })
                }
              >
                Clear the filters
              </Button>
            }
          >
            Nobody wrote anything in these projects within this time.
          </EmptyState>
        ) : (
          <NothingYet org={org}>
            <EmptyState icon="feedback" title="No feedback yet">
              <p>
                Ask people where an error is shown to them: <code>Sentry.showReportDialog()</code>, or send
                what they wrote with <code>Sentry.captureFeedback()</code>.
              </p>
            </EmptyState>
          </NothingYet>
        )}
      </FeedbackList>
    </div>
  );
}
