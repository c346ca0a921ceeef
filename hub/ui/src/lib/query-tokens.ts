/**
 * The search text as one reads it: keys, values, operators, words. It colours what is typed and says
 * what is being typed; what a query means, only the hub says.
 */

export type TokenKind = "key" | "colon" | "value" | "word" | "not" | "logic" | "bracket" | "blank";

export interface Token {
  kind: TokenKind;
  text: string;
  /** Place in the text, in UTF-16. */
  from: number;
}

const BARE_KEY = /^[A-Za-z0-9_.-]+(\[[^\]\s]*\])?(?=:)/;
const QUOTED = /^"(?:[^"\\]|\\[\s\S])*"?/;
const LIST = /^\[[^\]]*\]?/;
/** What joins may be written small; `not` is a word. */
const LOGIC = /^([Aa][Nn][Dd]|[Oo][Rr]|NOT)(?=[\s()]|$)/;
/** What stands between the items of a list, and texts in which nothing does. */
const BETWEEN = /"(?:[^"\\]|\\[\s\S])*"?|[,\]]/g;

/** Cuts the text without losing a letter of it. */
export function queryTokens(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (kind: TokenKind, text: string) => {
    if (text === "") return;
    tokens.push({ kind, text, from: at });
    at += text.length;
  };
  while (at < query.length) {
    const rest = query.slice(at);
    const blank = /^\s+/.exec(rest)?.[0];
    const logic = LOGIC.exec(rest)?.[0];
    if (blank) take("blank", blank);
    else if (rest[0] === "(" || rest[0] === ")") take("bracket", rest[0]);
    else if (logic) take("logic", logic);
    else term(rest, take, () => query.slice(at));
  }
  return tokens;
}

function term(start: string, take: (kind: TokenKind, text: string) => void, left: () => string): void {
  if (/^![^\s()]/.test(start)) take("not", "!");
  const rest = left();
  const quoted = QUOTED.exec(rest)?.[0];
  const isAddress = /^https?:\/\//.test(rest);
  const key =
    quoted && rest[quoted.length] === ":" ? quoted : isAddress ? undefined : BARE_KEY.exec(rest)?.[0];
  if (!key) {
    take("word", quoted ?? /^[^\s()]+/.exec(rest)?.[0] ?? rest.slice(0, 1));
    return;
  }
  take("key", key);
  take("colon", ":");
  const value = left();
  const operator = /^(>=|<=|!=|>|<|=)/.exec(value)?.[0] ?? "";
  take("colon", operator);
  const text = left();
  take("value", QUOTED.exec(text)?.[0] ?? LIST.exec(text)?.[0] ?? /^[^\s)]*/.exec(text)?.[0] ?? "");
}

/** What stands at the caret, and which part of the text a choice replaces. */
export type Typing =
  | { what: "key"; part: string; from: number; to: number }
  | { what: "value"; key: string; part: string; from: number; to: number; inList?: true }
  | null;

export function typingAt(query: string, caret: number): Typing {
  const tokens = queryTokens(query);
  const i = tokens.findIndex(({ from, text }) => from < caret && caret <= from + text.length);
  const token = tokens[i];
  if (!token || token.kind === "blank" || token.kind === "bracket" || token.kind === "not") {
    return { what: "key", part: "", from: caret, to: caret };
  }
  const end = token.from + token.text.length;
  const part = token.text.slice(0, caret - token.from);
  if (token.kind === "word") {
    // Nobody wants to be completed in the middle of a text.
    return part.startsWith('"') ? null : { what: "key", part, from: token.from, to: end };
  }
  if (token.kind === "key") return { what: "key", part: bare(part), from: token.from, to: end };
  if (token.kind === "logic") return { what: "key", part, from: token.from, to: end };
  const key = tokens.slice(0, i).findLast(({ kind }) => kind === "key");
  if (!key) return null;
  if (token.kind === "colon") {
    const next = tokens[i + 1];
    const to = next?.kind === "value" ? next.from + next.text.length : caret;
    return { what: "value", key: bare(key.text), part: "", from: caret, to };
  }
  if (part.startsWith("[")) return itemAt(token, caret, bare(key.text));
  return { what: "value", key: bare(key.text), part: bare(part), from: token.from, to: end };
}

/** The item of a list at the caret, without the blanks around it. */
function itemAt({ text, from: start }: Token, caret: number, key: string): Typing {
  const at = caret - start;
  let from = 1;
  for (const { 0: sign, index } of text.slice(0, at).matchAll(BETWEEN)) {
    // Behind the list.
    if (sign === "]") return null;
    if (sign === ",") from = index + 1;
  }
  while (from < at && text[from] === " ") from += 1;
  // What follows a list that is not ended yet may be no item.
  const end = text[from] === '"' ? /[,\]]|$/ : /[\s,\]]|$/;
  const to = at + text.slice(at).search(end);
  return {
    what: "value",
    key,
    part: bare(text.slice(from, at)),
    from: start + from,
    to: start + to,
    inList: true,
  };
}

function bare(text: string): string {
  const inner = text.startsWith('"')
    ? text.slice(1, text.endsWith('"') && text.length > 1 ? -1 : undefined)
    : text;
  return inner.replace(/\\(.)/g, "$1").replace(/^tags\[(.*)\]$/, "$1");
}
