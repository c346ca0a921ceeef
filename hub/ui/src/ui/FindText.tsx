/** A long text with a search of its own: the finds are marked, and one steps from one to the next. */

import { useEffect, useMemo, useRef, useState } from "react";
import { FINDS_MAX, finds, pieces } from "../lib/find.ts";
import { IconButton } from "./Button.tsx";
import { cx } from "./classes.ts";
import styles from "./FindText.module.css";

export function FindText({ text, label }: { text: string; label: string }) {
  const [wanted, setWanted] = useState("");
  const [at, setAt] = useState(0);
  const box = useRef<HTMLPreElement>(null);
  const list = useMemo(() => pieces(text, wanted), [text, wanted]);
  const n = finds(list);
  useEffect(() => {
    if (wanted === "") return;
    box.current?.querySelector(`[data-find="${at}"]`)?.scrollIntoView({ block: "nearest" });
  }, [at, wanted]);
  const step = (by: number) => {
    if (n > 0) setAt((before) => (before + by + n) % n);
  };
  return (
    <div className={styles.find}>
      {/* biome-ignore lint/a11y/useSemanticElements: older browsers do not know the search element */}
      <div className={styles.bar} role="search">
        <input
          className={styles.input}
          aria-label={`Search in ${label}`}
          placeholder="Search"
          spellCheck={false}
          autoComplete="off"
          value={wanted}
          onChange={(event) => {
            setWanted(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
            else if (event.key === "Escape") setWanted("");
          }}
        />
        <span className={styles.n} role="status">
          {wanted === ""
            ? ""
            : n === 0
              ? "not found"
              : `${at + 1} of ${n}${n === FINDS_MAX ? " or more" : ""}`}
        </span>
        <IconButton small icon="left" label="Previous find" disabled={n === 0} onClick={() => step(-1)} />
        <IconButton small icon="right" label="Next find" disabled={n === 0} onClick={() => step(1)} />
      </div>
      <section
        aria-label={label}
        className={styles.box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
        tabIndex={0}
      >
        <pre ref={box} className={styles.text}>
          {list.map((piece, i) =>
            piece.find === undefined ? (
              piece.text
            ) : (
              <mark key={i} data-find={piece.find} className={cx(piece.find === at && styles.here)}>
                {piece.text}
              </mark>
            ),
          )}
        </pre>
      </section>
    </div>
  );
}
