/** An editor of privacy rules: what they would do is shown while they are written. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { compare } from "../lib/compare.ts";
import type { Json } from "../lib/event-shape.ts";
import { exact, plural } from "../lib/format.ts";
import { Button } from "./Button.tsx";
import { AreaField, formClass, SelectField } from "./Form.tsx";
import { Panel } from "./Panel.tsx";
import styles from "./RulesEditor.module.css";
import { Notice } from "./State.tsx";
import { useSettled } from "./settled.ts";
import { type Column, Table } from "./Table.tsx";

const EXAMPLE = `{
  "rules": {
    "order": { "type": "pattern", "pattern": "A-[0-9]{4,}", "redaction": { "method": "mask" } }
  },
  "applications": {
    "$string && !$http.url": ["order"],
    "$user.username": ["@anything:hash"]
  }
}`;

interface Removed {
  field: string;
  rule: string;
  count: number;
  events: number;
}

/** An event before and after rules. */
interface Preview {
  eventId: string;
  before: Json;
  after: Json;
}

/** What rules would have done to the latest events. */
interface DryRun {
  events: number;
  touched: number;
  removals: readonly Removed[];
  isPartial: boolean;
}

interface Props {
  title: string;
  hint: string;
  /** The projects that rules may be tried on. */
  slugs: readonly string[];
  saved: string;
  save: (rules: string) => Promise<unknown>;
  preview: (slug: string, rules: string) => Promise<Preview>;
  dryRun: (slug: string, rules: string) => Promise<DryRun>;
}

export function RulesEditor({ title, hint, slugs, saved, ...calls }: Props) {
  const [rules, setRules] = useState(saved);
  const [slug, setSlug] = useState(slugs[0] ?? "");
  const saving = useMutation({ mutationFn: () => calls.save(rules) });
  const dryRun = useMutation({ mutationFn: () => calls.dryRun(slug, rules) });
  // Before anything is changed the event is asked for; then it follows what is written.
  const [isAsked, setIsAsked] = useState(false);
  const settled = useSettled(rules);
  const isIdle = dryRun.isIdle && saving.isIdle;
  const preview = useQuery({
    queryKey: ["rules preview", slug, settled],
    queryFn: () => calls.preview(slug, settled),
    enabled: slug !== "" && isIdle && (isAsked || settled !== saved),
    retry: false,
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const failed = [isIdle ? preview : null, dryRun, saving].find((each) => each?.isError)?.error;
  const reset = () => {
    dryRun.reset();
    saving.reset();
  };
  const begin = (what: typeof dryRun | typeof saving) => {
    reset();
    setIsAsked(false);
    what.mutate();
  };
  const write = (text: string) => {
    reset();
    setRules(text);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    begin(saving);
  };
  return (
    <Panel title={title}>
      <form className={formClass} onSubmit={submit}>
        <AreaField label="Rules" hint={hint} rows={12} value={rules} onChange={write} placeholder={EXAMPLE} />
        {failed ? <Notice tone="danger">{failed.message}</Notice> : null}
        {slugs.length > 1 ? (
          <SelectField label="Try on" value={slug} onChange={(event) => setSlug(event.target.value)}>
            {slugs.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </SelectField>
        ) : null}
        <div className={styles.buttons}>
          <Button kind="primary" type="submit" busy={saving.isPending} disabled={rules === saved}>
            Save
          </Button>
          <Button
            busy={preview.isFetching}
            disabled={!slug}
            onClick={() => {
              reset();
              setIsAsked(true);
            }}
          >
            Try on the latest event
          </Button>
          <Button busy={dryRun.isPending} disabled={!slug} onClick={() => begin(dryRun)}>
            Try on history
          </Button>
        </div>
      </form>
      {isIdle && preview.data ? <PreviewView preview={preview.data} /> : null}
      {dryRun.data ? <DryRunView run={dryRun.data} /> : null}
    </Panel>
  );
}

function PreviewView({ preview }: { preview: Preview }) {
  const changed = compare(preview.before, preview.after).filter(
    ({ path, same }) => !same && path.split(".", 1)[0] !== "_meta",
  );
  return (
    <section className={styles.trial} aria-label="The latest event with these rules">
      <p>
        Event <code>{preview.eventId}</code>:{" "}
        {changed.length === 0
          ? "these rules change nothing in it."
          : `${plural(changed.length, "value")} changed.`}
      </p>
      <dl className={styles.changes}>
        {changed.map((change) => (
          <div key={change.path}>
            <dt>{change.path}</dt>
            <dd>
              <del>{change.left ?? "nothing"}</del> <ins>{change.right ?? "nothing"}</ins>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const REMOVED: Column<Removed>[] = [
  { name: "Field", cell: (row) => <code>{row.field}</code> },
  { name: "Rule", cell: (row) => <code>{row.rule}</code> },
  { name: "Removals", numeric: true, cell: (row) => exact(row.count) },
  { name: "Events", numeric: true, cell: (row) => exact(row.events) },
];

function DryRunView({ run }: { run: DryRun }) {
  return (
    <section className={styles.trial} aria-label="History with these rules">
      <p>
        These rules would have touched <b>{exact(run.touched)}</b> of the latest {plural(run.events, "event")}
        {run.isPartial ? ", as far as there was time to look" : ""}.
      </p>
      {run.removals.length > 0 ? (
        <Table
          label="What would have been removed"
          columns={REMOVED}
          rows={run.removals}
          rowKey={(row) => `${row.field} ${row.rule}`}
        />
      ) : null}
    </section>
  );
}
