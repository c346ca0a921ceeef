import { expect, test } from "vitest";
import { byWeight, threadName } from "./threads.ts";

test("the thread that crashed comes first, then the current one, then the others as they came", () => {
  const threads = [{ id: 1 }, null, { id: 2, current: true }, { id: 3 }, { id: 4, crashed: true }];
  expect(byWeight(threads).map(({ id }) => id)).toEqual([4, 2, 1, 3]);
});

test("a thread is called by its name, or by its number", () => {
  expect(threadName({ name: "main", id: 0 })).toBe("Thread main");
  expect(threadName({ id: 0 })).toBe("Thread 0");
  expect(threadName({})).toBe("Thread");
});
