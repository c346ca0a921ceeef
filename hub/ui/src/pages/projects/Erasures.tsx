/** People and events that are to be forgotten, at the hub and at every relay. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { askErasure, erasuresQuery } from "../../api/erasures.ts";
import type { Erasure } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { lines } from "../../lib/lines.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { AreaField, formClass, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";

export function Erasures({ org, slug }: { org: string; slug: string }) {
  const erasures = useQuery(erasuresQuery(org, slug));
  const [asking, setAsking] = useState(false);
  return (
    <Panel
      title="Erasure"
      flush
      actions={
        <Button small icon="plus" onClick={() => setAsking(true)}>
          Forget somebody
        </Button>
      }
    >
      {erasures.isError ? (
        <ErrorState error={erasures.error} retry={() => void erasures.refetch()} />
      ) : !erasures.data ? (
        <Skeleton rows={2} label="Loading erasures" />
      ) : erasures.data.length === 0 ? (
        <EmptyState icon="shield" title="Nobody is to be forgotten">
          What is known of a person, or of single events, can be removed from the hub, and from what relays
          still keep.
        </EmptyState>
      ) : (
        <Table
          label="Erasures"
          columns={COLUMNS}
          rows={[...erasures.data].reverse()}
          rowKey={(erasure) => erasure.id}
        />
      )}
      {asking ? <Ask org={org} slug={slug} onClose={() => setAsking(false)} /> : null}
    </Panel>
  );
}

const COLUMNS: Column<Erasure>[] = [
  { name: "Asked for", whole: true, cell: (erasure) => <TimeAgo at={erasure.dateCreated} /> },
  { name: "Of", cell: (erasure) => whose(erasure) },
  {
    name: "Hub",
    cell: ({ hub }) => (
      <>
        {hub.dateDone ? "Done" : "At work"}: {plural(hub.events, "event")}, {plural(hub.items, "other item")}
      </>
    ),
  },
  { name: "Relays", cell: (erasure) => relays(erasure) },
  { name: "Relays are asked until", whole: true, cell: (erasure) => <TimeAgo at={erasure.endsAt} /> },
];

/** Nobody is named: only digests are kept. */
function whose({ people, eventIds }: Erasure): string {
  const named = [
    people > 0 && plural(people, "name"),
    eventIds.length > 0 && plural(eventIds.length, "event"),
  ];
  return named.filter(Boolean).join(", ");
}

function relays({ receipts, relaysDone }: Erasure): string {
  if (receipts.length === 0) return "none has answered yet";
  const removed = receipts.reduce((sum, receipt) => sum + receipt.items, 0);
  return `${relaysDone} of ${receipts.length} done: ${plural(removed, "item")}`;
}

function Ask({ org, slug, onClose }: { org: string; slug: string; onClose: () => void }) {
  const client = useQueryClient();
  const [person, setPerson] = useState({ id: "", email: "", username: "", ip_address: "" });
  const [events, setEvents] = useState("");
  const eventIds = lines(events);
  const names = Object.entries(person).filter(([, name]) => name.trim() !== "");
  const ask = useMutation({
    mutationFn: () =>
      askErasure(org, slug, {
        people: names.length > 0 ? [Object.fromEntries(names)] : [],
        eventIds,
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: erasuresQuery(org, slug).queryKey });
      onClose();
    },
  });
  const field = (key: keyof typeof person, label: string) => (
    <TextField
      label={label}
      value={person[key]}
      autoFocus={key === "id"}
      onChange={(event) => setPerson({ ...person, [key]: event.target.value })}
    />
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <Dialog title={`Forget somebody in ${slug}`} onClose={onClose} wide>
      <form className={formClass} onSubmit={submit}>
        <Notice tone="warning">
          Every event that has one of these names as its user goes, with its attachments and what issues
          counted of it. It cannot be brought back. What arrives later is kept.
        </Notice>
        {ask.isError ? <Notice tone="danger">{ask.error.message}</Notice> : null}
        {field("id", "User id")}
        {field("email", "E-mail")}
        {field("username", "Username")}
        {field("ip_address", "IP address")}
        <AreaField
          label="Event ids"
          hint="One a line, where single events are to go."
          value={events}
          onChange={setEvents}
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="danger"
            type="submit"
            busy={ask.isPending}
            disabled={names.length === 0 && eventIds.length === 0}
          >
            Erase
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
