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
  invalid?: boolean;
}

export function SearchBox({ value, onSubmit, placeholder, label, invalid }: Props) {
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
          aria-invalid={invalid || undefined}
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
    </div>
  );
}
