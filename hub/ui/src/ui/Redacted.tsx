/** A mark on values that were changed on their way, which names the rule. */

import { explain, type Meta } from "../lib/meta.ts";
import { Icon } from "./icons.tsx";
import styles from "./Redacted.module.css";

/** What the scrubber leaves in place of a value. */
const PLACEHOLDER =
  /\[(?:Filtered|Redacted|REDACTED|Removed|redacted|ip|email|creditcard|iban|usssn|pemkey|auth|token|user)\]/;

export function RedactedMark({ meta, value }: { meta?: Meta; value?: unknown }) {
  const lines = explain(meta);
  if (lines.length === 0) {
    if (typeof value !== "string" || !PLACEHOLDER.test(value)) return null;
    lines.push("Removed as private data before it reached the hub");
  }
  const text = lines.join("\n");
  return (
    <span className={styles.mark} title={text} role="img" aria-label={text}>
      <Icon name="shield" size={11} />
    </span>
  );
}
