import { fireEvent, render, screen } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { StackedBars } from "./StackedBars.tsx";
import { TimeBars } from "./TimeBars.tsx";

const HOUR = 3600;
const points = [0, 1, 2, 3].map((i) => [i * HOUR, i] as const);

it("hands on the range that the arrow keys draw with shift", () => {
  const onZoom = vi.fn();
  render(<TimeBars points={points} label="Events" unit="hour" onZoom={onZoom} />);
  const chart = screen.getByRole("img");
  for (const [key, shiftKey] of [
    ["ArrowRight", false],
    ["ArrowRight", false],
    ["ArrowRight", true],
    ["Enter", false],
  ] as const) {
    fireEvent.keyDown(chart, { key, shiftKey });
  }
  expect(onZoom.mock.calls).toEqual([[HOUR, 3 * HOUR]]);
});

it("takes a dragged range, and a click for none", () => {
  const onZoom = vi.fn();
  const intervals = points.map(([at]) => new Date(at * 1000).toISOString());
  render(
    <StackedBars
      label="Outcomes"
      intervals={intervals}
      layers={[{ name: "Accepted", values: [1, 2, 3, 4] }]}
      onZoom={onZoom}
    />,
  );
  const chart = screen.getByRole("img");
  chart.getBoundingClientRect = () => new DOMRect(0, 0, 400, 100);
  const at = (clientX: number) => ({ clientX, button: 0 });
  fireEvent.pointerMove(chart, at(150));
  fireEvent.pointerDown(chart, at(150));
  fireEvent.pointerUp(chart, at(150));
  expect(onZoom).not.toHaveBeenCalled();
  fireEvent.pointerDown(chart, at(150));
  fireEvent.pointerMove(chart, at(390));
  fireEvent.pointerUp(chart, at(390));
  // Behind the last one there is no interval: the range goes on until now.
  expect(onZoom.mock.calls).toEqual([[intervals[1], undefined]]);
});

it("marks only what happened within the chart", () => {
  const marks = [
    { at: HOUR, label: "release 1" },
    { at: 9 * HOUR, label: "release 2" },
  ];
  render(<TimeBars points={points} label="Events" unit="hour" marks={marks} />);
  expect(screen.getByRole("img", { name: "Events: 6 events, release 1" })).toBeTruthy();
});
