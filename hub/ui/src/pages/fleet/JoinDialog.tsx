/** A join token, and the very command to run. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { createJoinToken, joinTokensQuery } from "../../api/fleet.ts";
import { plural } from "../../lib/format.ts";
import { parseLabels } from "../../lib/labels.ts";
import { Button } from "../../ui/Button.tsx";
import { Code } from "../../ui/Code.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Notice } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./Fleet.module.css";
import { OpenTokens } from "./OpenTokens.tsx";

const LIVES = [
  { seconds: 3600, label: "1 hour" },
  { seconds: 86_400, label: "1 day" },
  { seconds: 7 * 86_400, label: "1 week" },
  { seconds: 30 * 86_400, label: "30 days" },
];

export function JoinDialog({ onClose }: { onClose: () => void }) {
  const [uses, setUses] = useState("1");
  const [life, setLife] = useState(3600);
  const [labels, setLabels] = useState("");
  const [range, setRange] = useState("");
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: () =>
      createJoinToken({
        uses: Number(uses),
        validForSeconds: life,
        labels: parseLabels(labels),
        addressRange: range.trim() || null,
      }),
    onSuccess: () => client.invalidateQueries({ queryKey: joinTokensQuery.queryKey }),
  });
  const wrongRange = create.error instanceof ApiError ? create.error.fields.addressRange : undefined;
  const made = create.data;
  if (made) {
    return (
      <Dialog title="Join a relay" onClose={onClose} wide>
        <div className={styles.joined}>
          <p>
            Run this on the host of the relay. The token works for {plural(made.uses, "relay")} and ends{" "}
            <TimeAgo at={made.expiresAt} />.
          </p>
          <Code
            label="Copy the command"
            title="On the relay's host"
            text={made.command ?? `vedette-relay join ${made.hub ?? window.location.hostname} ${made.token}`}
          />
          <Notice tone="warning">
            The token is shown once. The relay makes its own key, and that key never leaves it.
          </Notice>
          <DialogActions>
            <Button kind="primary" onClick={onClose}>
              Done
            </Button>
          </DialogActions>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Join a relay" onClose={onClose} wide>
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        {create.isError && !wrongRange ? <Notice tone="danger">{create.error.message}</Notice> : null}
        <div className={rowClass}>
          <TextField
            label="For how many relays"
            type="number"
            min={1}
            max={10_000}
            required
            value={uses}
            onChange={(event) => setUses(event.target.value)}
          />
          <SelectField
            label="Works for"
            value={life}
            onChange={(event) => setLife(Number(event.target.value))}
          >
            {LIVES.map((each) => (
              <option key={each.seconds} value={each.seconds}>
                {each.label}
              </option>
            ))}
          </SelectField>
        </div>
        <TextField
          label="Labels"
          mono
          value={labels}
          placeholder="region=eu site=fra"
          hint="Given to every relay that joins with this token."
          onChange={(event) => setLabels(event.target.value)}
        />
        <TextField
          label="From where"
          mono
          value={range}
          placeholder="10.20.0.0/16"
          error={wrongRange}
          hint="The addresses that relays may join from. Left out, they may come from anywhere."
          onChange={(event) => setRange(event.target.value)}
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={create.isPending}>
            Create join token
          </Button>
        </DialogActions>
      </form>
      <OpenTokens />
    </Dialog>
  );
}
