/** What people wrote about the events of the issue. */

import { useMemo } from "react";
import type { IssueDetail } from "../../api/types.ts";
import { FeedbackList } from "../../parts/FeedbackList.tsx";
import { EmptyState } from "../../ui/State.tsx";
import styles from "./EventsPanel.module.css";

export function FeedbackPanel({ org, issue }: { org: string; issue: IssueDetail }) {
  const { id, project } = issue;
  const filter = useMemo(() => ({ issue: id, project: [project.id] }), [id, project.id]);
  return (
    <div className={styles.page}>
      <FeedbackList org={org} filter={filter}>
        <EmptyState icon="feedback" title="Nobody wrote anything">
          What people write about an error stands here, and at the event that they saw.
        </EmptyState>
      </FeedbackList>
    </div>
  );
}
