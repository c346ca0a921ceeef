/** A list without issues: all is well, or what may have been meant. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { correctionsQuery, type IssueFilter } from "../../api/issues.ts";
import { plural } from "../../lib/format.ts";
import { NoErrorYet } from "../../parts/NoProject.tsx";
import { Button } from "../../ui/Button.tsx";
import { EmptyState } from "../../ui/State.tsx";
import styles from "./IssueList.module.css";

export function NoIssues(props: { org: string; filter: IssueFilter; filtered: boolean; clear: () => void }) {
  const { org, filter, filtered, clear } = props;
  const { data: corrections = [] } = useQuery({
    ...correctionsQuery(org, filter),
    enabled: filtered && filter.query !== "",
  });
  if (!filtered) {
    return (
      <NoErrorYet org={org}>
        <EmptyState icon="check" title="No unresolved issues">
          New errors show up here by themselves.
        </EmptyState>
      </NoErrorYet>
    );
  }
  return (
    <EmptyState
      icon="search"
      title="No issue matches"
      action={<Button onClick={clear}>Clear search and filters</Button>}
    >
      {corrections.length > 0 ? (
        <>
          <p>Did you mean</p>
          <ul className={styles.corrections}>
            {corrections.map(({ query, issues }) => (
              <li key={query}>
                <Link to="." search={(before) => ({ ...before, query })} className={styles.correction}>
                  {query}
                </Link>
                <span>{plural(issues, "issue")}</span>
              </li>
            ))}
          </ul>
        </>
      ) : (
        "Nothing fits this search within these filters. Words are looked for in messages, exceptions, stack traces and tags."
      )}
    </EmptyState>
  );
}
