/** Exceptions in causal order, each with its frames; the frame that matters stands open. */

import { useMemo, useState } from "react";
import type { ExceptionValue, Mechanism, Stacktrace } from "../../lib/event-shape.ts";
import { plural } from "../../lib/format.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { asText, chain, name, openFrame, type Row, rows } from "../../lib/stack.ts";
import { Badge } from "../../ui/Badge.tsx";
import { IconButton } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { useShortcuts } from "../../ui/hotkeys.ts";
import { Panel } from "../../ui/Panel.tsx";
import { Pre } from "../../ui/Pre.tsx";
import { RedactedMark } from "../../ui/Redacted.tsx";
import { Scroll } from "../../ui/Scroll.tsx";
import { Segmented } from "../../ui/Tabs.tsx";
import { ValueTree } from "../../ui/ValueTree.tsx";
import { FrameView } from "./FrameView.tsx";
import styles from "./StackTrace.module.css";

type View = "app" | "all" | "raw";

interface Props {
  /** Of the panel; another where a page has more stacks than one. */
  id?: string;
  title: string;
  values: readonly ExceptionValue[];
  platform: string | null;
  /** Remarks on the list of values. */
  meta?: Meta;
}

export function StackTrace({ id = "stack", title, values, platform, meta }: Props) {
  const hasApp = values.some((value) => value.stacktrace?.frames?.some((frame) => frame?.inApp));
  const [view, setView] = useState<View>(hasApp ? "app" : "all");
  // Everything opened or closed at once; each frame goes on from there by itself.
  const [spread, setSpread] = useState<{ open: boolean; turn: number } | null>(null);
  const links = useMemo(() => chain(values), [values]);
  const spreadOut = () => setSpread((before) => ({ open: !before?.open, turn: (before?.turn ?? 0) + 1 }));
  useShortcuts("stack", {
    system: () => setView((before) => (before === "app" ? "all" : "app")),
    spread: spreadOut,
  });
  return (
    <Panel
      id={id}
      title={title}
      flush
      actions={
        <>
          <Segmented<View>
            label="Frames"
            value={view}
            onChange={setView}
            options={[
              { value: "app", label: "Application" },
              { value: "all", label: "All frames" },
              { value: "raw", label: "Text" },
            ]}
          />
          {view === "raw" ? null : (
            <IconButton
              small
              icon={spread?.open ? "fold" : "unfold"}
              label={spread?.open ? "Close all frames" : "Open all frames of the application"}
              onClick={spreadOut}
            />
          )}
          <Copy text={() => asText(values)} label="Copy the stack trace as text" />
        </>
      }
    >
      {view === "raw" ? (
        <Pre className={styles.raw}>{asText(values)}</Pre>
      ) : (
        links.map(({ exception, index, sentence }, i) => (
          <article key={index} aria-label={name(exception)}>
            {sentence ? <p className={styles.sentence}>{sentence}:</p> : null}
            <ExceptionHead exception={exception} meta={child(meta, index)} first={i === 0} />
            {exception.stacktrace?.frames?.length ? (
              <Frames
                key={spread?.turn}
                trace={exception.stacktrace}
                spread={spread?.open}
                appOnly={view === "app"}
                platform={platform}
                meta={child(meta, index, "stacktrace", "frames")}
              />
            ) : (
              <p className={styles.none}>This exception came without a stack trace.</p>
            )}
          </article>
        ))
      )}
    </Panel>
  );
}

function ExceptionHead({
  exception,
  meta,
  first,
}: {
  exception: ExceptionValue;
  meta?: Meta;
  first: boolean;
}) {
  const value = exception.value;
  return (
    <header className={styles.exception}>
      <div className={styles.exceptionLine}>
        <h3 className={styles.type}>
          {exception.module ? <span className={styles.module}>{exception.module}.</span> : null}
          {name(exception)}
        </h3>
        {exception.mechanism ? <MechanismMark mechanism={exception.mechanism} first={first} /> : null}
      </div>
      {value === null || value === undefined || value === "" ? null : (
        <Scroll className={styles.value}>
          {typeof value === "string" ? (
            <>
              {value}
              <RedactedMark meta={child(meta, "value")} value={value} />
            </>
          ) : (
            <ValueTree value={value} meta={child(meta, "value")} />
          )}
        </Scroll>
      )}
    </header>
  );
}

function MechanismMark({ mechanism, first }: { mechanism: Mechanism; first: boolean }) {
  const details = [
    mechanism.type ? `Caught by ${mechanism.type}` : "",
    mechanism.description ?? "",
    mechanism.source ? `From ${mechanism.source}` : "",
    ...Object.entries(mechanism.data ?? {}).map(([key, value]) => `${key}: ${JSON.stringify(value)}`),
  ].filter(Boolean);
  return (
    <span className={styles.mechanism} title={details.join("\n")}>
      {mechanism.handled === false ? (
        <Badge tone="danger">unhandled</Badge>
      ) : mechanism.handled === true && first ? (
        <Badge tone="ok">handled</Badge>
      ) : null}
      {mechanism.type && mechanism.type !== "generic" ? <Badge>{mechanism.type}</Badge> : null}
    </span>
  );
}

interface FramesProps {
  trace: Stacktrace;
  /** Whether the application's frames begin open; absent is only the one that matters. */
  spread?: boolean;
  appOnly: boolean;
  platform: string | null;
  meta?: Meta;
}

function Frames({ trace, spread, appOnly, platform, meta }: FramesProps) {
  const [unfolded, setUnfolded] = useState<ReadonlySet<number>>(new Set());
  const open = openFrame(trace);
  const visible = rows(trace, appOnly).flatMap((row): Row[] =>
    row.kind === "hidden" && unfolded.has(row.from) ? unfold(trace, row) : [row],
  );
  return (
    <ol className={styles.frames}>
      {visible.map((row) =>
        row.kind === "frame" ? (
          <FrameView
            key={`${row.index}`}
            frame={row.frame}
            repeats={row.repeats}
            platform={platform}
            initiallyOpen={spread === undefined ? row.index === open : spread && Boolean(row.frame.inApp)}
            crash={row.index === (trace.frames?.length ?? 0) - 1}
            meta={child(meta, row.index)}
          />
        ) : (
          <li key={`hidden-${row.from}`} className={styles.hidden}>
            <button type="button" onClick={() => setUnfolded(new Set([...unfolded, row.from]))}>
              {plural(row.count, "system frame")}
            </button>
          </li>
        ),
      )}
      {trace.framesOmitted ? (
        <li className={styles.hidden}>
          {plural(trace.framesOmitted[1] - trace.framesOmitted[0], "frame")} left out by the SDK
        </li>
      ) : null}
    </ol>
  );
}

function unfold(trace: Stacktrace, row: Row & { kind: "hidden" }): Row[] {
  return Array.from({ length: row.count }, (_, i) => {
    const index = row.from - i;
    return { kind: "frame", frame: trace.frames?.[index] ?? {}, index, repeats: 1 };
  });
}
