import { expect, it } from "vitest";
import { runs } from "./TimeChart.tsx";

it("draws a gap where nothing was heard, and nothing outside its time", () => {
  const props = {
    times: [0, 300, 600, 1800, 2100, 9000],
    values: [0, 5, 10, 5, null, 5],
    from: 300,
    to: 3300,
    step: 300,
  };
  const found = runs(props, 10);
  expect(found.map((run) => run.length)).toEqual([2, 1]);
  expect(found[0]?.[0]?.x).toBe(0);
  expect(found[0]?.[1]?.y).toBeLessThan(found[0]?.[0]?.y ?? 0);
});
