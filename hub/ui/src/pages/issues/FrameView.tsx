/** One frame: a line to read, and under it the source and the local variables. */

import { useState } from "react";
import type { Frame } from "../../lib/event-shape.ts";
import { languageOf, tokens } from "../../lib/highlight.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { hasBody } from "../../lib/stack.ts";
import { Badge } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { Icon } from "../../ui/icons.tsx";
import { KeyValues } from "../../ui/KeyValues.tsx";
import { Pre } from "../../ui/Pre.tsx";
import { RedactedMark } from "../../ui/Redacted.tsx";
import { Scroll } from "../../ui/Scroll.tsx";
import styles from "./StackTrace.module.css";

interface Props {
  frame: Frame;
  repeats: number;
  platform: string | null;
  initiallyOpen: boolean;
  crash: boolean;
  meta?: Meta;
}

export function FrameView({ frame, repeats, platform, initiallyOpen, crash, meta }: Props) {
  const [open, setOpen] = useState(initiallyOpen);
  const expandable = hasBody(frame);
  const file = frame.filename || frame.absPath || frame.module || frame.package || "unknown file";
  const line = (
    <>
      <span className={styles.caret}>
        {expandable ? <Icon name={open ? "down" : "right"} size={12} /> : null}
      </span>
      <span className={styles.where}>
        <span className={styles.file} title={frame.absPath ?? file}>
          {file}
        </span>
        {frame.function ? (
          <>
            {" "}
            <span className={styles.word}>in</span> <span className={styles.function}>{frame.function}</span>
          </>
        ) : null}
        {frame.lineNo ? (
          <span className={styles.lineNo}>
            {" "}
            <span className={styles.word}>line</span> {frame.lineNo}
            {frame.colNo ? `:${frame.colNo}` : ""}
          </span>
        ) : frame.instructionAddr ? (
          <span className={styles.lineNo}> {frame.instructionAddr}</span>
        ) : null}
      </span>
      {repeats > 1 ? <Badge title="The same call, again and again">{repeats} times</Badge> : null}
      {crash ? <Badge tone="danger">raised here</Badge> : null}
      {frame.trust === "scan" ? (
        <Badge title="A word on the stack that points into this image: perhaps a call, perhaps what an earlier one left">
          perhaps
        </Badge>
      ) : null}
      {frame.inApp ? null : <span className={styles.system}>{frame.package || "system"}</span>}
    </>
  );
  return (
    <li className={cx(styles.frame, !frame.inApp && styles.systemFrame, open && expandable && styles.open)}>
      {expandable ? (
        <button
          type="button"
          className={styles.frameLine}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {line}
        </button>
      ) : (
        <div className={styles.frameLine}>{line}</div>
      )}
      {open && expandable ? (
        <div className={styles.body}>
          {frame.context?.length ? <Source frame={frame} platform={platform} meta={meta} /> : null}
          {frame.vars && Object.keys(frame.vars).length > 0 ? (
            <Scroll className={styles.locals}>
              <KeyValues
                label="Local variables"
                entries={Object.entries(frame.vars)}
                meta={child(meta, "vars")}
              />
            </Scroll>
          ) : null}
        </div>
      ) : null}
    </li>
  );
}

export function Source({ frame, platform, meta }: { frame: Frame; platform: string | null; meta?: Meta }) {
  const language = languageOf(frame.filename ?? frame.absPath, frame.platform ?? platform);
  const context = frame.context ?? [];
  const margin = Math.min(
    ...context.map(([, text]) => (text?.trim() ? (/^\s*/.exec(text)?.[0].length ?? 0) : 1000)),
  );
  const cut = margin >= 1000 ? 0 : margin;
  return (
    <Pre className={styles.source}>
      <code>
        {context.map(([no, text]) => (
          <span key={no} className={cx(styles.codeLine, no === frame.lineNo && styles.crashLine)}>
            <span className={styles.no}>{no}</span>
            <span className={styles.code}>
              {tokens((text ?? "").slice(cut), language).map((token, i) => (
                <span key={i} className={styles[token.kind]}>
                  {token.text}
                </span>
              ))}
              {no === frame.lineNo ? <RedactedMark meta={child(meta, "context_line")} value={text} /> : null}
              {"\n"}
            </span>
          </span>
        ))}
      </code>
    </Pre>
  );
}
