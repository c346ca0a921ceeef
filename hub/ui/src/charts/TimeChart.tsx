/** A figure over time: a line over a soft area, gaps where nothing was heard, the value under the pointer. */

import { useState } from "react";
import { absolute, toMillis } from "../lib/time.ts";
import styles from "./charts.module.css";
import { niceCeiling } from "./TimeBars.tsx";

interface Props {
  label: string;
  /** The beginning of each row, in unix seconds, rising. */
  times: readonly number[];
  values: readonly (number | null)[];
  /** The time that the chart shows, in unix seconds. */
  from: number;
  to: number;
  /** Seconds from one row to the next; more is a gap. */
  step: number;
  /** A value with its unit. */
  format: (value: number) => string;
  /** Sums of a time are bars in effect; they are drawn as steps from zero. */
  kind?: "line" | "bars";
  tone?: "accent" | "danger";
}

const WIDTH = 600;
const HEIGHT = 84;
/** Room for a peak's line. */
const PAD = 2;

interface Point {
  x: number;
  y: number;
}

/** Runs of values without a gap between them, in the chart's own pixels. */
export function runs(
  props: Pick<Props, "times" | "values" | "from" | "to" | "step">,
  top: number,
): Point[][] {
  const { times, values, from, to, step } = props;
  const span = Math.max(to - from, 1);
  const all: Point[][] = [];
  let run: Point[] = [];
  let last: number | null = null;
  times.forEach((time, i) => {
    const value = values[i] ?? null;
    if (value === null || time < from || time > to) return;
    if (last !== null && time - last > step * 2.5) {
      if (run.length) all.push(run);
      run = [];
    }
    run.push({
      x: ((time - from) / span) * WIDTH,
      y: HEIGHT - PAD - (value / top) * (HEIGHT - 2 * PAD),
    });
    last = time;
  });
  if (run.length) all.push(run);
  return all;
}

const at = (point: Point) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`;

export function TimeChart(props: Props) {
  const { label, times, values, from, to, step, format, kind = "line", tone = "accent" } = props;
  const [chosen, setChosen] = useState<number | null>(null);
  const known = values.filter((value) => value !== null);
  const top = niceCeiling(Math.max(1, ...known));
  const last = known.at(-1);
  const width = Math.max((step / Math.max(to - from, 1)) * WIDTH - 0.6, 1);
  const lines = runs(props, top);
  const time = chosen === null ? undefined : times[chosen];
  const value = chosen === null ? undefined : values[chosen];
  return (
    <figure className={styles.figure} data-tone={tone}>
      <figcaption className={styles.chartHead}>
        <span className={styles.chartName}>{label}</span>
        <span className={styles.chartValue}>
          {time !== undefined && value != null ? (
            <>
              <b>{format(value)}</b> at {absolute(toMillis(time)).slice(5, 16)}
            </>
          ) : last === undefined ? (
            "nothing yet"
          ) : (
            <b>{format(last)}</b>
          )}
        </span>
      </figcaption>
      <div className={styles.plot}>
        <span className={styles.top}>{format(top)}</span>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className={styles.chart}
          role="img"
          aria-label={`${label}: ${last === undefined ? "nothing yet" : `${format(last)} now, at most ${format(Math.max(...known))}`}`}
          onPointerLeave={() => setChosen(null)}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const sought = from + ((event.clientX - box.left) / Math.max(box.width, 1)) * (to - from);
            setChosen(nearest(times, sought));
          }}
        >
          <path
            d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}`}
            className={styles.grid}
            vectorEffect="non-scaling-stroke"
          />
          {kind === "bars" ? (
            <path
              className={styles.chartBars}
              d={lines
                .flat()
                .filter((point) => point.y < HEIGHT - PAD)
                .map(
                  (point) =>
                    `M${point.x.toFixed(1)} ${HEIGHT}V${point.y.toFixed(1)}h${width.toFixed(1)}V${HEIGHT}z`,
                )
                .join("")}
            />
          ) : (
            lines.map((run) => {
              const [first] = run;
              const end = run.at(-1);
              if (!first || !end) return null;
              const line = `M${run.map(at).join("L")}${run.length === 1 ? "h1" : ""}`;
              return (
                <g key={first.x}>
                  <path className={styles.chartArea} d={`${line}V${HEIGHT}H${first.x.toFixed(1)}z`} />
                  <path className={styles.chartLine} d={line} vectorEffect="non-scaling-stroke" />
                </g>
              );
            })
          )}
        </svg>
      </div>
      <div className={styles.axis}>
        <span>{absolute(toMillis(from)).slice(5, 16)}</span>
        <span>now</span>
      </div>
    </figure>
  );
}

function nearest(times: readonly number[], sought: number): number | null {
  let best: number | null = null;
  times.forEach((time, i) => {
    const before = best === null ? undefined : times[best];
    if (before === undefined || Math.abs(time - sought) < Math.abs(before - sought)) best = i;
  });
  return best;
}
