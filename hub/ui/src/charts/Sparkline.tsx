/** Counts over time in a few pixels: one bar an hour, or a day. */

import { exact } from "../lib/format.ts";
import type { Mark } from "../lib/release-marks.ts";
import styles from "./charts.module.css";

interface Props {
  points: readonly (readonly [timestamp: number, n: number])[];
  width?: number;
  height?: number;
  label?: string;
  /** What a bar covers. */
  unit?: "hour" | "day";
  /** Points in time that may explain what is seen; those outside are left out. */
  marks?: readonly Mark[];
}

const NONE: readonly Mark[] = [];

export function Sparkline({
  points,
  width = 120,
  height = 26,
  label = "Events in the last 24 hours",
  unit = "hour",
  marks = NONE,
}: Props) {
  const max = Math.max(1, ...points.map(([, n]) => n));
  const total = points.reduce((sum, [, n]) => sum + n, 0);
  const step = width / Math.max(points.length, 1);
  // One path for all bars: fifty rows of them cost fifty elements.
  const bars = points
    .map(([, n], i) => {
      const size = n === 0 ? 1 : Math.max(2.5, (n / max) * (height - 2));
      const x = (i * step).toFixed(2);
      return `M${x} ${height}v${-size.toFixed(2)}h${Math.max(step - 1, 1).toFixed(2)}v${size.toFixed(2)}z`;
    })
    .join("");
  const first = points[0]?.[0] ?? 0;
  const span = (points[1]?.[0] ?? first) - first;
  const placed = span > 0 ? marks.map((mark) => ({ ...mark, x: ((mark.at - first) / span) * step })) : [];
  const seen = placed.filter(({ x }) => x >= 0 && x <= width);
  return (
    <svg
      className={styles.spark}
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${label}: ${exact(total)}, at most ${exact(max)} ${unit === "hour" ? "an hour" : "a day"}${seen.map((mark) => `, ${mark.label}`).join("")}`}
    >
      <path d={bars} className={total === 0 ? styles.quietBar : styles.bar} />
      {seen.map(({ x, label: what }) => (
        <path key={what} d={`M${x.toFixed(2)} 0V${height}`} className={styles.mark}>
          <title>{what}</title>
        </path>
      ))}
    </svg>
  );
}
