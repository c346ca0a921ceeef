/** Every tag of the issue with its values. */

import { useQuery } from "@tanstack/react-query";
import { issueTagsQuery } from "../../api/issues.ts";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { TagBars } from "./TagBars.tsx";
import styles from "./TagsPanel.module.css";

interface Props {
  org: string;
  issue: string;
  environment?: readonly string[];
  query?: string;
  onFilter: (query: string | undefined) => void;
}

const VALUES_SHOWN = 10;

export function TagsPanel({ org, issue, environment, query, onFilter }: Props) {
  const tags = useQuery(issueTagsQuery(org, issue, environment));
  if (tags.isError) return <ErrorState error={tags.error} retry={() => void tags.refetch()} />;
  if (!tags.data) return <Skeleton rows={6} label="Loading tags" />;
  if (tags.data.length === 0) {
    return (
      <EmptyState icon="filter" title="No tags">
        No event of this issue carries tags.
      </EmptyState>
    );
  }
  return (
    <div className={styles.grid}>
      {tags.data.map((tag) => (
        <div key={tag.key} className={styles.card}>
          <TagBars tag={tag} max={VALUES_SHOWN} query={query} onFilter={onFilter} />
        </div>
      ))}
    </div>
  );
}
