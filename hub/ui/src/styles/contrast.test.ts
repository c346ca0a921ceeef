import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const css = readFileSync(resolve("src/styles/tokens.css"), "utf8");

function tokensOf(selector: string): Record<string, string> {
  const body = css.split(`${selector} {`)[1]?.split("}")[0] ?? "";
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1], m[2]]));
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const channel = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

const light = tokensOf(":root");
const themes = { light, dark: { ...light, ...tokensOf(':root[data-theme="dark"]') } };

/** What is written on what. */
const PAIRS: [text: string, ground: string][] = [
  ...["text", "text-2", "text-3", "accent", "danger"].flatMap((text) =>
    ["bg", "surface", "side"].map((ground): [string, string] => [text, ground]),
  ),
  ["text-2", "surface-2"],
  ["text-3", "surface-2"],
  ["text-2", "surface-3"],
  ["text", "side-here"],
  ["on-accent", "accent"],
  ["accent", "accent-soft"],
  ["text", "accent-soft"],
  ["text-2", "accent-soft"],
  ["text-3", "accent-soft"],
  ["text-3", "surface-3"],
  ["danger", "danger-soft"],
  ["warning", "warning-soft"],
  ["warning", "surface"],
  ["info", "info-soft"],
  ["ok", "ok-soft"],
  ["fatal", "fatal-soft"],
  ["debug", "debug-soft"],
  ...["code-text", "code-comment", "code-string", "code-number", "code-keyword", "code-name"].flatMap(
    (text) => ["code-bg", "crash-line"].map((ground): [string, string] => [text, ground]),
  ),
];

describe.each(Object.entries(themes))("in the %s theme", (_, tokens) => {
  it.each(PAIRS)("%s can be read on %s", (text, ground) => {
    expect(contrast(tokens[text] as string, tokens[ground] as string)).toBeGreaterThanOrEqual(4.5);
  });
});
