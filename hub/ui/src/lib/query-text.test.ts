import { describe, expect, it } from "vitest";
import { hasTerm, quote, statusOf, tagTerm, toggleTerm, unquote, withStatus, words } from "./query-text.ts";

describe("the query's words", () => {
  it("are cut at blanks outside quotes and brackets", () => {
    expect(
      words('is:unresolved "two words" message:"a b" level:[error, fatal] !has:user').map((w) => w.raw),
    ).toEqual(["is:unresolved", '"two words"', 'message:"a b"', "level:[error, fatal]", "!has:user"]);
  });

  it("know key, value and negation", () => {
    expect(words('!browser:"Fire \\"fox\\""')).toEqual([
      { raw: '!browser:"Fire \\"fox\\""', key: "browser", value: 'Fire "fox"', negated: true },
    ]);
    expect(words("tags[my.key]:v")[0]).toMatchObject({ key: "tags[my.key]", value: "v" });
    expect(words("https://x.example/a")[0]).toMatchObject({ value: "https://x.example/a", negated: false });
    expect(words("https://x.example/a")[0]?.key).toBeUndefined();
  });

  it.each(["plain", "two words", 'a "quoted" one', "back\\slash", "with*star", "[list]", ""])(
    "keep the value %j through quoting",
    (value) => {
      const [word] = words(`key:${quote(value)}`);
      expect(word?.value).toBe(value);
      expect(unquote(quote(value))).toBe(value);
    },
  );
});

describe("filters by tag", () => {
  it("switch on and off without touching the rest", () => {
    const term = tagTerm("browser", "Firefox 140");
    expect(term).toBe('browser:"Firefox 140"');
    const on = toggleTerm("is:unresolved timeout", term);
    expect(on).toBe('is:unresolved timeout browser:"Firefox 140"');
    expect(hasTerm(on, term)).toBe(true);
    expect(toggleTerm(on, term)).toBe("is:unresolved timeout");
  });

  it("name odd keys and users in their own way", () => {
    expect(tagTerm("user", "email:anna@example.org")).toBe("user.email:anna@example.org");
    expect(tagTerm("my key", "x")).toBe("tags[my key]:x");
  });
});

describe("the status", () => {
  it("is read from the query only when there is exactly one", () => {
    expect(statusOf("is:unresolved")).toBe("unresolved");
    expect(statusOf("is:resolved is:unresolved")).toBeNull();
    expect(statusOf("!is:resolved")).toBeNull();
    expect(statusOf("is:regressed")).toBeNull();
  });

  it("is replaced, and other states stay", () => {
    expect(withStatus("is:unresolved is:regressed boom", "resolved")).toBe("is:resolved is:regressed boom");
    expect(withStatus("boom is:archived", null)).toBe("boom");
  });
});
