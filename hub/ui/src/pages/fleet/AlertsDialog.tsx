/** Whom to tell when something is wrong with a relay, and of what. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { fleetAlertsQuery, setFleetAlerts } from "../../api/fleet.ts";
import type { FleetAlerts } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { Check, formClass } from "../../ui/Form.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { Targets } from "../../ui/Targets.tsx";
import styles from "./Fleet.module.css";

const KINDS = [
  { kind: "dark", label: "A relay is not heard of for more than 90 s" },
  { kind: "behind", label: "What a relay keeps does not get away" },
  { kind: "unbalanced", label: "The accounts of a relay do not add up" },
  { kind: "failing_disk", label: "The disk of a relay fails" },
  { kind: "cloned", label: "The identity of a relay is held twice" },
  { kind: "incompatible", label: "A relay and the hub have no version of the link in common" },
] as const;

export function AlertsDialog({ onClose }: { onClose: () => void }) {
  const alerts = useQuery({ ...fleetAlertsQuery, staleTime: 0 });
  return (
    <Dialog title="Alerts about relays" onClose={onClose} wide>
      {alerts.data ? (
        <AlertsForm alerts={alerts.data} onClose={onClose} />
      ) : alerts.isError ? (
        <ErrorState error={alerts.error} retry={() => void alerts.refetch()} />
      ) : (
        <Skeleton rows={4} label="Loading the alerts" />
      )}
    </Dialog>
  );
}

function AlertsForm({ alerts, onClose }: { alerts: FleetAlerts; onClose: () => void }) {
  const client = useQueryClient();
  const [actions, setActions] = useState(alerts.actions ?? []);
  const [kinds, setKinds] = useState<readonly string[]>(
    alerts.kinds?.length ? alerts.kinds : KINDS.map(({ kind }) => kind),
  );
  const save = useMutation({
    mutationFn: () => setFleetAlerts({ actions, kinds: kinds.length === KINDS.length ? [] : [...kinds] }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: fleetAlertsQuery.queryKey });
      onClose();
    },
  });
  return (
    <form
      className={formClass}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
      <p className={styles.quiet}>
        Each trouble is told once when it begins and once when it is over. What happens to several relays at
        the same time is one message.
      </p>
      <fieldset className={styles.checks}>
        <legend>When</legend>
        {KINDS.map(({ kind, label }) => (
          <Check
            key={kind}
            label={label}
            checked={kinds.includes(kind)}
            onChange={(on) => setKinds(on ? [...kinds, kind] : kinds.filter((each) => each !== kind))}
          />
        ))}
      </fieldset>
      <fieldset className={styles.checks}>
        <legend>Tell</legend>
        {actions.length === 0 ? <p className={styles.quiet}>Nobody is told yet.</p> : null}
        <Targets targets={actions} min={0} onChange={setActions} />
      </fieldset>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={save.isPending} disabled={kinds.length === 0}>
          Save
        </Button>
      </DialogActions>
    </form>
  );
}
