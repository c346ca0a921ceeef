/**
 * The ledger's two equations: received = accepted + refused, and accepted = applied + everything
 * that was dropped for a reason + what is still on its way.
 */

export interface Term {
  term: string;
  reason: string;
  category: string;
  quantity: number;
}

export interface Part {
  term: string;
  quantity: number;
  /** By reason, largest first. */
  reasons: { reason: string; quantity: number }[];
}

export interface Balance {
  received: number;
  accepted: number;
  refused: Part;
  applied: number;
  /** Terms that took items away after they were accepted; those with nothing in them are left out. */
  dropped: Part[];
  /** Accepted, and neither applied nor dropped: what waits in the spool or is under way. */
  waiting: number;
  /** received − accepted − refused: zero, or the ledger itself is wrong. */
  unexplained: number;
}

const DROPS = ["filtered", "sampled", "invalid", "expired", "evicted", "corrupt", "rejected"];

export function balance(terms: readonly Term[]): Balance {
  const part = (term: string): Part => {
    const own = terms.filter((each) => each.term === term);
    const reasons = new Map<string, number>();
    for (const { reason, quantity } of own) reasons.set(reason, (reasons.get(reason) ?? 0) + quantity);
    return {
      term,
      quantity: own.reduce((sum, each) => sum + each.quantity, 0),
      reasons: [...reasons]
        .map(([reason, quantity]) => ({ reason, quantity }))
        .filter((each) => each.quantity !== 0)
        .sort((a, b) => b.quantity - a.quantity),
    };
  };
  const received = part("received").quantity;
  const accepted = part("accepted").quantity;
  const refused = part("refused");
  const applied = part("applied").quantity;
  const dropped = DROPS.map(part).filter((each) => each.quantity !== 0);
  const lost = dropped.reduce((sum, each) => sum + each.quantity, 0);
  return {
    received,
    accepted,
    refused,
    applied,
    dropped,
    waiting: accepted - applied - lost,
    unexplained: received - accepted - refused.quantity,
  };
}

/** Reasons are words joined by underscores. */
export function reasonText(reason: string): string {
  return reason ? reason.replace(/_/g, " ") : "no reason given";
}
