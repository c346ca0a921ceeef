/** An event as plain Markdown: for a ticket, a chat, or a language model. */

import { describe, inOrder } from "./breadcrumbs.ts";
import type { Breadcrumb, ExceptionValue, Frame, Json, RequestData } from "./event-shape.ts";
import { asText, location, openFrame } from "./stack.ts";

export interface Parts {
  title: string;
  /** Names and values for the list on top; what is empty is left out. */
  facts: readonly (readonly [name: string, value: string | null | undefined])[];
  message: string;
  exceptions: readonly ExceptionValue[];
  breadcrumbs: readonly Breadcrumb[];
  request: RequestData | null;
  tags: readonly (readonly [key: string, value: string])[];
}

/** The last ones lead to the crash. */
const BREADCRUMBS_MAX = 20;
const VARIABLES_MAX = 40;
/** Of one variable: what explains a crash is mostly short. */
const VALUE_MAX = 300;

export function markdown(parts: Parts): string {
  const blocks = [`# ${oneLine(parts.title)}`];
  const facts = parts.facts
    .filter(([, value]) => value)
    .map(([name, value]) => `- ${name}: ${oneLine(value ?? "")}`);
  if (facts.length) blocks.push(facts.join("\n"));
  if (parts.message) blocks.push(`## Message\n\n${fenced(parts.message)}`);
  if (parts.exceptions.length) blocks.push(`## Stack trace\n\n${fenced(asText(parts.exceptions))}`);
  blocks.push(...relevantFrame(parts.exceptions));
  if (parts.breadcrumbs.length) {
    const last = inOrder(parts.breadcrumbs).slice(-BREADCRUMBS_MAX);
    blocks.push(`## Breadcrumbs\n\n${fenced(last.map(({ crumb }) => crumbLine(crumb)).join("\n"))}`);
  }
  if (parts.request?.url)
    blocks.push(`## Request\n\n${fenced(`${parts.request.method ?? "GET"} ${parts.request.url}`)}`);
  if (parts.tags.length)
    blocks.push(
      `## Tags\n\n${fenced(parts.tags.map(([key, value]) => oneLine(`${key}: ${value}`)).join("\n"))}`,
    );
  return `${blocks.join("\n\n")}\n`;
}

function crumbLine(crumb: Breadcrumb): string {
  const { headline, rest } = describe(crumb);
  const kind = [crumb.category || crumb.type || "default", crumb.level].filter(Boolean).join(", ");
  const words = [crumb.timestamp, `[${kind}]`, headline, rest ? JSON.stringify(rest) : ""];
  return oneLine(words.filter(Boolean).join(" "));
}

/** The source around the frame that stands open on the page, and what its variables held. */
function relevantFrame(exceptions: readonly ExceptionValue[]): string[] {
  const trace = exceptions.at(-1)?.stacktrace;
  const frame = trace?.frames?.[openFrame(trace)];
  if (!frame) return [];
  const source = (frame.context ?? []).map(
    ([no, line]) => `${no === frame.lineNo ? ">" : " "} ${no} | ${line ?? ""}`,
  );
  const variables = Object.entries(frame.vars ?? {});
  return [
    ...(source.length > 1 ? [`## Source\n\n${oneLine(where(frame))}\n\n${fenced(source.join("\n"))}`] : []),
    ...(variables.length
      ? [
          `## Variables\n\n${oneLine(where(frame))}\n\n${fenced(variables.slice(0, VARIABLES_MAX).map(variable).join("\n"))}`,
        ]
      : []),
  ];
}

function where(frame: Frame): string {
  return `${inline(location(frame))}${frame.function ? ` in ${inline(frame.function)}` : ""}`;
}

/** In a line of text nothing of it may begin markup. */
function inline(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = "`".repeat(longest + 1);
  return longest ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}

function variable([name, value]: readonly [string, Json]): string {
  const text = JSON.stringify(value);
  return oneLine(`${name} = ${text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text}`);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}

/** A fence longer than any run of backticks inside it. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
