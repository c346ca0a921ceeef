/** Keys: make, switch off, limit, rotate. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { createKey, deleteKey, type KeyChange, keysQuery, updateKey } from "../../api/projects.ts";
import type { ProjectKey } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { CodeLine } from "../../ui/Code.tsx";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Projects.module.css";

export const WINDOWS: readonly { seconds: number; label: string }[] = [
  { seconds: 60, label: "minute" },
  { seconds: 3600, label: "hour" },
  { seconds: 86_400, label: "day" },
];

interface Place {
  org: string;
  slug: string;
}

export function KeySettings({ org, slug }: Place) {
  const keys = useQuery(keysQuery(org, slug));
  const client = useQueryClient();
  const toast = useToast();
  const refresh = () => client.invalidateQueries({ queryKey: keysQuery(org, slug).queryKey });
  const add = useMutation({
    mutationFn: () => createKey(org, slug, `Key ${(keys.data?.length ?? 0) + 1}`),
    onSuccess: refresh,
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  return (
    <Panel
      title="Keys"
      flush
      actions={
        <Button small icon="plus" busy={add.isPending} onClick={() => add.mutate()}>
          New key
        </Button>
      }
    >
      {keys.isError ? (
        <ErrorState error={keys.error} retry={() => void keys.refetch()} />
      ) : !keys.data ? (
        <Skeleton rows={2} label="Loading keys" />
      ) : keys.data.length === 0 ? (
        <EmptyState icon="key" title="No key">
          Without a key nothing can be sent to this project.
        </EmptyState>
      ) : (
        keys.data.map((key) => <KeyView key={key.id} org={org} slug={slug} item={key} refresh={refresh} />)
      )}
    </Panel>
  );
}

function KeyView({ org, slug, item, refresh }: Place & { item: ProjectKey; refresh: () => Promise<void> }) {
  const [asking, setAsking] = useState<"limit" | "rotate" | "delete" | null>(null);
  const toast = useToast();
  const close = () => setAsking(null);
  const act = useMutation({
    mutationFn: async (task: () => Promise<unknown>) => task(),
    onSuccess: async () => {
      close();
      await refresh();
    },
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const change = (body: KeyChange) => act.mutate(() => updateKey(org, slug, item.id, body));
  const limit = item.rateLimit;
  return (
    <div className={item.isActive ? styles.key : `${styles.key} ${styles.off}`}>
      <div className={styles.keyHead}>
        <span className={styles.keyName}>
          {item.name}
          {item.isActive ? <Badge tone="ok">on</Badge> : <Badge>off</Badge>}
          {limit ? <Badge tone="info">{limitText(limit)}</Badge> : null}
        </span>
        <div className={styles.keyActions}>
          <Button small kind="quiet" onClick={() => setAsking("limit")}>
            Limit
          </Button>
          <Button small kind="quiet" icon="refresh" onClick={() => setAsking("rotate")}>
            Rotate
          </Button>
          <Button
            small
            kind="quiet"
            busy={act.isPending}
            onClick={() => change({ isActive: !item.isActive })}
          >
            {item.isActive ? "Switch off" : "Switch on"}
          </Button>
          <Button
            small
            kind="quiet"
            icon="trash"
            aria-label={`Delete ${item.name}`}
            onClick={() => setAsking("delete")}
          />
        </div>
      </div>
      <div className={styles.dsn}>
        <CodeLine text={item.dsn.public} label="Copy the DSN" />
      </div>
      <span className={styles.quiet}>
        Made <TimeAgo at={item.dateCreated} />
      </span>
      {asking === "limit" ? (
        <LimitDialog
          item={item}
          busy={act.isPending}
          onClose={close}
          onSave={(rateLimit) => change({ rateLimit })}
        />
      ) : asking === "rotate" ? (
        <Confirm
          title={`Rotate ${item.name}?`}
          confirm="Make a new key, switch this one off"
          busy={act.isPending}
          onClose={close}
          onConfirm={() =>
            act.mutate(async () => {
              const made = await createKey(org, slug, item.name);
              if (item.rateLimit) await updateKey(org, slug, made.id, { rateLimit: item.rateLimit });
              await updateKey(org, slug, item.id, { isActive: false, name: `${item.name} (old)` });
            })
          }
        >
          A new key with the same name and limit is made. Applications that still use the old one are refused
          from then on; it can be switched on again until they have the new one.
        </Confirm>
      ) : asking === "delete" ? (
        <Confirm
          title={`Delete ${item.name}?`}
          confirm="Delete the key"
          busy={act.isPending}
          onClose={close}
          onConfirm={() => act.mutate(() => deleteKey(org, slug, item.id))}
        >
          Applications that use it are refused, and it cannot be brought back. To stop it for a while, switch
          it off.
        </Confirm>
      ) : null}
    </div>
  );
}

interface Limit {
  count: number;
  window: number;
  burst?: number | null;
}

export function limitText({ count, window, burst }: Limit): string {
  const unit = WINDOWS.find((each) => each.seconds === window)?.label ?? `${window} s`;
  return `${exact(count)} a ${unit}${burst ? `, ${exact(burst)} at once` : ""}`;
}

interface LimitProps {
  item: ProjectKey;
  busy: boolean;
  onClose: () => void;
  onSave: (limit: Limit | null) => void;
}

function LimitDialog({ item, busy, onClose, onSave }: LimitProps) {
  const [count, setCount] = useState(item.rateLimit ? String(item.rateLimit.count) : "");
  const [window, setWindow] = useState(String(item.rateLimit?.window ?? 60));
  const [burst, setBurst] = useState(String(item.rateLimit?.burst ?? ""));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const limit = { count: Number(count), window: Number(window) };
    onSave(count === "" ? null : burst === "" ? limit : { ...limit, burst: Number(burst) });
  };
  return (
    <Dialog title={`Limit of ${item.name}`} onClose={onClose}>
      <form className={formClass} onSubmit={submit}>
        <Notice>
          What goes beyond the limit is answered with 429 at the relay and counted. Empty means no limit.
        </Notice>
        <div className={rowClass}>
          <TextField
            label="Events"
            type="number"
            min={1}
            autoFocus
            value={count}
            placeholder="no limit"
            onChange={(event) => setCount(event.target.value)}
          />
          <SelectField label="In one" value={window} onChange={(event) => setWindow(event.target.value)}>
            {WINDOWS.map((each) => (
              <option key={each.seconds} value={each.seconds}>
                {each.label}
              </option>
            ))}
          </SelectField>
          <TextField
            label="At once"
            type="number"
            min={1}
            value={burst}
            placeholder="as many"
            onChange={(event) => setBurst(event.target.value)}
          />
        </div>
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
