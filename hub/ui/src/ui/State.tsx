/** What stands where a list would be: nothing yet, not there yet, or what went wrong. */

import type { ReactNode } from "react";
import { Button } from "./Button.tsx";
import { Icon, type IconName } from "./icons.tsx";
import styles from "./State.module.css";

export function EmptyState(props: {
  icon?: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className={styles.state}>
      <span className={styles.icon}>
        <Icon name={props.icon ?? "check"} size={22} />
      </span>
      <h2 className={styles.title}>{props.title}</h2>
      {props.children ? <div className={styles.text}>{props.children}</div> : null}
      {props.action}
    </div>
  );
}

export function ErrorState({ error, retry, title }: { error: unknown; retry?: () => void; title?: string }) {
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div className={styles.state} role="alert">
      <span className={`${styles.icon} ${styles.bad}`}>
        <Icon name="issues" size={22} />
      </span>
      <h2 className={styles.title}>{title ?? "This could not be loaded"}</h2>
      <p className={styles.text}>{message}</p>
      {retry ? (
        <Button icon="refresh" onClick={retry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

interface SkeletonProps {
  rows?: number;
  /** Of the rows to come, in pixels. */
  rowHeight?: number;
  label?: string;
}

/** Grey rows of the height that the real ones will have. */
export function Skeleton({ rows = 6, rowHeight, label = "Loading" }: SkeletonProps) {
  return (
    <div role="status" aria-label={label} className={styles.skeleton}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className={styles.row} style={{ height: rowHeight }} aria-hidden="true">
          <span className={styles.line} style={{ width: `${38 + ((i * 29) % 34)}%` }} />
          <span className={styles.line} style={{ width: `${18 + ((i * 17) % 22)}%` }} />
        </div>
      ))}
    </div>
  );
}

/** A short remark above a page: something is wrong, but the page works. */
export function Notice({
  tone = "info",
  children,
}: {
  tone?: "info" | "warning" | "danger";
  children: ReactNode;
}) {
  return (
    <div className={`${styles.notice} ${styles[tone]}`} role={tone === "danger" ? "alert" : "note"}>
      {children}
    </div>
  );
}
