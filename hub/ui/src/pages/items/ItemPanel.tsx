/** One item: what is known of it, its attributes, what was put right, and the body itself. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { apiUrl } from "../../api/client.ts";
import { itemFile, itemQuery } from "../../api/items.ts";
import { projectsQuery } from "../../api/projects.ts";
import type { ItemDetail } from "../../api/types.ts";
import type { Json } from "../../lib/event-shape.ts";
import { bytes } from "../../lib/format.ts";
import { attributeOf, kindName, lineOf, traceOf } from "../../lib/items.ts";
import { child, type Meta } from "../../lib/meta.ts";
import { Button, buttonClass, IconButton } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { Dialog } from "../../ui/Dialog.tsx";
import { FindText } from "../../ui/FindText.tsx";
import { Icon } from "../../ui/icons.tsx";
import { KeyValues } from "../../ui/KeyValues.tsx";
import { Facts } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { Moment } from "../../ui/Time.tsx";
import styles from "./Items.module.css";

interface Props {
  org: string;
  /** Project and id, as the address names them. */
  item: string;
  isPhone: boolean;
  onTrace: (trace: string) => void;
  onClose: () => void;
}

export function ItemPanel({ org, item, isPhone, onTrace, onClose }: Props) {
  const [project = "", id = ""] = item.split(".");
  const detail = useQuery(itemQuery(org, project, id));
  const title = detail.data ? kindName(detail.data.kind).replace(/s$/, "") : "Item";
  const body = detail.isError ? (
    <ErrorState
      error={detail.error}
      title="This item could not be loaded"
      retry={() => void detail.refetch()}
    />
  ) : !detail.data ? (
    <Skeleton rows={8} label="Loading the item" />
  ) : (
    <Detail org={org} item={detail.data} onTrace={onTrace} />
  );
  if (isPhone) {
    return (
      <Dialog title={title} onClose={onClose} wide>
        {body}
      </Dialog>
    );
  }
  return (
    <aside className={styles.panel} aria-label="The chosen item">
      <header className={styles.panelHead}>
        <h2>{title}</h2>
        <IconButton icon="close" label="Close the item" small onClick={onClose} />
      </header>
      <div className={styles.panelBody}>{body}</div>
    </aside>
  );
}

function Detail({ org, item, onTrace }: { org: string; item: ItemDetail; onTrace: (trace: string) => void }) {
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const project = projects.find(({ id }) => id === item.projectID)?.slug ?? item.projectID;
  const { attributes, errors = [], _meta: meta, ...members } = item.entry ?? {};
  const trace = traceOf(item);
  const corrections = [...errors, ...(item.entry ? [] : listOf(item.facts.errors))];
  const { figure } = lineOf(item);
  return (
    <div className={styles.detail}>
      <Facts
        items={[
          ["Happened", <Moment key="at" at={item.dateCreated} />],
          ["Received", <Moment key="received" at={item.dateReceived} />],
          ["Project", project],
          ...(figure ? ([["Figure", figure]] as const) : []),
          ["Size", bytes(item.size)],
          ...(item.sampleRate < 1
            ? ([["Stands for", `${Math.round(1 / item.sampleRate)} like it`]] as const)
            : []),
          ...(item.client ? ([["Sent by", item.client]] as const) : []),
          ...(trace
            ? ([
                [
                  "Trace",
                  <button key="trace" type="button" className={styles.link} onClick={() => onTrace(trace)}>
                    {trace}
                  </button>,
                ],
              ] as const)
            : []),
          ...(item.eventID && isOfEvent(item.kind)
            ? ([
                [
                  "Event",
                  <Link
                    key="event"
                    to="/organizations/$org/events/$eventId"
                    params={{ org, eventId: item.eventID }}
                    className={styles.id}
                  >
                    {item.eventID}
                  </Link>,
                ],
              ] as const)
            : []),
        ]}
      />
      {corrections.length ? (
        <Notice tone="warning">
          <details>
            <summary>
              {corrections.length === 1 ? "One part" : `${corrections.length} parts`} had to be put right
            </summary>
            <ul className={styles.corrections}>
              {corrections.map((each, i) => (
                <li key={i}>{correction(each)}</li>
              ))}
            </ul>
          </details>
        </Notice>
      ) : null}
      {attributes && Object.keys(attributes).length ? (
        <Section title="Attributes">
          <Attributes attributes={attributes} meta={child(meta, "attributes")} />
        </Section>
      ) : null}
      <Section title={item.entry ? "Members" : "What is known"}>
        <KeyValues
          label={item.entry ? "Members" : "What is known"}
          entries={Object.entries(item.entry ? (members as Record<string, Json>) : item.facts)}
          meta={meta}
        />
      </Section>
      <Raw org={org} project={project} item={item} />
    </div>
  );
}

/** Spans and logs are of a trace; these are of an event. */
const isOfEvent = (kind: string) => ["attachment", "user_report"].includes(kind);

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}

function correction(value: Json): string {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return String(value);
  const { name, message, type } = value;
  return [name, message ?? type].filter((part) => typeof part === "string" && part).join(": ");
}

function Attributes({ attributes, meta }: { attributes: Record<string, Json>; meta: Meta }) {
  const names = Object.keys(attributes).sort();
  return (
    <KeyValues
      label="Attributes"
      entries={names.map((name) => {
        const { value, about } = attributeOf(attributes[name] ?? null);
        return [about && about !== "string" ? `${name} (${about})` : name, value, name] as const;
      })}
      meta={meta}
    />
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className={styles.sub}>{title}</h3>
      {children}
    </section>
  );
}

function Raw({ org, project, item }: { org: string; project: string; item: ItemDetail }) {
  const [shown, setShown] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const text = useMemo(() => (shown ? JSON.stringify(item, null, 2) : ""), [item, shown]);
  useEffect(() => {
    if (shown) box.current?.scrollIntoView({ block: "nearest" });
  }, [shown]);
  return (
    <section>
      <div className={styles.rawHead}>
        <h3 className={styles.sub}>The item as JSON</h3>
        <Copy text={() => JSON.stringify(item, null, 2)} label="Copy the item as JSON" words="Copy" />
        <a
          className={buttonClass("quiet", true)}
          href={apiUrl(itemFile(org, project, item.id), { download: "1" }).href}
          download
        >
          <Icon name="download" size={14} />
          Body
        </a>
        <Button small kind="quiet" aria-expanded={shown} onClick={() => setShown(!shown)}>
          {shown ? "Hide" : "Show"}
        </Button>
      </div>
      <div ref={box}>{shown ? <FindText text={text} label="the item as JSON" /> : null}</div>
    </section>
  );
}
