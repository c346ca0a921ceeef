import { describe, expect, it } from "vitest";
import { queryTokens, typingAt } from "./query-tokens.ts";

const read = (query: string) =>
  queryTokens(query)
    .filter(({ kind }) => kind !== "blank")
    .map(({ kind, text }) => `${kind} ${text}`);

describe("the tokens of a query", () => {
  it("are keys, values, words and what joins them", () => {
    expect(read('is:unresolved !level:error (boom OR "two words")')).toEqual([
      "key is",
      "colon :",
      "value unresolved",
      "not !",
      "key level",
      "colon :",
      "value error",
      "bracket (",
      "word boom",
      "logic OR",
      'word "two words"',
      "bracket )",
    ]);
    expect(read('tags[a b]:1 x:>=5 "my key":"a b" y:[a, b]')).toEqual([
      "word tags[a",
      "word b]:1",
      "key x",
      "colon :",
      "colon >=",
      "value 5",
      'key "my key"',
      "colon :",
      'value "a b"',
      "key y",
      "colon :",
      "value [a, b]",
    ]);
  });

  it("leave addresses, open quotes and lone marks alone", () => {
    expect(read("https://x.example/?a=1")).toEqual(["word https://x.example/?a=1"]);
    expect(read('"open')).toEqual(['word "open']);
    expect(read("! : key:")).toEqual(["word !", "word :", "key key", "colon :"]);
  });

  it("know what joins in small letters, and NOT in capitals alone", () => {
    expect(read("a and b or c")).toEqual(["word a", "logic and", "word b", "logic or", "word c"]);
    expect(read("NOT a")).toEqual(["logic NOT", "word a"]);
    expect(read("not a")).toEqual(["word not", "word a"]);
  });

  it("lose no letter, whatever is typed", () => {
    const letters = ["a", ":", '"', "\\", "!", "(", ")", "[", "]", " ", ">", "=", "OR", "ü", "💥"];
    let seed = 7;
    const next = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed;
    };
    for (let round = 0; round < 2000; round += 1) {
      const text = Array.from({ length: next() % 12 }, () => letters[next() % letters.length]).join("");
      const tokens = queryTokens(text);
      expect(tokens.map((token) => token.text).join("")).toBe(text);
      for (let caret = 0; caret <= text.length; caret += 1) typingAt(text, caret);
    }
  });
});

describe("what is being typed", () => {
  /** The caret is at the bar. */
  const at = (text: string) => typingAt(text.replace("|", ""), text.indexOf("|"));

  it("is a key where a word begins", () => {
    expect(at("|")).toEqual({ what: "key", part: "", from: 0, to: 0 });
    expect(at("lev|")).toEqual({ what: "key", part: "lev", from: 0, to: 3 });
    expect(at("is:new !lev|")).toEqual({ what: "key", part: "lev", from: 8, to: 11 });
    expect(at("lev|el:error")).toEqual({ what: "key", part: "lev", from: 0, to: 5 });
  });

  it("is a value behind a colon", () => {
    expect(at("level:|")).toEqual({ what: "value", key: "level", part: "", from: 6, to: 6 });
    expect(at("level:e|rror x")).toEqual({ what: "value", key: "level", part: "e", from: 6, to: 11 });
    expect(at('tags[a]:"two w|')).toEqual({ what: "value", key: "a", part: "two w", from: 8, to: 14 });
  });

  it("is the item of a list", () => {
    const value = { what: "value", key: "level", inList: true };
    expect(at("level:[|")).toEqual({ ...value, part: "", from: 7, to: 7 });
    expect(at("level:[a, |")).toEqual({ ...value, part: "", from: 10, to: 10 });
    expect(at("level:[a, fa|t , b] x")).toEqual({ ...value, part: "fa", from: 10, to: 13 });
    expect(at("level:[a, fa| is:new")).toEqual({ ...value, part: "fa", from: 10, to: 12 });
    expect(at('level:["a, b", "c|"]')).toEqual({ ...value, part: "c", from: 15, to: 18 });
  });

  it("is nothing within a text or behind a list", () => {
    expect(at('"two w|')).toBe(null);
    expect(at("level:[a, b]|")).toBe(null);
  });
});
