/** One relay. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { fleetKey, revokeRelay, updateRelay } from "../../api/fleet.ts";
import type { LedgerRelay, Relay } from "../../api/types.ts";
import { bytes, exact, plural } from "../../lib/format.ts";
import { duration } from "../../lib/time.ts";
import { Badge, type Tone } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { formClass, TextField } from "../../ui/Form.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Fleet.module.css";
import { LedgerView } from "./LedgerView.tsx";

interface Props {
  relay: Relay;
  ledger: LedgerRelay | undefined;
  ledgerError: Error | null;
}

const LANES = [
  "Control",
  "Errors",
  "Logs and metrics",
  "Traces",
  "Attachments",
  "Control, backlog",
  "Errors, backlog",
];

export function laneName(lane: number): string {
  return LANES[lane] ?? `Lane ${lane}`;
}

/** Differences below this are noise of the measurement. */
const CLOCK_OFF_MS = 2000;

export function RelayCard({ relay, ledger, ledgerError }: Props) {
  const labels = Object.entries(relay.labels);
  const offset = relay.clockOffsetMs ?? 0;
  return (
    <article className={styles.card} aria-label={`Relay ${relay.name}`}>
      <header className={styles.head}>
        <div className={styles.identity}>
          <h2 className={styles.name}>
            {relay.name}
            <State relay={relay} />
          </h2>
          <p className={styles.facts}>
            <span>
              {relay.isConnected ? "Heard " : "Last heard "}
              <TimeAgo at={relay.lastSeenAt} />
            </span>
            {relay.version ? <span>version {relay.version}</span> : null}
            {relay.address ? <span>{relay.address}</span> : null}
            {relay.report && relay.report.roundTripMs > 0 ? (
              <span>round trip {duration(relay.report.roundTripMs)}</span>
            ) : null}
            {Math.abs(offset) > CLOCK_OFF_MS ? (
              <span className={styles.warn}>
                clock {duration(offset)} {offset > 0 ? "ahead" : "behind"}
              </span>
            ) : null}
            {labels.map(([key, value]) => (
              <span key={key} className={styles.label}>
                {key}={value}
              </span>
            ))}
          </p>
        </div>
        <RelayMenu relay={relay} />
      </header>
      <div className={styles.body}>
        <Backlog relay={relay} />
        {ledger ? (
          <LedgerView ledger={ledger} />
        ) : (
          <p className={styles.quiet}>{ledgerError ? ledgerError.message : "Nothing was counted yet."}</p>
        )}
      </div>
    </article>
  );
}

function State({ relay }: { relay: Relay }) {
  const [tone, text]: [Tone, string] =
    relay.state === "revoked"
      ? ["danger", "revoked"]
      : relay.state === "drained"
        ? ["neutral", "drained"]
        : relay.isConnected
          ? ["ok", "connected"]
          : ["warning", "away"];
  return <Badge tone={tone}>{text}</Badge>;
}

function Backlog({ relay }: { relay: Relay }) {
  const report = relay.report;
  const waiting = relay.backlog.filter((lane) => lane.records > 0);
  const most = Math.max(1, ...waiting.map((lane) => lane.bytes));
  const total = waiting.reduce((sum, lane) => sum + lane.bytes, 0);
  return (
    <section className={styles.backlog}>
      <h3>
        Backlog{" "}
        <span className={styles.quiet}>
          {report
            ? `${bytes(report.spoolBytes)} of ${bytes(report.spoolBytesMax)}`
            : total
              ? bytes(total)
              : ""}
        </span>
      </h3>
      {waiting.length === 0 ? (
        <p className={styles.quiet}>Nothing waits: everything accepted is here.</p>
      ) : null}
      <ul>
        {waiting.map((lane) => (
          <li key={lane.lane} className={styles.lane}>
            <span>{laneName(lane.lane)}</span>
            <span className={styles.laneBar}>
              <span style={{ width: `${Math.max(2, (lane.bytes / most) * 100)}%` }} />
            </span>
            <span className={styles.laneNumber} title={plural(lane.records, "item")}>
              {exact(lane.records)}
              <small>{bytes(lane.bytes)}</small>
            </span>
            <span className={styles.oldest}>
              {lane.oldestReceivedAt ? (
                <>
                  oldest <TimeAgo at={lane.oldestReceivedAt} />
                </>
              ) : null}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RelayMenu({ relay }: { relay: Relay }) {
  const client = useQueryClient();
  const toast = useToast();
  const [asking, setAsking] = useState<"rename" | "revoke" | null>(null);
  const [name, setName] = useState(relay.name);
  const act = useMutation({
    mutationFn: async (task: () => Promise<unknown>) => task(),
    onSuccess: () => {
      setAsking(null);
      return client.invalidateQueries({ queryKey: fleetKey });
    },
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  if (relay.state === "revoked") return null;
  return (
    <>
      <Menu name={`Actions on ${relay.name}`} label={<Icon name="dots" />} caret={false} align="end">
        {(close) => {
          const then = (task: () => void) => () => {
            close();
            task();
          };
          return (
            <>
              <MenuItem onSelect={then(() => setAsking("rename"))}>Rename</MenuItem>
              {relay.state === "drained" ? (
                <MenuItem onSelect={then(() => act.mutate(() => updateRelay(relay.id, { state: "active" })))}>
                  Let it work again
                </MenuItem>
              ) : (
                <MenuItem
                  onSelect={then(() => act.mutate(() => updateRelay(relay.id, { state: "drained" })))}
                >
                  Drain
                </MenuItem>
              )}
              <MenuItem danger onSelect={then(() => setAsking("revoke"))}>
                Revoke
              </MenuItem>
            </>
          );
        }}
      </Menu>
      {asking === "rename" ? (
        <Dialog title={`Rename ${relay.name}`} onClose={() => setAsking(null)}>
          <form
            className={formClass}
            onSubmit={(event) => {
              event.preventDefault();
              act.mutate(() => updateRelay(relay.id, { name: name.trim() }));
            }}
          >
            <TextField
              label="Name"
              autoFocus
              required
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <DialogActions>
              <Button onClick={() => setAsking(null)}>Cancel</Button>
              <Button kind="primary" type="submit" busy={act.isPending}>
                Rename
              </Button>
            </DialogActions>
          </form>
        </Dialog>
      ) : asking === "revoke" ? (
        <Confirm
          title={`Revoke ${relay.name}?`}
          confirm="Revoke the relay"
          busy={act.isPending}
          onClose={() => setAsking(null)}
          onConfirm={() => act.mutate(() => revokeRelay(relay.id))}
        >
          Its certificate is worth nothing from then on, and what still waits in its spool can only come after
          it has joined anew. To empty it first, drain it.
        </Confirm>
      ) : null}
    </>
  );
}
