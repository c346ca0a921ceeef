/** The lines of a text, trimmed, without empty ones and repetitions. */
export function lines(text: string): string[] {
  const trimmed = text.split("\n").map((line) => line.trim());
  return [...new Set(trimmed.filter(Boolean))];
}
