/** What can be done with a relay: rename, label, limit its link, drain, let work again, revoke. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { fleetKey, revokeRelay, updateRelay } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import { parseLabels } from "../../lib/labels.ts";
import { Button } from "../../ui/Button.tsx";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { formClass, TextField } from "../../ui/Form.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { LinkDialog } from "./LinkDialog.tsx";

type Asking = "rename" | "labels" | "link" | "revoke";

export function RelayActions({ relay }: { relay: Relay }) {
  const client = useQueryClient();
  const toast = useToast();
  const [asking, setAsking] = useState<Asking | null>(null);
  const act = useMutation({
    mutationFn: async (task: () => Promise<unknown>) => task(),
    onSuccess: () => {
      setAsking(null);
      return client.invalidateQueries({ queryKey: fleetKey });
    },
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const drain = (state: "active" | "drained") =>
    act.mutate(async () => {
      await updateRelay(relay.id, { state });
      const back = state === "drained" ? ("active" as const) : ("drained" as const);
      toast({
        text: state === "drained" ? `${relay.name} takes nothing new` : `${relay.name} works again`,
        undo: () => act.mutate(() => updateRelay(relay.id, { state: back })),
      });
    });
  if (relay.state === "revoked") return null;
  const close = () => setAsking(null);
  return (
    <>
      <Button onClick={() => setAsking("rename")}>Rename</Button>
      <Button onClick={() => setAsking("labels")}>Label</Button>
      <Button onClick={() => setAsking("link")}>Bandwidth</Button>
      {relay.state === "drained" ? (
        <Button onClick={() => drain("active")}>Let it work again</Button>
      ) : (
        <Button onClick={() => drain("drained")}>Drain</Button>
      )}
      <Button kind="danger" onClick={() => setAsking("revoke")}>
        Revoke
      </Button>
      {asking === "rename" ? (
        <Ask
          title={`Rename ${relay.name}`}
          label="Name"
          before={relay.name}
          required
          busy={act.isPending}
          onClose={close}
          onSave={(name) => act.mutate(() => updateRelay(relay.id, { name }))}
        />
      ) : asking === "labels" ? (
        <Ask
          title={`Label ${relay.name}`}
          label="Labels"
          hint="region=eu site=fra"
          before={Object.entries(relay.labels)
            .map(([name, value]) => `${name}=${value}`)
            .join(" ")}
          busy={act.isPending}
          onClose={close}
          onSave={(text) => act.mutate(() => updateRelay(relay.id, { labels: parseLabels(text) }))}
        />
      ) : asking === "link" ? (
        <LinkDialog relay={relay} onClose={close} />
      ) : asking === "revoke" ? (
        <Confirm
          title={`Revoke ${relay.name}?`}
          confirm="Revoke the relay"
          busy={act.isPending}
          onClose={close}
          onConfirm={() => act.mutate(() => revokeRelay(relay.id))}
        >
          Its certificate is worth nothing from then on, and what still waits in its spool can only come after
          it has joined anew. To empty it first, drain it and wait until nothing is left.
        </Confirm>
      ) : null}
    </>
  );
}

interface AskProps {
  title: string;
  label: string;
  hint?: string;
  before: string;
  required?: boolean;
  busy: boolean;
  onClose: () => void;
  onSave: (text: string) => void;
}

function Ask({ title, label, hint, before, required, busy, onClose, onSave }: AskProps) {
  const [text, setText] = useState(before);
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className={formClass}
        onSubmit={(event) => {
          event.preventDefault();
          onSave(text.trim());
        }}
      >
        <TextField
          label={label}
          hint={hint}
          autoFocus
          required={required}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={busy}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
