/**
 * The only fetch of the dashboard: one base address, one error shape, one answer to 401.
 */

/** What went wrong, in the API's own words. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | null;
  /** Messages by field, for forms. */
  readonly fields: Record<string, string>;

  /** Which bytes of the search text are wrong: the first, and the one behind the last. */
  readonly span: readonly [number, number] | null;

  constructor(
    status: number,
    message: string,
    code: string | null = null,
    fields: Record<string, string> = {},
    span: readonly [number, number] | null = null,
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.span = span;
  }
}

export type QueryValue = string | number | boolean | null | undefined | readonly string[];

export interface RequestOptions {
  query?: Record<string, QueryValue>;
  body?: unknown;
  signal?: AbortSignal;
  /** Parameters that are sent even when they are empty. */
  keep?: readonly string[];
  /** The login form shows its 401 itself. */
  quiet401?: boolean;
}

export interface Answer<T> {
  data: T;
  headers: Headers;
  status: number;
}

let csrfToken = "";
let unauthenticated: () => void = () => {};

/** The session's token, sent with every change. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

/** What to do when the session has ended. */
export function onUnauthenticated(callback: () => void): void {
  unauthenticated = callback;
}

/** What `apiUrl` cannot know: each part of a path that came from outside is one part only. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

/** The hub decides where it lives: `<base href>` is its word. */
export function apiUrl(
  path: string,
  query: Record<string, QueryValue> = {},
  keep: readonly string[] = [],
): URL {
  const url = new URL(`api/0/${path}`, document.baseURI);
  for (const [key, value] of Object.entries(query)) {
    if (value === null || value === undefined || (value === "" && !keep.includes(key))) continue;
    if (Array.isArray(value)) for (const item of value) url.searchParams.append(key, item);
    else url.searchParams.set(key, String(value));
  }
  return url;
}

export async function request<T>(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  options: RequestOptions = {},
): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;

  let response: Response;
  try {
    response = await fetch(apiUrl(path, options.query, options.keep), {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
      credentials: "same-origin",
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(0, "The hub cannot be reached.");
  }

  const text = await response.text();
  const data = parse(text);
  if (response.ok) return { data: data as T, headers: response.headers, status: response.status };
  const error = toError(response.status, data);
  if (response.status === 401 && !options.quiet401) unauthenticated();
  throw error;
}

export async function get<T>(path: string, options?: RequestOptions): Promise<T> {
  return (await request<T>("GET", path, options)).data;
}

/** The bytes of a file, of which no more than `max` are read. */
export async function bytesOf(path: string, max: number, signal?: AbortSignal): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path, { download: "1" }), { signal, credentials: "same-origin" });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "The hub cannot be reached.");
  }
  if (!response.ok) {
    if (response.status === 401) unauthenticated();
    throw toError(response.status, parse(await response.text()));
  }
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  while (reader && size < max) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  await reader?.cancel();
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.subarray(0, max);
}

function parse(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The API's error shapes: a text, an object with a code, or messages by field. */
export function toError(status: number, body: unknown): ApiError {
  if (typeof body === "object" && body !== null) {
    const { detail, error, field, span } = body as Record<string, unknown>;
    if (typeof detail === "string") {
      // Beside its field a message needs no name.
      const fields: Record<string, string> =
        typeof field === "string" ? { [field]: detail.replace(`${field}: `, "") } : {};
      const at =
        Array.isArray(span) && span.length === 2 ? ([Number(span[0]), Number(span[1])] as const) : null;
      return new ApiError(status, detail, null, fields, at);
    }
    if (typeof detail === "object" && detail !== null) {
      const { code, message } = detail as { code?: string; message?: string };
      return new ApiError(status, message ?? fallback(status), code ?? null);
    }
    if (typeof error === "string") return new ApiError(status, error);
    const fields: Record<string, string> = {};
    for (const [key, value] of Object.entries(body)) {
      const message = Array.isArray(value) ? value.filter((v) => typeof v === "string").join(" ") : value;
      if (typeof message === "string" && message) fields[key] = message;
    }
    const first = Object.entries(fields)[0];
    if (first) {
      const message = first[0] === "nonFieldErrors" ? first[1] : `${first[0]}: ${first[1]}`;
      return new ApiError(status, message, null, fields);
    }
  }
  return new ApiError(status, fallback(status));
}

function fallback(status: number): string {
  if (status === 401) return "You are not signed in.";
  if (status === 403) return "You are not allowed to do this.";
  if (status === 404) return "There is nothing here.";
  if (status === 429) return "Too many requests. Try again in a moment.";
  return status >= 500
    ? `The hub answered with an error (${status}).`
    : `The request was refused (${status}).`;
}
