/** How much of its link a relay may take, and when it keeps quiet. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { fleetKey, setRelayLink } from "../../api/fleet.ts";
import type { Relay, RelayLink } from "../../api/types.ts";
import { RATE_UNITS, type RateUnit, rateBytes, rateParts } from "../../lib/bit-rate.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Notice } from "../../ui/State.tsx";

export function LinkDialog({ relay, onClose }: { relay: Relay; onClose: () => void }) {
  const client = useQueryClient();
  const own = relay.link;
  const before = own?.bandwidthMax == null ? null : rateParts(own.bandwidthMax);
  const [rate, setRate] = useState(before ? String(before.value) : "");
  const [unit, setUnit] = useState<RateUnit>(before?.unit ?? "kbit/s");
  const [hours, setHours] = useState((own?.quietHours ?? []).join(", "));
  const [wrong, setWrong] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (link: RelayLink | null) => setRelayLink(relay.id, link),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: fleetKey });
      onClose();
    },
  });
  const fields = save.error instanceof ApiError ? save.error.fields : {};
  const rateError = wrong ?? fields.bandwidthMax ?? null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const bandwidthMax = rateBytes(rate, unit);
    // Nothing that is less than a byte a second, and nothing that is no number.
    if (bandwidthMax !== null && !(bandwidthMax >= 1)) {
      setWrong("A number above 0, or nothing for no limit");
      return;
    }
    setWrong(null);
    const quietHours = hours.split(/[\s,;]+/).filter(Boolean);
    save.mutate(bandwidthMax === null && quietHours.length === 0 ? null : { bandwidthMax, quietHours });
  };
  return (
    <Dialog title={`Bandwidth of ${relay.name}`} onClose={onClose}>
      <form className={formClass} onSubmit={submit} noValidate>
        {save.isError && Object.keys(fields).length === 0 ? (
          <Notice tone="danger">{save.error.message}</Notice>
        ) : null}
        <div className={rowClass}>
          <TextField
            label="At most"
            inputMode="decimal"
            autoFocus
            placeholder="no limit"
            value={rate}
            error={rateError}
            onChange={(event) => setRate(event.target.value)}
          />
          <SelectField
            label="Unit"
            value={unit}
            onChange={(event) => setUnit(event.target.value as RateUnit)}
          >
            {RATE_UNITS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </SelectField>
        </div>
        <TextField
          label="Quiet hours"
          mono
          placeholder="22:00-06:00, 12:00-13:00"
          value={hours}
          error={fields.quietHours ?? null}
          hint={`Spans of every day in UTC, in which only control and errors travel. It is ${utcNow()} UTC.`}
          onChange={(event) => setHours(event.target.value)}
        />
        <Notice>
          It holds from the next moment the relay is connected. The relay's own configuration and the policy
          of its host may say less; the least counts.
        </Notice>
        <DialogActions>
          {own ? (
            <Button busy={save.isPending} onClick={() => save.mutate(null)}>
              Remove the limits
            </Button>
          ) : null}
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.isPending}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

const utcNow = () => new Date().toISOString().slice(11, 16);
