/** What stands behind `?` in the address: plain text values, repeated keys for lists. */

export type Raw = Record<string, string | string[]>;

export function parseSearch(search: string): Raw {
  const raw: Raw = {};
  for (const [key, value] of new URLSearchParams(search)) {
    const known = raw[key];
    if (known === undefined) raw[key] = value;
    else raw[key] = Array.isArray(known) ? [...known, value] : [known, value];
  }
  return raw;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value === undefined || value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) params.append(key, String(item));
  }
  // Colons and slashes are allowed here, and a query full of %3A cannot be read.
  const text = params.toString().replace(/%3A/gi, ":").replace(/%2F/gi, "/").replace(/%40/g, "@");
  return text ? `?${text}` : "";
}

export function text(value: unknown): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" || typeof first === "number" ? String(first) : undefined;
}

export function texts(value: unknown): string[] | undefined {
  const all = (Array.isArray(value) ? value : [value])
    .filter((v) => v !== undefined && v !== null)
    .map(String);
  return all.length ? all : undefined;
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  const one = text(value);
  return allowed.find((each) => each === one);
}
