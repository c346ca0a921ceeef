/** Every tag of the issue with its values. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { issueTagsQuery, issueTagValuesQuery } from "../../api/issues.ts";
import type { IssueTag } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Dialog } from "../../ui/Dialog.tsx";
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
  const [open, setOpen] = useState<IssueTag | null>(null);
  const [text, setText] = useState("");
  if (tags.isError) return <ErrorState error={tags.error} retry={() => void tags.refetch()} />;
  if (!tags.data) return <Skeleton rows={6} label="Loading tags" />;
  if (tags.data.length === 0) {
    return (
      <EmptyState icon="filter" title="No tags">
        No event of this issue carries tags.
      </EmptyState>
    );
  }
  const shown = tags.data.filter(
    (tag) => matches(tag.key, text) || tag.topValues.some(({ value }) => matches(value, text)),
  );
  return (
    <div className={styles.page}>
      <h2 className="visually-hidden">Tags</h2>
      <div className={styles.bar}>
        <input
          className={styles.input}
          aria-label="Search tags"
          placeholder="Search tags and values"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <span role="status">{plural(shown.length, "tag")}</span>
      </div>
      <div className={styles.grid}>
        {shown.map((tag) => (
          <div key={tag.key} className={styles.card}>
            <TagBars
              tag={tag}
              max={VALUES_SHOWN}
              query={query}
              onFilter={onFilter}
              onMore={() => setOpen(tag)}
            />
          </div>
        ))}
      </div>
      {open ? (
        <Dialog title={`All values of ${open.name || open.key}`} onClose={() => setOpen(null)}>
          <AllValues org={org} issue={issue} tag={open} query={query} onFilter={onFilter} />
        </Dialog>
      ) : null}
    </div>
  );
}

function matches(value: string, text: string): boolean {
  return value.toLowerCase().includes(text.toLowerCase());
}

function AllValues({ org, issue, tag, query, onFilter }: Props & { tag: IssueTag }) {
  const values = useQuery(issueTagValuesQuery(org, issue, tag.key));
  if (values.isError) return <ErrorState error={values.error} retry={() => void values.refetch()} />;
  if (!values.data) return <Skeleton rows={8} label="Loading the values" />;
  return (
    <div className={styles.values}>
      <TagBars
        tag={{ ...tag, topValues: values.data }}
        max={values.data.length}
        query={query}
        onFilter={onFilter}
      />
    </div>
  );
}
