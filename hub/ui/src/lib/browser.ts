/** What a browser is called by the text that it sends of itself. */

/** Those that name others as well come before the others. */
const BROWSERS: readonly [mark: RegExp, name: string][] = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bHeadlessChrome\/|\bChrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: readonly [mark: RegExp, name: string][] = [
  [/\bAndroid\b/, "Android"],
  [/\biPhone\b|\biPad\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** "Firefox on Linux"; of what is no browser, its own first word. */
export function browserName(userAgent: string): string {
  if (!userAgent) return "Unknown browser";
  const of = (list: readonly [RegExp, string][]) => list.find(([mark]) => mark.test(userAgent))?.[1];
  const browser = of(BROWSERS);
  const system = of(SYSTEMS);
  if (!browser) return userAgent.split(/[\s/]/, 1)[0] || "Unknown browser";
  return system ? `${browser} on ${system}` : browser;
}
