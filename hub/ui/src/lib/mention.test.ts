import { expect, it } from "vitest";
import { mentionAt, mentionable, withMention } from "./mention.ts";

it("finds what is being typed, where the hub would read a mention", () => {
  const check = (text: string, expected: unknown) =>
    expect(mentionAt(text, text.length), text).toEqual(expected);
  check("ask @an", { sign: "@", part: "an", from: 4 });
  check("(#", { sign: "#", part: "", from: 1 });
  check("@", { sign: "@", part: "", from: 0 });
  check("mail me@example.org", null);
  check("@anna, look", null);
  check("", null);
  expect(mentionAt("@anna look", 3)).toEqual({ sign: "@", part: "an", from: 0 });
});

it("calls people by the short name, where only one has it", () => {
  const people = ["anna@a.org", "anna@b.org", "ben@a.org"].map((email) => ({ name: "", email }));
  expect(mentionable(people, [])["@"].map(({ text }) => text)).toEqual([
    "@anna@a.org",
    "@anna@b.org",
    "@ben",
  ]);
});

it("writes the chosen one in place of what was typed", () => {
  expect(withMention("ask @an now", { sign: "@", part: "an", from: 4 }, "@anna")).toEqual([
    "ask @anna now",
    10,
  ]);
});
