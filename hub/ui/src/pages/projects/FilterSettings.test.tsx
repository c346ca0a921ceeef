import { expect, test } from "vitest";
import { quotaLine, quotaOf } from "./FilterSettings.tsx";

test("limits are read back as they are written", () => {
  for (const line of ["100/1h error security", "5/90s", "1000/1d", "7/10m session"]) {
    const quota = quotaOf(line);
    if (typeof quota === "string") throw new Error(line);
    expect(quotaLine(quota)).toBe(line);
  }
  for (const wrong of ["100", "x/1h", "100/1w", "100/h error", ""]) expect(quotaOf(wrong)).toBe(wrong);
});
