/** Who it happened to, and on what: user, device, runtime, and what the application added. */

import { Link } from "@tanstack/react-router";
import type { EventDetail, EventUser } from "../../api/types.ts";
import { contextNote } from "../../lib/context-notes.ts";
import type { Json } from "../../lib/event-shape.ts";
import { child, explain, type Meta } from "../../lib/meta.ts";
import { quote } from "../../lib/query-text.ts";
import { buttonClass } from "../../ui/Button.tsx";
import { KeyValues } from "../../ui/KeyValues.tsx";
import { Panel } from "../../ui/Panel.tsx";
import styles from "./EventPanel.module.css";

const TRACE_ID = /^[0-9a-f]{32}$/i;
const USER_FIELDS = ["id", "email", "username", "name", "ip_address"] as const;

export function Contexts({ org, event }: { org: string; event: EventDetail }) {
  const contexts = Object.entries(event.contexts ?? {}).filter(([, value]) => isFilled(value));
  const extra = Object.entries(event.context ?? {});
  const packages = Object.entries(event.packages ?? {});
  const user = userEntries(event.user, child(event._meta, "user"));
  return (
    <>
      {user.length ? (
        <Panel id="user" title="User" flush actions={<IssuesOfUser org={org} user={event.user} />}>
          <div className={styles.table}>
            <KeyValues label="User" entries={user} meta={child(event._meta, "user")} />
          </div>
        </Panel>
      ) : null}
      {contexts.length || event.sdk?.name ? (
        <Panel id="contexts" title="Contexts" flush>
          <div className={styles.grid}>
            {contexts.map(([name, value]) => (
              <section key={name} className={styles.context}>
                <h3>
                  {contextTitle(name, value)}
                  <WholeTrace org={org} id={(value as { trace_id?: unknown }).trace_id} />
                </h3>
                <KeyValues
                  label={contextTitle(name, value)}
                  entries={Object.entries(value as Record<string, Json>).filter(
                    ([key, v]) => key !== "type" && v !== null,
                  )}
                  meta={child(event._meta, "contexts", name)}
                  note={(key, v) => contextNote(name, key, v, event.dateCreated)}
                />
              </section>
            ))}
            {event.sdk?.name ? (
              <section className={styles.context}>
                <h3>SDK</h3>
                <KeyValues
                  label="SDK"
                  entries={[
                    ["name", event.sdk.name],
                    ["version", event.sdk.version],
                  ]}
                />
              </section>
            ) : null}
          </div>
        </Panel>
      ) : null}
      {extra.length ? (
        <Panel id="extra" title="Additional data" flush>
          <div className={styles.table}>
            <KeyValues label="Additional data" entries={extra} meta={child(event._meta, "extra")} />
          </div>
        </Panel>
      ) : null}
      {packages.length ? (
        <Panel id="packages" title={`Packages (${packages.length})`} flush>
          <details className={styles.details}>
            <summary>Modules loaded when it happened</summary>
            <KeyValues label="Packages" entries={packages} />
          </details>
        </Panel>
      ) : null}
    </>
  );
}

/** What else happened to the same person: by what names them best. */
function IssuesOfUser({ org, user }: { org: string; user: EventUser | null | undefined }) {
  const key = (["id", "email", "username", "ip_address"] as const).find((each) => user?.[each]);
  if (!key) return null;
  const field = key === "ip_address" ? "ip" : key;
  return (
    <Link
      to="/organizations/$org/issues"
      params={{ org }}
      search={{ query: `user.${field}:${quote(String(user?.[key]))}` }}
      className={buttonClass("quiet", true)}
    >
      All issues of this user
    </Link>
  );
}

/** Logs, spans and errors of the same trace. */
function WholeTrace({ org, id }: { org: string; id: unknown }) {
  if (typeof id !== "string" || !TRACE_ID.test(id)) return null;
  return (
    <Link
      to="/organizations/$org/items"
      params={{ org }}
      search={{ trace: id }}
      className={styles.besideTitle}
    >
      All of this trace
    </Link>
  );
}

function userEntries(user: EventUser | null | undefined, meta: Meta): (readonly [string, Json])[] {
  if (!user) return [];
  // What was taken away still shows, with the rule that took it.
  const known = USER_FIELDS.filter((key) => user[key] || explain(child(meta, key)).length > 0).map(
    (key) => [key, (user[key] ?? null) as Json] as const,
  );
  const others = Object.entries(user)
    .filter(([key, value]) => !USER_FIELDS.includes(key as never) && isFilled(value))
    .map(([key, value]) => [key, value as Json] as const);
  return [...known, ...others];
}

function isFilled(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

const TITLES: Record<string, string> = {
  os: "Operating system",
  client_os: "Operating system of the client",
  runtime: "Runtime",
  device: "Device",
  browser: "Browser",
  app: "Application",
  trace: "Trace",
  gpu: "Graphics",
  culture: "Culture",
  cloud_resource: "Cloud resource",
  response: "Response",
  flags: "Feature flags",
};

function contextTitle(key: string, value: Json): string {
  const type = (value as { type?: unknown }).type;
  return TITLES[key] ?? (typeof type === "string" && type !== "default" ? (TITLES[type] ?? key) : key);
}
