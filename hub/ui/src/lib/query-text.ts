/**
 * The search text: cut into words, and put together again, without ever changing what it means.
 * The hub parses queries; this only reads enough of one to switch a filter on and off.
 */

export interface Word {
  /** As typed, with its quotes. */
  raw: string;
  /** The key of `key:value`, without `!`; undefined for free text. */
  key?: string;
  value: string;
  negated: boolean;
}

/** Splits at blanks outside quotes and brackets. */
export function words(query: string): Word[] {
  const found: Word[] = [];
  let word = "";
  let quoted = false;
  let depth = 0;
  const finish = () => {
    if (word) found.push(toWord(word));
    word = "";
  };
  for (let i = 0; i < query.length; i += 1) {
    const c = query[i] as string;
    if (c === "\\" && quoted) {
      word += c + (query[i + 1] ?? "");
      i += 1;
    } else if (c === '"') {
      quoted = !quoted;
      word += c;
    } else if (!quoted && c === "[") {
      depth += 1;
      word += c;
    } else if (!quoted && c === "]") {
      depth = Math.max(0, depth - 1);
      word += c;
    } else if (/\s/.test(c) && !quoted && depth === 0) {
      finish();
    } else {
      word += c;
    }
  }
  finish();
  return found;
}

function toWord(raw: string): Word {
  const negated = raw.startsWith("!") && raw.length > 1;
  const body = negated ? raw.slice(1) : raw;
  const match = /^("(?:[^"\\]|\\.)*"|[A-Za-z0-9_.-]+(?:\[[^\]]*\])?):([\s\S]*)$/.exec(body);
  if (!match || body.startsWith("http:") || body.startsWith("https:")) {
    return { raw, value: unquote(raw), negated: false };
  }
  return { raw, key: unquote(match[1] as string), value: unquote(match[2] as string), negated };
}

export function unquote(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  return text.slice(1, -1).replace(/\\(.)/g, "$1");
}

export function quote(value: string): string {
  if (value !== "" && !/[\s"()[\],*\\]/.test(value)) return value;
  return `"${value.replace(/["\\*]/g, "\\$&")}"`;
}

const KNOWN_KEYS = new Set(
  (
    "is has level environment release dist platform message title location http.method http.url http.referer " +
    "http.status_code user.id user.email user.username user.ip sdk.name sdk.version os.name error.type " +
    "error.value error.handled error.mechanism stack.function stack.filename stack.module transaction trace " +
    "device.family browser.name logger"
  ).split(" "),
);

/** `key:value` for a tag, in the explicit form where the key could be read as something else. */
export function tagTerm(key: string, value: string): string {
  if (key === "user") {
    const cut = value.indexOf(":");
    if (cut > 0) return `user.${value.slice(0, cut)}:${quote(value.slice(cut + 1))}`;
  }
  if (KNOWN_KEYS.has(key) || /^[A-Za-z][\w.-]*$/.test(key)) return `${key}:${quote(value)}`;
  return `tags[${key}]:${quote(value)}`;
}

export function hasTerm(query: string, term: string): boolean {
  return words(query).some((word) => word.raw === term);
}

/** Adds the term, or takes it away when it is there. */
export function toggleTerm(query: string, term: string): string {
  return hasTerm(query, term)
    ? words(query)
        .filter((word) => word.raw !== term)
        .map((word) => word.raw)
        .join(" ")
    : [query.trim(), term].filter(Boolean).join(" ");
}

/** The status a query asks for through `is:`, if it asks for exactly one. */
export function statusOf(query: string): string | null {
  const terms = words(query).filter((word) => word.key === "is" && !word.negated && STATUSES.has(word.value));
  return terms.length === 1 ? (terms[0]?.value ?? null) : null;
}

const STATUSES = new Set(["unresolved", "resolved", "archived", "ignored", "muted"]);

/** Replaces every status by one, or by none. */
export function withStatus(query: string, status: string | null): string {
  const rest = words(query)
    .filter((word) => !(word.key === "is" && STATUSES.has(word.value)))
    .map((word) => word.raw);
  return [...(status ? [`is:${status}`] : []), ...rest].join(" ");
}
