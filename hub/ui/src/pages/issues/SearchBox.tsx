/** The query, as typed. Enter sends it; what is in the address is what was asked. */

import { type FormEvent, useEffect, useState } from "react";
import { IconButton } from "../../ui/Button.tsx";
import { Icon } from "../../ui/icons.tsx";
import styles from "./SearchBox.module.css";

interface Props {
  value: string;
  onSubmit: (query: string) => void;
  placeholder: string;
  label: string;
  /** What is wrong with the query, and with which of its bytes. */
  problem?: { message: string; span: readonly [number, number] | null } | null;
}

export function SearchBox({ value, onSubmit, placeholder, label, problem }: Props) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(text.trim());
  };
  return (
    <div className={styles.search}>
      {/* biome-ignore lint/a11y/useSemanticElements: older browsers do not know the search element */}
      <form onSubmit={submit} className={styles.form} role="search">
        <span className={styles.icon}>
          <Icon name="search" />
        </span>
        <input
          data-search
          className={styles.input}
          aria-label={label}
          aria-invalid={problem ? true : undefined}
          placeholder={placeholder}
          value={text}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          enterKeyHint="search"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") {
              setText(value);
              event.currentTarget.blur();
            }
          }}
        />
        {text !== "" ? (
          <IconButton
            small
            icon="close"
            label="Clear the search"
            className={styles.clear}
            onClick={() => {
              setText("");
              onSubmit("");
            }}
          />
        ) : (
          <kbd className={styles.key} title="Press / to search">
            /
          </kbd>
        )}
      </form>
      {problem ? <Problem query={value} message={problem.message} span={problem.span} /> : null}
    </div>
  );
}

interface ProblemProps {
  query: string;
  message: string;
  span: readonly [number, number] | null;
}

/** The query again with its wrong part underlined, and why it is wrong. */
function Problem({ query, message, span }: ProblemProps) {
  const [before, wrong, after] = cut(query, span);
  return (
    <p className={styles.problem} role="alert">
      {wrong ? (
        <code>
          {before}
          <u>{wrong}</u>
          {after}
        </code>
      ) : null}
      {message}
    </p>
  );
}

/** The hub counts bytes; texts here are counted in UTF-16. */
export function cut(query: string, span: readonly [number, number] | null): [string, string, string] {
  if (!span) return [query, "", ""];
  const bytes = new TextEncoder().encode(query);
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.slice(from, to));
  const [start, end] = [
    Math.min(span[0], bytes.length),
    Math.min(Math.max(span[1], span[0] + 1), bytes.length),
  ];
  return [text(0, start), text(start, end), text(end, bytes.length)];
}
