import { expect, it } from "vitest";
import { FINDS_MAX, finds, pieces } from "./find.ts";

const check = (text: string, wanted: string) =>
  pieces(text, wanted)
    .map((piece) => (piece.find === undefined ? piece.text : `[${piece.text}]`))
    .join("");

it("marks every find and keeps the text whole", () => {
  expect(check("abcABC", "b")).toBe("a[b]cA[B]C");
  expect(check("aaa", "aa")).toBe("[aa]a");
  expect(check("abc", "")).toBe("abc");
  expect(check("abc", "x")).toBe("abc");
  expect(check("", "x")).toBe("");
});

it("does not shift where a letter grows in lower case", () => {
  expect(check("İx", "x")).toBe("İ[x]");
});

it("stops somewhere", () => {
  const many = pieces("a".repeat(10_000), "a");
  expect(finds(many)).toBe(FINDS_MAX);
  expect(many.map((piece) => piece.text).join("")).toHaveLength(10_000);
});
