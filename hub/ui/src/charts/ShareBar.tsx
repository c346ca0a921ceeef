/** One share of a whole, as a bar behind its name. */

import type { ReactNode } from "react";
import { percentText } from "../lib/format.ts";
import styles from "./charts.module.css";

export function ShareBar({
  share,
  percent,
  children,
}: {
  share: number;
  percent: number | null;
  children: ReactNode;
}) {
  return (
    <span className={styles.share}>
      <span className={styles.shareBar} style={{ width: `${Math.min(100, Math.max(1.5, share * 100))}%` }} />
      <span className={styles.shareName}>{children}</span>
      <span className={styles.sharePercent}>{percentText(percent)}</span>
    </span>
  );
}
