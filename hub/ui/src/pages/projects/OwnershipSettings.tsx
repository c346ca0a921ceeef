/** Who looks after what: rules, tried on the latest event while they are written, and a CODEOWNERS file. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import {
  codeownersQuery,
  ownershipQuery,
  ownershipTrialQuery,
  removeCodeowners,
  updateOwnership,
  uploadCodeowners,
} from "../../api/ownership.ts";
import type { Ownership, OwnershipChange, SuggestedOwners } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Check, Field, formClass, inputClass, SelectField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { useSettled } from "../../ui/settled.ts";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Rules.module.css";
import { RulesField } from "./RulesField.tsx";

/** To whom issues are given by themselves, in the words of the API. */
const WAYS = [
  { value: "Auto Assign to Issue Owner", label: "To their owner, by the rules" },
  {
    value: "Auto Assign to Suspect Commits",
    label: "To whose commit may have brought them, else to their owner",
  },
  { value: "Turn off Auto-Assignment", label: "To nobody" },
] as const;
const EXAMPLE =
  "path:src/api/* #web\nmodule:shop.checkout.* anna@example.org\nurl:*/pay* #payments\ntags.region:eu #europe";

interface Place {
  org: string;
  slug: string;
}

export function OwnershipSettings({ org, slug }: Place) {
  const ownership = useQuery(ownershipQuery(org, slug));
  if (ownership.isError) {
    return <ErrorState error={ownership.error} retry={() => void ownership.refetch()} />;
  }
  if (!ownership.data) return <Skeleton rows={4} label="Loading the rules" />;
  return (
    <>
      <RulesPanel org={org} slug={slug} saved={ownership.data} />
      <Codeowners org={org} slug={slug} />
    </>
  );
}

function RulesPanel({ org, slug, saved }: Place & { saved: Ownership }) {
  const [raw, setRaw] = useState(saved.raw);
  const client = useQueryClient();
  const toast = useToast();
  const settled = useSettled(raw);
  const trial = useQuery(ownershipTrialQuery(org, slug, settled));
  const save = useMutation({
    mutationFn: (body: OwnershipChange) => updateOwnership(org, slug, body),
    onSuccess: (data) => {
      client.setQueryData(ownershipQuery(org, slug).queryKey, data);
      toast({ text: "Saved" });
    },
  });
  const wrong = [save.error, trial.error].find((error) => error instanceof ApiError);
  return (
    <Panel title="Ownership rules">
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          save.mutate({ raw });
        }}
      >
        <RulesField
          label="Rules"
          hint="One a line: path:, module:, url: or tags.NAME: and a pattern, then who looks after it. The last rule that fits decides, and of its owners the first."
          example={EXAMPLE}
          rows={10}
          value={raw}
          wrong={wrong}
          onChange={(text) => {
            save.reset();
            setRaw(text);
          }}
        />
        {trial.data && !trial.isError ? <Trial answer={trial.data} /> : null}
        <div>
          <Button kind="primary" type="submit" busy={save.isPending} disabled={raw === saved.raw}>
            Save
          </Button>
        </div>
        <SelectField
          label="Assign issues by themselves"
          hint="Once, when an issue comes up. What people decide about an issue is left alone."
          value={saved.autoAssignment}
          disabled={save.isPending}
          onChange={(change) => save.mutate({ autoAssignment: change.target.value })}
        >
          {WAYS.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
        <Check
          label="The project's teams look after what no rule fits"
          hint="They are suggested then; nothing is assigned to them by itself."
          checked={saved.fallthrough}
          disabled={save.isPending}
          onChange={(fallthrough) => save.mutate({ fallthrough })}
        />
      </form>
    </Panel>
  );
}

function Trial({ answer }: { answer: SuggestedOwners }) {
  if (!answer.eventId) return <Notice>Rules are tried here as soon as the project has an event.</Notice>;
  const names = answer.owners.map((owner) => (owner.type === "team" ? `team ${owner.name}` : owner.name));
  return (
    <section className={styles.trial} aria-label="The latest event with these rules">
      <p>
        The latest event <code>{answer.eventId.slice(0, 8)}</code>:{" "}
        {answer.rule ? (
          <>
            {answer.rule.matcher.type === "codeowners" ? "the file's line" : "line"} {answer.rule.line} fits,{" "}
            <code>
              {answer.rule.matcher.type}:{answer.rule.matcher.pattern}
            </code>
          </>
        ) : (
          "no rule fits"
        )}
        {names.length > 0 ? (
          <>
            {" → "}
            <strong>{names[0]}</strong>
            {names.length > 1 ? `, then ${names.slice(1).join(", ")}` : ""}
            {answer.source === "fallthrough" ? ", as the project's team" : ""}
          </>
        ) : (
          ", and nobody looks after it"
        )}
        .
      </p>
      {answer.unknown.length > 0 ? (
        <Notice tone="warning">Nobody here is called {answer.unknown.join(", ")}.</Notice>
      ) : null}
    </section>
  );
}

function Codeowners({ org, slug }: Place) {
  const files = useQuery(codeownersQuery(org, slug));
  const client = useQueryClient();
  const toast = useToast();
  const file = files.data?.[0];
  const act = useMutation({
    mutationFn: (task: () => Promise<unknown>) => task(),
    onSuccess: () => client.invalidateQueries({ queryKey: codeownersQuery(org, slug).queryKey }),
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  return (
    <Panel
      title="CODEOWNERS"
      actions={
        file ? (
          <Button
            small
            kind="quiet"
            icon="trash"
            busy={act.isPending}
            onClick={() => act.mutate(() => removeCodeowners(org, slug, file.id))}
          >
            Remove
          </Button>
        ) : null
      }
    >
      <div className={formClass}>
        {files.isError ? <Notice tone="danger">{files.error.message}</Notice> : null}
        <p>
          {file ? (
            <>
              {plural(file.rules.length, "rule")}, uploaded <TimeAgo at={file.dateUpdated} />. They come
              before the rules above, which decide.
            </>
          ) : (
            "A file of the repository: its lines come before the rules above, which decide. @organization/team is the team of that slug, @name whose e-mail address begins so."
          )}
        </p>
        {file ? (
          <textarea
            className={`${inputClass} ${styles.rules}`}
            aria-label="The file"
            rows={8}
            readOnly
            value={file.raw}
          />
        ) : null}
        <Field label={file ? "Replace it by" : "File"}>
          {(props) => (
            <input
              {...props}
              type="file"
              className={inputClass}
              disabled={act.isPending}
              onChange={(event) => {
                const chosen = event.target.files?.[0];
                event.target.value = "";
                if (chosen) act.mutate(async () => uploadCodeowners(org, slug, await chosen.text()));
              }}
            />
          )}
        </Field>
      </div>
    </Panel>
  );
}
