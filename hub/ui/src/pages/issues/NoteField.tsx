/** Where a note is written: `@` and `#` offer whom it may mention, Ctrl or Cmd and Enter sends it. */

import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useId, useRef, useState } from "react";
import { membersQuery, teamsQuery } from "../../api/people.ts";
import { type Mentionable, mentionAt, mentionable, withMention } from "../../lib/mention.ts";
import { pick } from "../../lib/pick.ts";
import { cx } from "../../ui/classes.ts";
import { inputClass } from "../../ui/Form.tsx";
import styles from "./NoteField.module.css";

interface Props {
  org: string;
  label: string;
  placeholder?: string;
  rows: number;
  autoFocus?: boolean;
  value: string;
  onChange: (text: string) => void;
  onSend: () => void;
  onCancel?: () => void;
}

const OFFERED_MAX = 6;

export function NoteField({ org, label, value, onChange, onSend, onCancel, ...area }: Props) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [caret, setCaret] = useState(value.length);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const typed = isOpen ? mentionAt(value, caret) : null;
  const offered = useOffered(org, typed);
  const isOffering = typed !== null && offered.length > 0;

  const choose = ({ text }: Mentionable) => {
    if (!typed) return;
    const [next, position] = withMention(value, typed, text);
    onChange(next);
    setOpen(false);
    setCaret(position);
    field.current?.focus();
    // The browser puts the caret at the end of what it is given.
    requestAnimationFrame(() => field.current?.setSelectionRange(position, position));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const chosen = isOffering ? offered[at] : undefined;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) onSend();
    else if (isOffering && step) setAt((at + step + offered.length) % offered.length);
    else if (chosen && (event.key === "Enter" || event.key === "Tab")) choose(chosen);
    else if (event.key === "Escape" && isOffering) setOpen(false);
    else if (event.key === "Escape" && onCancel) onCancel();
    else return;
    event.preventDefault();
  };

  return (
    <div className={styles.field}>
      <textarea
        {...area}
        ref={field}
        className={inputClass}
        aria-label={label}
        aria-autocomplete="list"
        aria-controls={isOffering ? `${id}-offered` : undefined}
        aria-activedescendant={isOffering ? `${id}-${at}` : undefined}
        value={value}
        onChange={(event) => {
          onChange(event.target.value);
          setCaret(event.target.selectionStart);
          setAt(0);
          setOpen(true);
        }}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      {isOffering ? (
        <div id={`${id}-offered`} role="listbox" aria-label="Whom to mention" className={styles.offered}>
          {offered.map((each, i) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field, where the focus stays
            <div
              key={each.text}
              id={`${id}-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === at}
              className={cx(styles.choice, i === at && styles.here)}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(each)}
            >
              <span>{each.name}</span>
              <span className={styles.hint}>{each.hint}</span>
            </div>
          ))}
        </div>
      ) : null}
    </div>
  );
}

/** Fetched when somebody begins to mention one. */
function useOffered(org: string, typed: ReturnType<typeof mentionAt>): Mentionable[] {
  const { data: members = [] } = useQuery({ ...membersQuery(org), enabled: typed?.sign === "@" });
  const { data: teams = [] } = useQuery({ ...teamsQuery(org), enabled: typed?.sign === "#" });
  if (!typed) return [];
  const people = members.filter(({ pending }) => !pending);
  const all = mentionable(people, teams)[typed.sign];
  return pick(all, ({ name, hint }) => `${name} ${hint}`, typed.part).slice(0, OFFERED_MAX);
}
