/**
 * Light colouring of one source line: comments, strings, numbers, keywords, and names that are
 * called. It knows nothing of grammar and never needs to: a line out of its file has none.
 */

export type TokenKind = "plain" | "comment" | "string" | "number" | "keyword" | "call";
export interface Token {
  kind: TokenKind;
  text: string;
}

interface Language {
  keywords: Set<string>;
  /** Starts of comments that run to the end of the line. */
  comments: string[];
  quotes: string;
}

const list = (text: string) => new Set(text.split(" "));

const C_LIKE = ["//", "/*", "*/"];
const PYTHON: Language = {
  keywords: list(
    "and as assert async await break class continue def del elif else except finally for from global if import " +
      "in is lambda nonlocal not or pass raise return try while with yield match case None True False self cls",
  ),
  comments: ["#"],
  quotes: "\"'",
};
const JAVASCRIPT: Language = {
  keywords: list(
    "async await break case catch class const continue debugger default delete do else export extends finally for " +
      "from function if import in instanceof let new of return static super switch this throw try typeof var void " +
      "while yield null true false undefined interface type enum implements readonly as",
  ),
  comments: C_LIKE,
  quotes: "\"'`",
};
const RUST: Language = {
  keywords: list(
    "as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move " +
      "mut pub ref return self Self static struct super trait true type unsafe use where while Some None Ok Err",
  ),
  comments: C_LIKE,
  quotes: '"',
};
const GO: Language = {
  keywords: list(
    "break case chan const continue default defer else fallthrough for func go goto if import interface map package " +
      "range return select struct switch type var nil true false error string int",
  ),
  comments: C_LIKE,
  quotes: '"`',
};
const JAVA: Language = {
  keywords: list(
    "abstract boolean break byte case catch char class const continue default do double else enum extends final " +
      "finally float for if implements import instanceof int interface long native new package private protected " +
      "public return short static super switch synchronized this throw throws try void volatile while null true " +
      "false var record val fun when object override using namespace string bool async await out in is",
  ),
  comments: C_LIKE,
  quotes: "\"'",
};
const RUBY: Language = {
  keywords: list(
    "alias and begin break case class def defined do else elsif end ensure false for if in module next nil not or " +
      "redo rescue retry return self super then true undef unless until when while yield raise require",
  ),
  comments: ["#"],
  quotes: "\"'`",
};
const PHP: Language = {
  keywords: list(
    "abstract and array as break case catch class clone const continue declare default do echo else elseif extends " +
      "final finally fn for foreach function global if implements include instanceof interface match namespace new " +
      "null or private protected public readonly require return self static switch this throw trait try use var " +
      "while yield true false",
  ),
  comments: ["//", "#", "/*"],
  quotes: "\"'",
};
const NATIVE: Language = {
  keywords: list(
    "auto bool break case catch char class const constexpr continue default delete do double else enum explicit " +
      "extern false float for friend if inline int long namespace new nullptr operator private protected public " +
      "return short signed sizeof static struct switch template this throw true try typedef union unsigned using " +
      "virtual void volatile while NULL self nil let var func guard import",
  ),
  comments: C_LIKE,
  quotes: "\"'",
};

const BY_NAME: Record<string, Language> = {
  python: PYTHON,
  javascript: JAVASCRIPT,
  node: JAVASCRIPT,
  rust: RUST,
  go: GO,
  java: JAVA,
  kotlin: JAVA,
  csharp: JAVA,
  ruby: RUBY,
  php: PHP,
  native: NATIVE,
  c: NATIVE,
  cocoa: NATIVE,
  objc: NATIVE,
  swift: NATIVE,
};

const BY_EXTENSION: Record<string, string> = {
  py: "python",
  js: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  ts: "javascript",
  tsx: "javascript",
  jsx: "javascript",
  rs: "rust",
  go: "go",
  java: "java",
  kt: "java",
  cs: "java",
  rb: "ruby",
  erb: "ruby",
  php: "php",
  c: "native",
  cc: "native",
  cpp: "native",
  h: "native",
  swift: "native",
  m: "native",
};

/** The language of a frame: by its file's ending, else by the event's platform. */
export function languageOf(filename: string | null | undefined, platform: string | null | undefined): string {
  const ending = /\.([A-Za-z]+)(?:[?#].*)?$/.exec(filename ?? "")?.[1]?.toLowerCase();
  return (ending && BY_EXTENSION[ending]) || (platform ?? "").split("-")[0] || "";
}

/** Lines beyond this are shown plain: minified files have lines of a megabyte. */
const LINE_MAX = 1000;

export function tokens(line: string, language: string): Token[] {
  const rules = BY_NAME[language];
  if (!rules || line.length > LINE_MAX) return [{ kind: "plain", text: line }];
  const out: Token[] = [];
  const push = (kind: TokenKind, text: string) => {
    const last = out[out.length - 1];
    if (last && last.kind === kind) last.text += text;
    else out.push({ kind, text });
  };
  let i = 0;
  while (i < line.length) {
    const rest = line.slice(i);
    const c = line[i] as string;
    if (rules.comments.some((start) => rest.startsWith(start))) {
      const closed = rest.startsWith("/*") ? rest.indexOf("*/", 2) : -1;
      const length = closed >= 0 ? closed + 2 : rest.length;
      push("comment", rest.slice(0, length));
      i += length;
      continue;
    }
    if (rules.quotes.includes(c)) {
      const end = closingQuote(line, i);
      push("string", line.slice(i, end));
      i = end;
      continue;
    }
    const name = /^[A-Za-z_$][\w$]*/.exec(rest)?.[0];
    if (name) {
      if (rules.keywords.has(name)) push("keyword", name);
      else if (/^\s*[!]?\(/.test(rest.slice(name.length))) push("call", name);
      else push("plain", name);
      i += name.length;
      continue;
    }
    const number = /^(?:0[xX][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(rest)?.[0];
    if (number) {
      push("number", number);
      i += number.length;
      continue;
    }
    push("plain", c);
    i += 1;
  }
  return out;
}

function closingQuote(line: string, start: number): number {
  const quote = line[start] as string;
  // Three quotes open a text that may end on another line.
  const triple = quote.repeat(3);
  if (line.startsWith(triple, start)) {
    const end = line.indexOf(triple, start + 3);
    return end < 0 ? line.length : end + 3;
  }
  for (let i = start + 1; i < line.length; i += 1) {
    if (line[i] === "\\") i += 1;
    else if (line[i] === quote) return i + 1;
  }
  return line.length;
}
