import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { curl, shell } from "./curl.ts";

/** What a real shell makes of a line: the words it would hand to the program. */
function words(line: string): string[] {
  const out = execFileSync("bash", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" });
  return out.split("\0").slice(0, -1);
}

const HOSTILE = [
  "it's",
  "$(touch /tmp/x) `id` $HOME",
  "a; rm -rf / # && || > < | &",
  "back\\slash \\' \\n",
  "!history !! *glob? [a] {b,c} ~",
  "line\nbreak\ttab",
  "escape \u001b[31m bell \u0007 return \r delete \u007f",
  "quote ' and escape \u001b' $(id) \\",
  "ü 💥 \u0085 \u2028",
  "'",
  "",
  "-o /etc/passwd",
];

describe("the request as a shell command", () => {
  it("is one word for the shell, whatever it holds", () => {
    for (const text of HOSTILE) expect(words(shell(text))).toEqual([text]);
  });

  it("does nothing to the terminal into which it is pasted", () => {
    for (const text of HOSTILE) expect(shell(text).replace(/[\n\t]/g, "")).not.toMatch(/\p{Cc}/u);
    expect(words(shell("a\0b"))).toEqual(["ab"]);
  });

  it("hands every hostile part to curl as what it is", () => {
    for (const text of HOSTILE) {
      const line = curl({
        method: text,
        url: text,
        headers: [
          ["X-Hostile", text],
          ["@/etc/passwd", "x"],
          ["Host", "left.out"],
        ],
        cookies: [["sid", text]],
        data: text,
      });
      const args = words(line);
      const argument = (option: string) => args[args.indexOf(option) + 1];
      expect(args[0]).toBe("curl");
      expect(argument("--url")).toBe(text);
      expect(argument("--header")).toBe(text ? `X-Hostile: ${text}` : "X-Hostile;");
      expect(argument("--cookie")).toBe(`sid=${text}`);
      if (text) expect(argument("--data-raw")).toBe(text);
      expect(args.filter((arg) => arg === "--header")).toHaveLength(1);
    }
  });
});
