/** The equation of one relay, with every term that is not zero and its reasons. */

import type { LedgerRelay } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { balance, type Part, reasonText } from "../../lib/ledger.ts";
import { Badge } from "../../ui/Badge.tsx";
import styles from "./Fleet.module.css";

export function LedgerView({ ledger }: { ledger: LedgerRelay }) {
  const sums = balance(ledger.terms);
  return (
    <section className={styles.ledger} aria-label={`Ledger of ${ledger.relayName}`}>
      <h3>
        Ledger{" "}
        {sums.unexplained === 0 ? (
          <Badge tone="ok">adds up</Badge>
        ) : (
          <Badge tone="danger">{exact(sums.unexplained)} unexplained</Badge>
        )}
      </h3>
      <p className={styles.equation}>
        <Amount name="received" n={sums.received} />
        <b>=</b>
        <Amount name="accepted" n={sums.accepted} />
        <b>+</b>
        <Amount name="refused" n={sums.refused.quantity} bad={sums.refused.quantity > 0} />
      </p>
      <p className={styles.equation}>
        <Amount name="accepted" n={sums.accepted} />
        <b>=</b>
        <Amount name="applied" n={sums.applied} />
        {sums.dropped.map((part) => (
          <span key={part.term} className={styles.term}>
            <b>+</b>
            <Amount name={part.term} n={part.quantity} bad />
          </span>
        ))}
        <b>+</b>
        <Amount name="waiting" n={sums.waiting} />
      </p>
      <Reasons parts={[sums.refused, ...sums.dropped]} />
    </section>
  );
}

function Amount({ name, n, bad }: { name: string; n: number; bad?: boolean }) {
  return (
    <span className={bad ? styles.bad : undefined}>
      <strong>{exact(n)}</strong> {name}
    </span>
  );
}

function Reasons({ parts }: { parts: readonly Part[] }) {
  const shown = parts.flatMap((part) => part.reasons.map((reason) => ({ ...reason, term: part.term })));
  if (shown.length === 0) return null;
  return (
    <ul className={styles.reasons} aria-label="Reasons">
      {shown.map(({ term, reason, quantity }) => (
        <li key={`${term}:${reason}`}>
          {exact(quantity)} {term}: {reasonText(reason)}
        </li>
      ))}
    </ul>
  );
}
