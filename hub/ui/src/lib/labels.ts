/** Labels as people type them. */

/** `region=eu site=fra` as a map; what has no value is left out. */
export function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const word of text.split(/[\s,]+/)) {
    const cut = word.indexOf("=");
    if (cut > 0 && cut < word.length - 1) labels[word.slice(0, cut)] = word.slice(cut + 1);
  }
  return labels;
}
