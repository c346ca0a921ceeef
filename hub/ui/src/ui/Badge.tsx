/** Small words with a colour. The colour repeats what the word says. */

import type { ReactNode } from "react";
import styles from "./Badge.module.css";
import { cx } from "./classes.ts";

export type Tone = "neutral" | "ok" | "info" | "warning" | "danger" | "fatal" | "accent";

export function Badge({
  tone = "neutral",
  children,
  title,
}: {
  tone?: Tone;
  children: ReactNode;
  title?: string;
}) {
  return (
    <span className={cx(styles.badge, styles[tone])} title={title}>
      {children}
    </span>
  );
}

const LEVELS: Record<string, Tone> = {
  fatal: "fatal",
  error: "danger",
  warning: "warning",
  info: "info",
  log: "neutral",
  debug: "neutral",
};

export function levelTone(level: string): Tone {
  return LEVELS[level] ?? "neutral";
}

export function Level({ level }: { level: string }) {
  return <Badge tone={levelTone(level)}>{level}</Badge>;
}

/** The level as an edge of colour; its name is there for those who do not see it. */
export function LevelDot({ level }: { level: string }) {
  return (
    <span
      className={cx(styles.dot, styles[levelTone(level)])}
      role="img"
      aria-label={`Level ${level}`}
      title={level}
    />
  );
}
