/** Where two JSON values differ, leaf by leaf. */

export interface Change {
  /** Keys and places from the root, joined by dots. */
  path: string;
  /** `undefined` where there is none. */
  before: unknown;
  after: unknown;
}

/** Leaves that differ, in the order of `before`, at most `most`; keys named in `without` are passed over. */
export function changes(
  before: unknown,
  after: unknown,
  without: readonly string[] = [],
  most = 200,
): Change[] {
  const found: Change[] = [];
  const walk = (path: string, left: unknown, right: unknown) => {
    if (found.length >= most || Object.is(left, right)) return;
    if (!isTree(left) || !isTree(right) || Array.isArray(left) !== Array.isArray(right)) {
      found.push({ path, before: left, after: right });
      return;
    }
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      if (without.includes(key)) continue;
      walk(path ? `${path}.${key}` : key, left[key], right[key]);
    }
  };
  walk("", before, after);
  return found;
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
