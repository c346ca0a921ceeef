/** Numbers, sizes and shares. Parts are rounded so that they add up to the whole. */

/** "999", "1.2k", "34k", "1.2m": at most four characters. */
export function count(n: number): string {
  if (!Number.isFinite(n)) return "–";
  const size = Math.abs(n);
  if (size < 1000) return String(Math.round(n));
  const units: [number, string][] = [
    [1e9, "b"],
    [1e6, "m"],
    [1e3, "k"],
  ];
  for (const [unit, name] of units) {
    // 999,950 would otherwise print as 1000k.
    if (size >= unit * 0.9995) {
      const scaled = n / unit;
      return `${Math.abs(scaled) < 9.95 ? trimZero(scaled.toFixed(1)) : Math.round(scaled)}${name}`;
    }
  }
  return String(Math.round(n));
}

function trimZero(text: string): string {
  return text.endsWith(".0") ? text.slice(0, -2) : text;
}

/** "1,234,567". */
export function exact(n: number): string {
  return Math.round(n).toLocaleString("en-US");
}

/** "1 event", "2,000 events". */
export function plural(n: number, one: string, many: string = `${one}s`): string {
  return `${exact(n)} ${n === 1 ? one : many}`;
}

/** "512 B", "1.5 KiB", "64 MiB". */
export function bytes(n: number): string {
  if (!Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = n;
  let unit = 0;
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 9.95 ? Math.round(size) : trimZero(size.toFixed(1))} ${units[unit]}`;
}

/**
 * Whole percentages of `total` that add up to 100 when the parts add up to the total (largest
 * remainder). A part that is not zero never shows as zero: it is `null`, printed as "<1".
 */
export function percentages(parts: readonly number[], total: number): (number | null)[] {
  if (total <= 0) return parts.map(() => 0);
  const raw = parts.map((part) => (part * 100) / total);
  const floors = raw.map(Math.floor);
  const sum = raw.reduce((a, b) => a + b, 0);
  let left = Math.round(sum) - floors.reduce((a, b) => a + b, 0);
  const order = raw.map((value, i) => [value - Math.floor(value), i] as const).sort((a, b) => b[0] - a[0]);
  for (const [, i] of order) {
    if (left <= 0) break;
    floors[i] = (floors[i] ?? 0) + 1;
    left -= 1;
  }
  return floors.map((value, i) => (value === 0 && (parts[i] ?? 0) > 0 ? null : value));
}

export function percentText(value: number | null): string {
  return value === null ? "<1%" : `${value}%`;
}

/** Cuts the middle out of long text, so that both ends stay readable. */
export function middle(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) / 2);
  const tail = max - 1 - head;
  return `${text.slice(0, head)}…${tail > 0 ? text.slice(-tail) : ""}`;
}

/** Long releases are mostly a name, a version and a hash: "shop@1.2.3", "a1b2c3d4e5f6". */
export function shortRelease(version: string): string {
  const tail = version.slice(version.lastIndexOf("@") + 1);
  return /^[0-9a-f]{20,}$/.test(tail) ? tail.slice(0, 12) : middle(tail || version, 28);
}

/** Two letters for an avatar: from the name, else from the address. */
export function initials(name: string): string {
  const words = name
    .replace(/@.*/, "")
    .split(/[\s._-]+/)
    .filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  const text = letters.map((word) => [...(word ?? "")][0] ?? "").join("");
  return (words.length === 1 ? [...(words[0] ?? "")].slice(0, 2).join("") : text).toUpperCase() || "?";
}
