/**
 * The query, as typed, with its parts in colour and what may come next. Enter sends it; what is in
 * the address is what was asked.
 */

import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { queryTokens, type Typing, typingAt } from "../../lib/query-tokens.ts";
import { IconButton } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { Icon } from "../../ui/icons.tsx";
import { useRecent } from "./recent.ts";
import styles from "./SearchBox.module.css";
import { type Scope, type Suggestion, useSuggestions } from "./suggestions.ts";

interface Props {
  value: string;
  onSubmit: (query: string) => void;
  placeholder: string;
  label: string;
  scope: Scope;
  /** What is wrong with the query, and with which of its bytes. */
  problem?: { message: string; span: readonly [number, number] | null } | null;
}

interface Choice extends Suggestion {
  /** Takes the place of the whole query. */
  isRecent?: boolean;
}

export function SearchBox({ value, onSubmit, placeholder, label, scope, problem }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const mirror = useRef<HTMLDivElement>(null);
  const [text, setText] = useState(value);
  const [caret, setCaret] = useState(value.length);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [recent, addRecent] = useRecent(scope.kind);
  useEffect(() => setText(value), [value]);

  const typing = useMemo(() => (isOpen ? typingAt(text, caret) : null), [isOpen, text, caret]);
  const suggested = useSuggestions(scope, typing);
  const choices = useMemo<Choice[]>(() => {
    const isBeginning = text === "" || text === value;
    return [
      ...(isBeginning
        ? recent
            .filter((query) => query !== text)
            .map((query) => ({ text: query, label: query, hint: "recent", isRecent: true }))
        : []),
      ...suggested,
    ];
  }, [text, value, recent, suggested]);
  const shown = isOpen && choices.length > 0;

  const edit = (next: string, position: number) => {
    setText(next);
    setCaret(position);
    setAt(-1);
    setOpen(true);
  };
  const submit = (query: string) => {
    setOpen(false);
    setAt(-1);
    addRecent(query.trim());
    onSubmit(query.trim());
  };
  const pick = (choice: Choice) => {
    if (choice.isRecent) {
      setText(choice.text);
      submit(choice.text);
      return;
    }
    const [next, position] = complete(text, typing, choice.text);
    edit(next, position);
    input.current?.focus();
    // The browser puts the caret at the end of what it is given.
    requestAnimationFrame(() => input.current?.setSelectionRange(position, position));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const choice = shown ? choices[at] : undefined;
    if (step && isOpen) setAt((i) => ((i + step + 1 + choices.length + 1) % (choices.length + 1)) - 1);
    else if (step) setOpen(true);
    else if (event.key === "Enter" && choice) pick(choice);
    else if (event.key === "Enter") submit(text);
    else if (event.key === "Tab" && choice) pick(choice);
    else if (event.key === "Escape" && isOpen) setOpen(false);
    else if (event.key === "Escape") {
      setText(value);
      event.currentTarget.blur();
      return;
    } else return;
    event.preventDefault();
  };

  return (
    <div className={styles.search}>
      {/* biome-ignore lint/a11y/useSemanticElements: older browsers do not know the search element */}
      <div className={cx(styles.form, problem && styles.wrong)} role="search">
        <span className={styles.icon}>
          <Icon name="search" />
        </span>
        <div ref={mirror} className={styles.mirror} aria-hidden="true">
          <Coloured text={text} span={problem && text === value ? problem.span : null} />
        </div>
        <input
          ref={input}
          data-search
          className={styles.input}
          role="combobox"
          aria-label={label}
          aria-expanded={shown}
          aria-controls={`${id}-choices`}
          aria-autocomplete="list"
          aria-activedescendant={shown && at >= 0 ? `${id}-${at}` : undefined}
          aria-invalid={problem ? true : undefined}
          aria-describedby={problem ? `${id}-problem` : undefined}
          placeholder={placeholder}
          value={text}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          enterKeyHint="search"
          onChange={(event) =>
            edit(event.target.value, event.target.selectionStart ?? event.target.value.length)
          }
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onScroll={(event) => {
            if (mirror.current) mirror.current.scrollLeft = event.currentTarget.scrollLeft;
          }}
          onKeyDown={onKeyDown}
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
          <kbd className={styles.slash} title="Press / to search">
            /
          </kbd>
        )}
        {shown ? <Choices id={id} choices={choices} at={at} onPick={pick} /> : null}
      </div>
      {problem ? (
        <p id={`${id}-problem`} className={styles.problem} role="alert">
          {problem.message}
        </p>
      ) : null}
    </div>
  );
}

interface ChoicesProps {
  id: string;
  choices: readonly Choice[];
  at: number;
  onPick: (choice: Choice) => void;
}

function Choices({ id, choices, at, onPick }: ChoicesProps) {
  return (
    <div id={`${id}-choices`} role="listbox" aria-label="Suggestions" className={styles.choices}>
      {choices.map((choice, i) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field, where the focus stays
        <div
          key={`${choice.isRecent}:${choice.text}`}
          id={`${id}-${i}`}
          role="option"
          tabIndex={-1}
          aria-selected={i === at}
          className={cx(styles.choice, i === at && styles.here)}
          // The field keeps the focus.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onPick(choice)}
        >
          <span className={styles.choiceText}>{choice.label}</span>
          <span className={styles.choiceHint}>{choice.hint}</span>
        </div>
      ))}
    </div>
  );
}

/** The text with a choice in the place of what was being typed, and where the caret then is. */
export function complete(text: string, typing: Typing, choice: string): [string, number] {
  if (!typing) return [text, text.length];
  const head = text.slice(0, typing.from) + choice;
  // Behind a value one goes on with the next word.
  const after = text.slice(typing.to);
  const isKey = typing.what === "key";
  const tail = isKey ? after.replace(/^:/, "") : after;
  // A list goes on with a comma, or ends.
  const inList = typing.what === "value" && typing.inList;
  const gap = isKey || inList || tail.startsWith(" ") || tail.startsWith(")") ? "" : " ";
  return [head + gap + tail, head.length + gap.length];
}

/** The query with its tokens in colour and its wrong part underlined. */
function Coloured({ text, span }: { text: string; span: readonly [number, number] | null }) {
  const [before, wrong] = cut(text, span);
  const start = before.length;
  const end = start + wrong.length;
  return queryTokens(text).map(({ kind, text: part, from }) => {
    const within = (place: number) => Math.max(0, Math.min(place - from, part.length));
    const [first, last] = [within(start), within(end)];
    return (
      <span key={from} className={styles[kind]}>
        {part.slice(0, first)}
        {last > first ? <u>{part.slice(first, last)}</u> : null}
        {part.slice(last)}
      </span>
    );
  });
}

/** The hub counts bytes; texts here are counted in UTF-16. */
export function cut(query: string, span: readonly [number, number] | null): [string, string, string] {
  if (!span) return [query, "", ""];
  const bytes = new TextEncoder().encode(query);
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.slice(from, to));
  const start = Math.min(span[0], bytes.length);
  const end = Math.min(Math.max(span[1], span[0] + 1), bytes.length);
  return [text(0, start), text(start, end), text(end, bytes.length)];
}
