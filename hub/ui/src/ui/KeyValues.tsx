/** Names and values from outside, as a table in the code's typeface. */

import type { Json } from "../lib/event-shape.ts";
import { child, type Meta } from "../lib/meta.ts";
import styles from "./KeyValues.module.css";
import { ValueTree } from "./ValueTree.tsx";

interface Props {
  label: string;
  entries: readonly (readonly [name: string, value: Json | undefined, metaKey?: string | number])[];
  meta?: Meta;
  /** What a bare value means to a person. */
  note?: (name: string, value: Json | undefined) => string | null;
}

export function KeyValues({ label, entries, meta, note }: Props) {
  return (
    <table className={styles.table} aria-label={label}>
      <tbody>
        {entries.map(([name, value, metaKey], i) => (
          <tr key={`${name}:${i}`}>
            <th scope="row">{name}</th>
            <td>
              <ValueTree value={value} meta={child(meta, metaKey ?? name)} />
              <Note text={note?.(name, value)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Note({ text }: { text: string | null | undefined }) {
  return text ? <span className={styles.note}>{text}</span> : null;
}
