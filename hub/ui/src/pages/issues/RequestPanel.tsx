/** The web request during which it happened. */

import { curl, fullUrl } from "../../lib/curl.ts";
import type { Json, Pairs, RequestData } from "../../lib/event-shape.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { Copy } from "../../ui/Copy.tsx";
import { KeyValues } from "../../ui/KeyValues.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { Pre } from "../../ui/Pre.tsx";
import { RedactedMark } from "../../ui/Redacted.tsx";
import styles from "./EventPanel.module.css";

export function RequestPanel({ request, meta }: { request: RequestData; meta?: Meta }) {
  const query: Pairs = Array.isArray(request.query) ? request.query : pairsOf(request.query);
  return (
    <Panel
      id="request"
      title="Request"
      flush
      actions={<Copy text={() => curl(request)} label="Copy as curl" words="curl" />}
    >
      <p className={styles.url}>
        <strong>{request.method ?? "GET"}</strong> <span>{fullUrl(request).split("?")[0]}</span>
        <RedactedMark meta={child(meta, "url")} value={request.url} />
      </p>
      <PairTable title="Query" pairs={query} meta={child(meta, "query_string")} />
      <Body data={request.data} meta={child(meta, "data")} type={request.inferredContentType} />
      <PairTable title="Headers" pairs={request.headers ?? []} meta={child(meta, "headers")} />
      <PairTable title="Cookies" pairs={request.cookies ?? []} meta={child(meta, "cookies")} />
      <PairTable title="Environment" pairs={Object.entries(request.env ?? {})} meta={child(meta, "env")} />
    </Panel>
  );
}

function pairsOf(query: string | null | undefined): Pairs {
  return query ? [...new URLSearchParams(query)] : [];
}

interface PairsProps {
  title: string;
  pairs: readonly (readonly [string, Json | undefined])[];
  meta?: Meta;
}

function PairTable({ title, pairs, meta }: PairsProps) {
  if (pairs.length === 0) return null;
  return (
    <section className={styles.part}>
      <h3>
        {title}
        <RedactedMark meta={meta} />
      </h3>
      <KeyValues
        label={title}
        entries={pairs.map(([key, value], i) => [key, value, i] as const)}
        meta={Object.fromEntries(pairs.map(([key], i) => [i, pairMeta(meta, key, i)]))}
      />
    </section>
  );
}

/**
 * Remarks on pairs: an object has them under names, a list of pairs under `[position, 1]`. A text
 * that was cut into pairs here has them on the whole.
 */
function pairMeta(meta: Meta, name: string, position: number): Meta {
  return child(meta, name) ?? child(meta, position, 1) ?? child(meta, position);
}

function Body({ data, meta, type }: { data: Json | undefined; meta?: Meta; type?: string | null }) {
  if (data === null || data === undefined || data === "") return null;
  const title = type ? `Body, ${type}` : "Body";
  return (
    <section className={styles.part}>
      <h3>{title}</h3>
      {typeof data === "object" && !Array.isArray(data) ? (
        <KeyValues label="Body" entries={Object.entries(data)} meta={meta} />
      ) : (
        <Pre className={styles.pre}>
          {typeof data === "string" ? data : JSON.stringify(data, null, 2)}
          <RedactedMark meta={meta} value={data} />
        </Pre>
      )}
    </section>
  );
}
