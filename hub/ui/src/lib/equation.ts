/** The ledger's equation of one relay: sums over its lines, and what is off in words. */

import type { EquationLine } from "../api/types.ts";
import { plural } from "./format.ts";

export interface Totals {
  received: number;
  refused: number;
  accepted: number;
  delivered: number;
  dropped: number;
  waiting: number;
  applied: number;
  invalid: number;
  rejected: number;
}

export function lineTotals(lines: readonly EquationLine[]): Totals {
  const add = (value: (line: EquationLine) => number) => lines.reduce((sum, line) => sum + value(line), 0);
  const parts = (all: readonly { quantity: number }[]) => all.reduce((sum, part) => sum + part.quantity, 0);
  return {
    received: add((line) => line.received),
    refused: add((line) => parts(line.refused)),
    accepted: add((line) => line.accepted),
    delivered: add((line) => line.delivered),
    dropped: add((line) => parts(line.dropped)),
    waiting: add((line) => line.waiting),
    applied: add((line) => line.hub.applied),
    invalid: add((line) => line.hub.invalid),
    rejected: add((line) => line.hub.rejected),
  };
}

/** What does not add up in a line, the gravest first. */
export function offBy(line: EquationLine): string[] {
  const off: string[] = [];
  const say = (n: number, less: string, more: string) => {
    if (n > 0) off.push(`${plural(n, "item")} ${less}`);
    if (n < 0) off.push(`${plural(-n, "item")} ${more}`);
  };
  say(line.shortAtHub, "missing at the hub", "too many at the hub");
  say(line.lostInside, "lost in the relay", "too many in the relay");
  say(line.lostAtTheDoor, "lost at the door", "too many at the door");
  return off;
}

/** Reasons are words joined by underscores. */
export function reasonText(reason: string): string {
  return reason ? reason.replace(/_/g, " ") : "no reason given";
}
