/** Which of many names fit what was typed, the best first. */

/** Every part of the text must occur; names that begin with it come first, then words that do. */
export function pick<T>(items: readonly T[], name: (item: T) => string, text: string): T[] {
  const parts = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = (item: T): number => {
    const whole = name(item).toLowerCase();
    if (!parts.every((part) => whole.includes(part))) return -1;
    if (parts.length === 0 || whole.startsWith(parts[0] as string)) return 2;
    return whole.split(/[\s/_-]+/).some((word) => word.startsWith(parts[0] as string)) ? 1 : 0;
  };
  return items
    .map((item) => [item, rank(item)] as const)
    .filter(([, place]) => place >= 0)
    .sort((a, b) => b[1] - a[1])
    .map(([item]) => item);
}
