/** Why this event is in this issue: every variant, its hash, and the parts that made it. */

import type { EventDetail } from "../../api/types.ts";
import type { Json } from "../../lib/event-shape.ts";
import { variantName } from "../../lib/grouping-names.ts";
import { Badge } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { Panel } from "../../ui/Panel.tsx";
import styles from "./Grouping.module.css";

export interface Component {
  id?: string;
  name?: string | null;
  contributes?: boolean;
  hint?: string | null;
  values?: (Component | Json)[];
}

export interface Variant {
  key: string;
  type?: string;
  description?: string | null;
  hash?: string | null;
  contributes?: boolean;
  hint?: string | null;
  component?: Component | null;
  values?: Json[];
}

export function Grouping({ event }: { event: EventDetail }) {
  const variants = variantsOf(event.groupingInfo);
  const hashes = event.fingerprints ?? [];
  if (variants.length === 0 && hashes.length === 0) return null;
  return (
    <Panel id="grouping" title="How it was grouped" flush>
      {variants.length === 0 ? (
        <p className={styles.lead}>
          Grouped by{" "}
          {hashes.map((hash) => (
            <code key={hash}>{hash} </code>
          ))}
        </p>
      ) : (
        variants.map((variant, i) => <VariantView key={i} variant={variant} />)
      )}
    </Panel>
  );
}

function VariantView({ variant }: { variant: Variant }) {
  const used = variant.contributes !== false && Boolean(variant.hash);
  return (
    <section className={cx(styles.variant, !used && styles.unused)}>
      <header className={styles.head}>
        <Badge tone={used ? "accent" : "neutral"}>{used ? "counts" : "not used"}</Badge>
        <strong>{variantName(variant.key)}</strong>
        {variant.description ? <span>{variant.description}</span> : null}
        {variant.hash ? <code className={styles.hash}>{variant.hash}</code> : null}
      </header>
      {variant.hint ? <p className={styles.hint}>{variant.hint}</p> : null}
      {variant.values?.length ? (
        <ul className={styles.tree}>
          {variant.values.map((value, i) => (
            <Leaf key={i} value={value} used={used} />
          ))}
        </ul>
      ) : null}
      {variant.component ? (
        <details>
          <summary>Parts</summary>
          <ul className={styles.tree}>
            <Node component={variant.component} />
          </ul>
        </details>
      ) : null}
    </section>
  );
}

function Node({ component }: { component: Component }) {
  const used = component.contributes !== false;
  return (
    <li>
      <span className={cx(styles.name, !used && styles.dim)}>
        {(component.name || component.id || "part").replace(/_/g, " ")}
      </span>
      {component.hint ? <span className={styles.hint}> {component.hint}</span> : null}
      {component.values?.length ? (
        <ul className={styles.tree}>
          {component.values.map((value, i) =>
            isComponent(value) ? (
              <Node key={i} component={value} />
            ) : (
              <Leaf key={i} value={value} used={used} />
            ),
          )}
        </ul>
      ) : null}
    </li>
  );
}

function Leaf({ value, used }: { value: Json; used: boolean }) {
  return (
    <li className={cx(styles.leaf, !used && styles.dim)}>
      {typeof value === "string" ? value : JSON.stringify(value)}
    </li>
  );
}

function isComponent(value: Component | Json): value is Component {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The explanation comes as a map by name, or as a list. */
export function variantsOf(info: Json | undefined): Variant[] {
  if (typeof info !== "object" || info === null) return [];
  const source = (!Array.isArray(info) && "variants" in info ? info.variants : info) as Json;
  if (Array.isArray(source)) {
    return source.filter(isComponent).map((variant, i) => {
      const fields = variant as Partial<Variant> & { name?: string };
      return { ...fields, key: String(fields.key ?? fields.name ?? i) };
    });
  }
  if (typeof source !== "object" || source === null) return [];
  const variants = Object.entries(source)
    .filter(([, value]) => typeof value === "object" && value !== null)
    .map(([key, value]) => ({ ...(value as unknown as Variant), key }));
  return variants.sort((a, b) => Number(Boolean(b.hash)) - Number(Boolean(a.hash)));
}
