/** Every relay in one table: whether it is there, how its link is, and what waits in it. */

import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useDeferredValue, useMemo, useState } from "react";
import { relaysQuery } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import {
  backlogRecords,
  type Column,
  conditionWord,
  filterValue,
  labelChoices,
  matches,
  sortRelays,
  troubles,
  withFilter,
} from "../../lib/fleet.ts";
import { exact, plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { cx } from "../../ui/classes.ts";
import { inputClass } from "../../ui/Form.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import { AlertsDialog } from "./AlertsDialog.tsx";
import styles from "./Fleet.module.css";
import { FleetLedger, FleetVerdict } from "./FleetLedger.tsx";
import { JoinDialog } from "./JoinDialog.tsx";
import { PoisonList } from "./PoisonList.tsx";
import { RelayTable } from "./RelayTable.tsx";
import { AuthorityNotice, RolloutNotice } from "./RolloutNotice.tsx";

const route = getRouteApi("/signed-in/organizations/$org/fleet");

export function FleetPage() {
  useTitle("Fleet");
  const { org } = route.useParams();
  const { q, sort = "name", dir } = route.useSearch();
  const navigate = route.useNavigate();
  const relays = useQuery(relaysQuery);
  const [dialog, setDialog] = useState<"join" | "alerts" | null>(null);
  const known = relays.data ?? [];
  const sought = useDeferredValue(q ?? "");
  const shown = useMemo(
    () =>
      sortRelays(
        known.filter((relay) => matches(relay, sought)),
        sort,
        dir === "down",
      ),
    [known, sought, sort, dir],
  );
  const setSearch = (change: { q?: string; sort?: Column; dir?: "down" }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <div className={styles.page}>
      <PageHead
        title={
          <span className={styles.heading}>
            Fleet <FleetVerdict />
          </span>
        }
        lead={lead(known)}
      >
        <Button icon="alerts" onClick={() => setDialog("alerts")}>
          Alerts
        </Button>
        <Button kind="primary" icon="plus" onClick={() => setDialog("join")}>
          Join a relay
        </Button>
      </PageHead>
      <RolloutNotice org={org} relays={known} />
      <AuthorityNotice />
      <Troubles relays={known} show={(kind) => setSearch({ q: `is:${kind}` })} />
      {relays.isError && !relays.data ? (
        <ErrorState
          error={relays.error}
          retry={() => void relays.refetch()}
          title="The relays could not be loaded"
        />
      ) : !relays.data ? (
        <Skeleton rows={10} label="Loading relays" />
      ) : known.length === 0 ? (
        <EmptyState
          icon="fleet"
          title="No relay has joined"
          action={
            <Button icon="plus" onClick={() => setDialog("join")}>
              Join a relay
            </Button>
          }
        >
          Install vedette-relay beside an application, make a token here, and run{" "}
          <code>vedette-relay join HUB TOKEN</code> there. It keeps what your applications send, also while
          this hub is away.
        </EmptyState>
      ) : (
        <section className={styles.listing} aria-label="Relays">
          <div className={styles.filter}>
            <input
              id="fleet-filter"
              data-search
              type="search"
              className={inputClass}
              aria-label="Filter relays"
              placeholder="Name, region=eu, version, is:away, is:wrong"
              spellCheck={false}
              value={q ?? ""}
              onChange={(event) => setSearch({ q: event.target.value || undefined })}
            />
            <Choices relays={known} q={q ?? ""} setQ={(text) => setSearch({ q: text || undefined })} />
            <span className={styles.quiet}>
              {shown.length === known.length
                ? plural(known.length, "relay")
                : `${exact(shown.length)} of ${plural(known.length, "relay")}`}
            </span>
          </div>
          {shown.length === 0 ? (
            <EmptyState
              icon="search"
              title="No relay matches"
              action={<Button onClick={() => setSearch({ q: undefined })}>Clear the filter</Button>}
            >
              Words are looked for in names, addresses, versions and labels.
            </EmptyState>
          ) : (
            <RelayTable
              relays={shown}
              sort={sort}
              down={dir === "down"}
              onSort={(column) =>
                setSearch({ sort: column, dir: column === sort && dir !== "down" ? "down" : undefined })
              }
            />
          )}
        </section>
      )}
      {known.length > 0 ? <FleetLedger org={org} /> : null}
      <PoisonList />
      {dialog === "join" ? <JoinDialog onClose={() => setDialog(null)} /> : null}
      {dialog === "alerts" ? <AlertsDialog onClose={() => setDialog(null)} /> : null}
    </div>
  );
}

const STATES = [
  { value: "", label: "Any state" },
  { value: "connected", label: "Connected" },
  { value: "away", label: "Away" },
  { value: "drained", label: "Drained" },
  { value: "revoked", label: "Revoked" },
  { value: "wrong", label: "Something wrong" },
  ...["dark", "behind", "unbalanced", "failing_disk", "cloned", "incompatible"].map((kind) => ({
    value: kind,
    label: capital(conditionWord(kind)),
  })),
];

/** The words of the filter that are chosen more often than typed. */
function Choices(props: { relays: readonly Relay[]; q: string; setQ: (q: string) => void }) {
  const { relays, q, setQ } = props;
  const labels = useMemo(() => labelChoices(relays), [relays]);
  const state = filterValue(q, "is:");
  return (
    <>
      <select
        className={cx(inputClass, styles.choose)}
        aria-label="State"
        value={STATES.some((each) => each.value === state) ? state : ""}
        onChange={(event) => setQ(withFilter(q, "is:", event.target.value))}
      >
        {STATES.map((each) => (
          <option key={each.value} value={each.value}>
            {each.label}
          </option>
        ))}
      </select>
      {labels.map(({ name, values }) => {
        const value = filterValue(q, `${name}=`);
        return (
          <select
            key={name}
            className={cx(inputClass, styles.choose)}
            aria-label={capital(name)}
            value={values.includes(value) ? value : ""}
            onChange={(event) => setQ(withFilter(q, `${name}=`, event.target.value))}
          >
            <option value="">Any {name}</option>
            {values.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        );
      })}
    </>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function lead(relays: readonly Relay[]): string {
  if (relays.length === 0) {
    return "Relays run beside your applications, take their events, and forward them here.";
  }
  const away = relays.filter((relay) => !relay.isConnected && relay.state === "active").length;
  const waiting = relays.reduce((sum, relay) => sum + backlogRecords(relay), 0);
  const there = away === 0 ? "all connected" : `${exact(away)} away`;
  return `${plural(relays.length, "relay")}, ${there}, ${plural(waiting, "record")} waiting`;
}

/** What is wrong in the fleet, by kind, with the way to those relays. */
function Troubles({ relays, show }: { relays: readonly Relay[]; show: (kind: string) => void }) {
  const kinds = new Map<string, Relay[]>();
  for (const relay of relays) {
    for (const kind of troubles(relay)) kinds.set(kind, [...(kinds.get(kind) ?? []), relay]);
  }
  if (kinds.size === 0) return null;
  const grave = ["unbalanced", "failing_disk", "cloned", "incompatible"].some((kind) => kinds.has(kind));
  return (
    <Notice tone={grave ? "danger" : "warning"}>
      <ul className={styles.troubles}>
        {[...kinds].map(([kind, those]) => (
          <li key={kind}>
            <button type="button" className={styles.trouble} onClick={() => show(kind)}>
              {those.length === 1 ? those[0]?.name : plural(those.length, "relay")}: {conditionWord(kind)}
            </button>
            {those.length === 1 ? (
              <span className={styles.detail}>
                {those[0]?.conditions.find((condition) => condition.kind === kind)?.detail}
              </span>
            ) : null}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
