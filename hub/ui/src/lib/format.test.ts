import { describe, expect, it } from "vitest";
import {
  bytes,
  count,
  exact,
  initials,
  middle,
  percentages,
  percentText,
  plural,
  shortRelease,
} from "./format.ts";

describe("numbers", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [1000, "1k"],
    [1234, "1.2k"],
    [9949, "9.9k"],
    [9950, "10k"],
    [999_400, "999k"],
    [999_500, "1m"],
    [12_345_678, "12m"],
    [3e9, "3b"],
  ])("shortens %i to %s", (n, text) => expect(count(n)).toBe(text));

  it("gives exact numbers their separators and their noun", () => {
    expect(exact(1234567)).toBe("1,234,567");
    expect(plural(1, "event")).toBe("1 event");
    expect(plural(2000, "event")).toBe("2,000 events");
  });

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [64 * 1024 * 1024, "64 MiB"],
    [1024 * 1024 - 1, "1 MiB"],
  ])("writes %i bytes as %s", (n, text) => expect(bytes(n)).toBe(text));
});

describe("shares", () => {
  it("add up to a hundred", () => {
    for (const parts of [
      [1, 1, 1],
      [333, 333, 334],
      [5, 5, 90],
      [1, 2, 3, 4, 5, 6, 7],
    ]) {
      const total = parts.reduce((a, b) => a + b, 0);
      const sum = percentages(parts, total).reduce((a: number, b) => a + (b ?? 0), 0);
      expect(sum).toBe(100);
    }
  });

  it("never show something as nothing", () => {
    const [most, least] = percentages([9999, 1], 10_000);
    expect(percentText(most ?? null)).toBe("100%");
    expect(percentText(least as number | null)).toBe("<1%");
    expect(percentages([0], 10)).toEqual([0]);
    expect(percentages([1, 2], 0)).toEqual([0, 0]);
  });
});

describe("names", () => {
  it("are cut in the middle", () => {
    expect(middle("abcdef", 6)).toBe("abcdef");
    expect(middle("abcdefgh", 5)).toBe("ab…gh");
  });

  it("of releases show what tells them apart", () => {
    expect(shortRelease("shop@1.2.3")).toBe("1.2.3");
    expect(shortRelease("a".repeat(40))).toBe("aaaaaaaaaaaa");
  });

  it("give two letters", () => {
    expect(initials("Anna Sol")).toBe("AS");
    expect(initials("anna@example.org")).toBe("AN");
    expect(initials("")).toBe("?");
  });
});
