/** An event as plain Markdown: for a ticket, a chat, or a language model. */

import type { Breadcrumb, ExceptionValue, RequestData } from "./event-shape.ts";
import { asText } from "./stack.ts";

export interface Parts {
  title: string;
  /** Names and values for the list on top; what is empty is left out. */
  facts: readonly (readonly [name: string, value: string | null | undefined])[];
  message: string;
  exceptions: readonly ExceptionValue[];
  breadcrumbs: readonly Breadcrumb[];
  request: RequestData | null;
}

/** The last ones lead to the crash. */
const BREADCRUMBS_MAX = 20;

export function markdown(parts: Parts): string {
  const blocks = [`# ${oneLine(parts.title)}`];
  const facts = parts.facts
    .filter(([, value]) => value)
    .map(([name, value]) => `- ${name}: ${oneLine(value ?? "")}`);
  if (facts.length) blocks.push(facts.join("\n"));
  if (parts.message) blocks.push(`## Message\n\n${fenced(parts.message)}`);
  if (parts.exceptions.length) blocks.push(`## Stack trace\n\n${fenced(asText(parts.exceptions))}`);
  if (parts.breadcrumbs.length) {
    const lines = parts.breadcrumbs.slice(-BREADCRUMBS_MAX).map((crumb) => {
      const data = crumb.data && Object.keys(crumb.data).length ? ` ${JSON.stringify(crumb.data)}` : "";
      return oneLine(
        `${crumb.timestamp ?? ""} [${crumb.category ?? crumb.type ?? "default"}] ${crumb.message ?? ""}${data}`,
      ).trim();
    });
    blocks.push(`## Breadcrumbs\n\n${fenced(lines.join("\n"))}`);
  }
  if (parts.request?.url)
    blocks.push(`## Request\n\n${fenced(`${parts.request.method ?? "GET"} ${parts.request.url}`)}`);
  return `${blocks.join("\n\n")}\n`;
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
