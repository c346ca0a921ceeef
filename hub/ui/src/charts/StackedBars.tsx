/** Counts over time in layers: stacked bars, and the interval under the pointer or the arrow keys. */

import { count, exact } from "../lib/format.ts";
import { absolute, toMillis } from "../lib/time.ts";
import { useBrush } from "./brush.ts";
import styles from "./charts.module.css";
import { niceCeiling } from "./TimeBars.tsx";

export interface StackLayer {
  name: string;
  /** A class of the page that sets `fill`. */
  className?: string;
  values: readonly number[];
}

interface Props {
  label: string;
  /** The beginning of each interval. */
  intervals: readonly string[];
  /** From the bottom up. */
  layers: readonly StackLayer[];
  /** A range was drawn: the beginning of its first interval and of the one behind its last. */
  onZoom?: (start: string, end: string | undefined) => void;
}

const WIDTH = 600;
const HEIGHT = 150;

export function StackedBars({ label, intervals, layers, onZoom }: Props) {
  const { at, range, handlers } = useBrush(
    intervals.length,
    onZoom && ((first, last) => onZoom(intervals[first] as string, intervals[last + 1])),
  );
  const sums = intervals.map((_, i) => layers.reduce((sum, layer) => sum + (layer.values[i] ?? 0), 0));
  const top = niceCeiling(Math.max(1, ...sums));
  const step = WIDTH / Math.max(intervals.length, 1);
  const all = sums.reduce((a, b) => a + b, 0);
  const chosen = at === null ? undefined : intervals[at];
  return (
    <figure className={styles.figure}>
      <div className={styles.plot}>
        <span className={styles.top}>{count(top)}</span>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className={styles.stack}
          role="img"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys step through the intervals
          tabIndex={0}
          aria-label={`${label}: ${exact(all)} items`}
          {...handlers}
        >
          <path
            d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}`}
            className={styles.grid}
            vectorEffect="non-scaling-stroke"
          />
          {layers.map((layer, level) => (
            <path
              key={layer.name}
              className={layer.className}
              d={intervals
                .map((_, i) => {
                  const below = layers.slice(0, level).reduce((sum, each) => sum + (each.values[i] ?? 0), 0);
                  const value = layer.values[i] ?? 0;
                  if (value === 0) return "";
                  const y = HEIGHT - (below / top) * HEIGHT;
                  const x = i * step + step * 0.08;
                  return `M${x.toFixed(2)} ${y.toFixed(2)}v${(-(value / top) * HEIGHT).toFixed(2)}h${(step * 0.84).toFixed(2)}V${y.toFixed(2)}z`;
                })
                .join("")}
            />
          ))}
          {at === null ? null : (
            <rect
              x={(range?.[0] ?? at) * step}
              y={0}
              width={step * (range ? range[1] - range[0] + 1 : 1)}
              height={HEIGHT}
              className={styles.stackMark}
            />
          )}
        </svg>
      </div>
      <figcaption className={styles.axis} aria-live="polite">
        {chosen && at !== null ? (
          <span className={styles.chosen}>
            {absolute(toMillis(chosen)).slice(0, 16)}:{" "}
            {layers
              .filter((layer) => layer.values[at])
              .map((layer) => `${layer.name} ${exact(layer.values[at] ?? 0)}`)
              .join(", ") || "nothing"}
          </span>
        ) : (
          <>
            <span>{absolute(toMillis(intervals[0])).slice(0, 16)}</span>
            {onZoom ? <span className={styles.hint}>Drag, or shift and arrow keys, to zoom</span> : null}
            <span>{absolute(toMillis(intervals.at(-1))).slice(0, 16)}</span>
          </>
        )}
      </figcaption>
    </figure>
  );
}
