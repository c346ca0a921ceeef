/** Counts over time: bars, three lines of scale, and the value under the pointer. */

import { count, exact } from "../lib/format.ts";
import type { Mark } from "../lib/release-marks.ts";
import { absolute, toMillis } from "../lib/time.ts";
import { useBrush } from "./brush.ts";
import styles from "./charts.module.css";

interface Props {
  points: readonly (readonly [timestamp: number, n: number])[];
  label: string;
  /** Length of one bar, for the text under the pointer. */
  unit: "hour" | "day";
  /** Points in time that may explain what is seen; those outside are left out. */
  marks?: readonly Mark[];
  /** A range was drawn: its edges in unix seconds. */
  onZoom?: (from: number, to: number) => void;
}

const UNIT_SECONDS = { hour: 3600, day: 86_400 };

const HEIGHT = 76;
const WIDTH = 600;

/** The next round number above, so that the scale reads well. */
export function niceCeiling(n: number): number {
  if (n <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(n));
  for (const step of [1, 2, 3, 4, 5, 8, 10]) {
    if (step * power >= n) return step * power;
  }
  return 10 * power;
}

export function TimeBars({ points, label, unit, marks = [], onZoom }: Props) {
  const { at, range, handlers } = useBrush(
    points.length,
    onZoom &&
      ((first, last) => onZoom(points[first]?.[0] ?? 0, (points[last]?.[0] ?? 0) + UNIT_SECONDS[unit])),
  );
  const top = niceCeiling(Math.max(1, ...points.map(([, n]) => n)));
  const step = WIDTH / Math.max(points.length, 1);
  const total = points.reduce((sum, [, n]) => sum + n, 0);
  const chosen = at === null ? undefined : points[at];
  const first = points[0];
  const last = points[points.length - 1];
  const span = points.length * UNIT_SECONDS[unit];
  const seen = marks.filter(({ at: time }) => first && time >= first[0] && time < first[0] + span);
  return (
    <figure className={styles.figure}>
      <div className={styles.plot}>
        <span className={styles.top}>{count(top)}</span>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className={styles.svg}
          role="img"
          aria-label={`${label}: ${exact(total)} events${seen.map((mark) => `, ${mark.label}`).join("")}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys step through the bars
          tabIndex={0}
          {...handlers}
        >
          <path
            d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`}
            className={styles.grid}
            vectorEffect="non-scaling-stroke"
          />
          {points.map(([time, n], i) => {
            const size = n === 0 ? 0.8 : Math.max(2, (n / top) * HEIGHT);
            return (
              <rect
                key={time}
                x={i * step + step * 0.08}
                y={HEIGHT - size}
                width={step * 0.84}
                height={size}
                className={n === 0 ? styles.quietBar : i === at ? styles.barOn : styles.bar}
              />
            );
          })}
          {seen.map((mark) => {
            const x = ((mark.at - (first?.[0] ?? 0)) / span) * WIDTH;
            return (
              <path
                key={mark.label}
                d={`M${x.toFixed(1)} 0V${HEIGHT}`}
                className={styles.mark}
                vectorEffect="non-scaling-stroke"
              >
                <title>{mark.label}</title>
              </path>
            );
          })}
          {range ? (
            <rect
              x={range[0] * step}
              y={0}
              width={step * (range[1] - range[0] + 1)}
              height={HEIGHT}
              className={styles.stackMark}
            />
          ) : null}
        </svg>
      </div>
      <figcaption className={styles.axis}>
        {chosen ? (
          <span className={styles.chosen}>
            {exact(chosen[1])} in the {unit} from {absolute(toMillis(chosen[0])).slice(0, 16)}
          </span>
        ) : (
          <>
            <span>{first ? edge(first[0], unit) : ""}</span>
            <span>{last ? edge(last[0], unit) : ""}</span>
          </>
        )}
      </figcaption>
    </figure>
  );
}

function edge(time: number, unit: "hour" | "day"): string {
  const text = absolute(toMillis(time));
  return unit === "day" ? text.slice(0, 10) : text.slice(5, 16);
}
