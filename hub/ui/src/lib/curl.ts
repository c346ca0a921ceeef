/** The request of an event as a shell command. */

import type { RequestData } from "./event-shape.ts";

/** Headers that curl writes itself, or that make no sense when the request is made again. */
const LEFT_OUT = new Set(["host", "content-length", "connection", "accept-encoding", "transfer-encoding"]);

export function curl(request: RequestData): string {
  const lines: string[] = [];
  const method = request.method ?? "GET";
  const hasBody = request.data !== null && request.data !== undefined && request.data !== "";
  let head = "curl";
  if (method !== "GET" || hasBody) head += ` -X ${method}`;
  lines.push(`${head} ${shell(fullUrl(request))}`);
  for (const [name, value] of request.headers ?? []) {
    if (LEFT_OUT.has(name.toLowerCase()) || (name.toLowerCase() === "cookie" && request.cookies?.length))
      continue;
    lines.push(`-H ${shell(`${name}: ${value}`)}`);
  }
  if (request.cookies?.length) {
    lines.push(`-b ${shell(request.cookies.map(([name, value]) => `${name}=${value ?? ""}`).join("; "))}`);
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

/** One shell word, whatever it holds. */
export function shell(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`;
}
