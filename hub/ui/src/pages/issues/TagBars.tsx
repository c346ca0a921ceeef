/** The values of one tag by share. Each bar is a filter. */

import type { IssueTag } from "../../api/types.ts";
import { ShareBar } from "../../charts/ShareBar.tsx";
import { exact, percentages } from "../../lib/format.ts";
import { hasTerm, tagTerm, toggleTerm } from "../../lib/query-text.ts";
import { cx } from "../../ui/classes.ts";
import styles from "./TagBars.module.css";

interface Props {
  tag: IssueTag;
  max: number;
  query?: string;
  onFilter: (query: string | undefined) => void;
  /** Shows the others, where there are any. */
  onMore?: () => void;
}

export function TagBars({ tag, max, query = "", onFilter, onMore }: Props) {
  const values = tag.topValues.slice(0, max);
  const total = Math.max(
    tag.totalValues,
    tag.topValues.reduce((sum, value) => sum + value.count, 0),
  );
  const rest = total - values.reduce((sum, value) => sum + value.count, 0);
  const shares = percentages([...values.map((value) => value.count), ...(rest > 0 ? [rest] : [])], total);
  // Null is a share too small to round up, not a missing one.
  const at = (i: number) => {
    const share = shares[i];
    return share === undefined ? 0 : share;
  };
  return (
    <section className={styles.tag} aria-label={`Tag ${tag.key}`}>
      <h3 className={styles.key}>{tag.name || tag.key}</h3>
      <ul>
        {values.map((value, i) => {
          const term = tagTerm(tag.key, value.value);
          const on = hasTerm(query, term);
          return (
            <li key={value.value}>
              <button
                type="button"
                className={cx(styles.value, on && styles.on)}
                aria-pressed={on}
                title={`${value.value || "(empty)"}: ${exact(value.count)} events`}
                onClick={() => onFilter(toggleTerm(query, term) || undefined)}
              >
                <ShareBar share={total ? value.count / total : 0} percent={at(i)}>
                  {value.name || value.value || "(empty)"}
                </ShareBar>
              </button>
            </li>
          );
        })}
        {rest > 0 ? (
          <li className={styles.rest}>
            <ShareBar share={rest / total} percent={at(values.length)}>
              other
            </ShareBar>
          </li>
        ) : null}
      </ul>
      {onMore && tag.uniqueValues > values.length ? (
        <button type="button" className={styles.more} onClick={onMore}>
          All {exact(tag.uniqueValues)} values
        </button>
      ) : null}
    </section>
  );
}
