import { expect, test } from "vitest";
import { quotaLine, quotasOf } from "./quota.ts";

test("limits are read back as they are written", () => {
  const text = ["100/1h error security", "5/90s", "1000/1d", "7/10m+20 session"].join("\n");
  const quotas = quotasOf(`\n${text}\n\n`);
  if (typeof quotas === "string") throw new Error(quotas);
  expect(quotas.map(quotaLine).join("\n")).toBe(text);
  expect(quotas[0]).toEqual({ count: 100, window: 3600, categories: ["error", "security"] });
  expect(quotas[3]).toEqual({ count: 7, window: 600, categories: ["session"], burst: 20 });
  for (const wrong of ["100", "x/1h", "100/1w", "100/h error", "100/1h+ error"]) {
    expect(quotasOf(`1/1h\n${wrong}`)).toBe(`"${wrong}" is not a limit such as 1000/1h error`);
  }
  expect(quotasOf("")).toEqual([]);
});
