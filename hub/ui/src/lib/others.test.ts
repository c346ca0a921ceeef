import { describe, expect, it } from "vitest";
import { curl } from "./curl.ts";
import { languageOf, tokens } from "./highlight.ts";
import { markdown } from "./markdown.ts";
import { child, explain, total } from "./meta.ts";
import { parseSearch, stringifySearch } from "./search-params.ts";

describe("source colouring", () => {
  it.each([
    ["python", "if x == 'a': # why", ["keyword:if", "string:'a'", "comment:# why"]],
    [
      "javascript",
      "const n = call(`t`, 1.5); // end",
      ["keyword:const", "call:call", "string:`t`", "number:1.5", "comment:// end"],
    ],
    ["rust", 'let s: &\'a str = "x";', ["keyword:let", 'string:"x"']],
    ["php", "$a = 'it\\'s';", ["string:'it\\'s'"]],
  ])("of %s marks what it knows in %j", (language, line, expected) => {
    const found = tokens(line, language)
      .filter((token) => token.kind !== "plain")
      .map((token) => `${token.kind}:${token.text}`);
    expect(found).toEqual(expected);
  });

  it("never changes the text, however odd", () => {
    for (const line of ["'never closed", '"""', "\\", "a\u0000b", "/* open", "x".repeat(5000)]) {
      for (const language of ["python", "javascript", "rust", "none"]) {
        expect(
          tokens(line, language)
            .map((token) => token.text)
            .join(""),
        ).toBe(line);
      }
    }
  });

  it("goes by the file's ending before the platform", () => {
    expect(languageOf("app.py?x=1", "javascript")).toBe("python");
    expect(languageOf("/bin/app", "native")).toBe("native");
    expect(languageOf(null, "python-django")).toBe("python");
  });
});

describe("remarks", () => {
  const meta = {
    user: { email: { "": { rem: [["@email:filter", "s", 0, 10]], len: 20 } } },
    list: { 0: { "": { err: ["invalid"] } } },
  };

  it("name the rule and what it did", () => {
    expect(explain(child(meta, "user", "email"))).toEqual([
      "Replaced by the rule @email:filter",
      "Was 20 characters long",
    ]);
    expect(explain(child(meta, "list", 0))).toEqual(["Not valid: invalid"]);
    expect(explain(child(meta, "nothing", "here"))).toEqual([]);
    expect(total(meta)).toBe(1);
  });

  it("survive any shape", () => {
    for (const odd of [null, undefined, {}, { "": null }, { "": { rem: "x" } }, { "": { rem: [[]] } }]) {
      expect(Array.isArray(explain(odd as never))).toBe(true);
    }
  });
});

it("writes a request as a shell command that means the same", () => {
  expect(
    curl({
      method: "POST",
      url: "https://shop.example/pay",
      query: [["a", "1 2"]],
      headers: [
        ["Host", "shop.example"],
        ["X-Note", "it's"],
      ],
      cookies: [["sid", "[Filtered]"]],
      data: { amount: 5 },
    }),
  ).toBe(
    "curl --globoff --request POST \\\n  --url 'https://shop.example/pay?a=1%202' \\\n  --header 'X-Note: it'\\''s' \\\n  --cookie 'sid=[Filtered]' \\\n  --data-raw '{\"amount\":5}'",
  );
  expect(curl({ url: "https://x.example/" })).toBe("curl --globoff \\\n  --url 'https://x.example/'");
});

it("keeps a filter in the address, readable and whole", () => {
  const search = {
    query: 'is:unresolved browser:"a b" 50% & more',
    environment: ["production", ""],
    project: ["1"],
  };
  const text = stringifySearch(search);
  expect(text).toContain("query=is:unresolved");
  expect(parseSearch(text.slice(1))).toEqual({ ...search, project: "1" });
  expect(stringifySearch({ a: undefined })).toBe("");
});

it("writes an event as Markdown that nothing in it can break out of", () => {
  const text = markdown({
    title: "Boom\n# not a heading",
    facts: [
      ["Release", "1.0"],
      ["Empty", ""],
    ],
    message: "with ``` inside",
    exceptions: [
      {
        type: "A",
        value: "b",
        stacktrace: {
          frames: [
            {
              filename: "a`b.py",
              function: "total",
              lineNo: 2,
              inApp: true,
              context: [
                [1, "def total():"],
                [2, "  return 1 / 0"],
              ],
              vars: { items: ["```", 1], long: "x".repeat(2000) },
            },
            { filename: "lib.py", lineNo: 9, inApp: false },
          ],
        },
      },
    ],
    breadcrumbs: [
      { category: "http", message: "GET /\nx", timestamp: "t" },
      {
        type: "http",
        category: "fetch",
        level: "error",
        data: { method: "POST", url: "/a", status_code: 502 },
      },
    ],
    request: { url: "https://x.example/" },
    tags: [["shelf", "left\n# no heading"]],
  });
  expect(text).toContain(
    "# Boom # not a heading\n\n- Release: 1.0\n\n## Message\n\n````\nwith ``` inside\n````",
  );
  expect(text).toContain("t [http] GET / x\n[fetch, error] POST /a → 502");
  expect(text).toContain("`` a`b.py:2 `` in `total`\n\n```\n  1 | def total():\n> 2 |   return 1 / 0\n```");
  expect(text).toContain('````\nitems = ["```",1]\nlong = "xxx');
  expect(text.length).toBeLessThan(1500);
  expect(text).toContain("## Tags\n\n```\nshelf: left # no heading\n```");
  expect(text).not.toContain("Empty");
});
