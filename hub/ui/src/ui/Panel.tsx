/** A titled surface, and the head of a page. */

import type { ReactNode } from "react";
import { cx } from "./classes.ts";
import styles from "./Panel.module.css";

interface Props {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  id?: string;
  /** Content reaches the edges: tables and lists. */
  flush?: boolean;
}

export function Panel({ title, actions, children, id, flush }: Props) {
  return (
    <section className={styles.panel} id={id} aria-labelledby={title && id ? `${id}-title` : undefined}>
      {title ? (
        <header className={styles.head}>
          <h2 id={id ? `${id}-title` : undefined} className={styles.title}>
            {title}
          </h2>
          {actions ? <div className={styles.actions}>{actions}</div> : null}
        </header>
      ) : null}
      <div className={cx(!flush && styles.body)}>{children}</div>
    </section>
  );
}

export function PageHead(props: { title: ReactNode; children?: ReactNode; lead?: ReactNode }) {
  return (
    <header className={styles.page}>
      <div className={styles.pageText}>
        <h1 className={styles.pageTitle}>{props.title}</h1>
        {props.lead ? <p className={styles.lead}>{props.lead}</p> : null}
      </div>
      {props.children ? <div className={styles.actions}>{props.children}</div> : null}
    </header>
  );
}

/** Names and values in two columns. */
export function Facts({ items }: { items: readonly (readonly [name: ReactNode, value: ReactNode])[] }) {
  return (
    <dl className={styles.facts}>
      {items.map(([name, value], i) => (
        <div key={i} className={styles.fact}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
