/** The request of an event as a shell command. All of it came from outside, so all of it is quoted. */

import type { RequestData } from "./event-shape.ts";

/** Headers that curl writes itself, or that make no sense when the request is made again. */
const LEFT_OUT = new Set(["host", "content-length", "connection", "accept-encoding", "transfer-encoding"]);
/** What a header's name may consist of. curl reads a file where it begins with `@`. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

export function curl(request: RequestData): string {
  const method = request.method ?? "GET";
  const hasBody = request.data !== null && request.data !== undefined && request.data !== "";
  // Braces and brackets in an address are text, and an address never is an option.
  const lines = ["curl --globoff"];
  if (method !== "GET" || hasBody) lines[0] += ` --request ${word(method)}`;
  lines.push(`--url ${shell(fullUrl(request))}`);
  for (const [name, value] of request.headers ?? []) {
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(name) || LEFT_OUT.has(lower)) continue;
    if (lower === "cookie" && request.cookies?.length) continue;
    // Without a value curl would take the header away; `;` sends it empty.
    lines.push(`--header ${shell(value ? `${name}: ${value}` : `${name};`)}`);
  }
  if (request.cookies?.length) {
    lines.push(
      `--cookie ${shell(request.cookies.map(([name, value]) => `${name}=${value ?? ""}`).join("; "))}`,
    );
  }
  if (hasBody) {
    const body = typeof request.data === "string" ? request.data : JSON.stringify(request.data);
    lines.push(`--data-raw ${shell(body)}`);
  }
  return lines.join(" \\\n  ");
}

export function fullUrl(request: RequestData): string {
  const url = request.url ?? "";
  if (url.includes("?") || !request.query) return url;
  const query =
    typeof request.query === "string"
      ? request.query
      : request.query.map(([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v ?? "")}`).join("&");
  return query ? `${url}?${query.replace(/^\?/, "")}` : url;
}

/** Bare where it is harmless, as people write it. */
function word(text: string): string {
  return /^[A-Za-z0-9]+$/.test(text) ? text : shell(text);
}

/**
 * One shell word, whatever it holds. Control characters act on the terminal as soon as they are
 * pasted, so that a text with some is written with escapes; no argument can hold a NUL.
 */
export function shell(text: string): string {
  const whole = text.replace(/\0/g, "");
  if (!/\p{Cc}/u.test(whole.replace(/[\n\t]/g, ""))) return `'${whole.replace(/'/g, "'\\''")}'`;
  const escaped = whole.replace(/[\\']/g, "\\$&").replace(/\p{Cc}/gu, (c) => {
    const code = c.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `$'${escaped}'`;
}
