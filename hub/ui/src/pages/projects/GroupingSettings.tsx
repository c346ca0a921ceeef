/** Which events become one issue: rules, tried on an event while they are written. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { groupingQuery, groupingTrialQuery, latestEventQuery, updateGrouping } from "../../api/grouping.ts";
import type { GroupingChange, GroupingTrialAnswer, GroupingSettings as Saved } from "../../api/types.ts";
import { variantName } from "../../lib/grouping-names.ts";
import { absolute } from "../../lib/time.ts";
import { Button } from "../../ui/Button.tsx";
import { formClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { useSettled } from "../../ui/settled.ts";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Rules.module.css";
import { RulesField } from "./RulesField.tsx";

const FIELDS = {
  fingerprints: {
    label: "Rules about fingerprints",
    hint: "One a line: what an event is like, an arrow, and what it is grouped by. The first rule that fits decides.",
    example: 'type:ConnectionError value:"*timed out*" -> timeouts title="Something timed out"',
  },
  enhancements: {
    label: "Rules about frames",
    hint: "One a line: which frames, then +app, -app, +group or -group. Later rules win.",
    example: "path:**/vendor/** -app -group\nfunction:retry* -group",
  },
} as const;
type RuleField = keyof typeof FIELDS;

interface Place {
  org: string;
  slug: string;
}

export function GroupingSettings({ org, slug }: Place) {
  const saved = useQuery(groupingQuery(org, slug));
  if (saved.isError) return <ErrorState error={saved.error} retry={() => void saved.refetch()} />;
  if (!saved.data) return <Skeleton rows={6} label="Loading the rules" />;
  return (
    <>
      <RulesPanel org={org} slug={slug} saved={saved.data} />
      <Way org={org} slug={slug} saved={saved.data} />
    </>
  );
}

function useSave({ org, slug }: Place) {
  const client = useQueryClient();
  const toast = useToast();
  return useMutation({
    mutationFn: (body: GroupingChange) => updateGrouping(org, slug, body),
    onSuccess: (data) => {
      client.setQueryData(groupingQuery(org, slug).queryKey, data);
      toast({ text: "Saved. Events that come are grouped by it; issues that exist keep theirs." });
    },
  });
}

function RulesPanel({ org, slug, saved }: Place & { saved: Saved }) {
  const [rules, setRules] = useState({ fingerprints: saved.fingerprints, enhancements: saved.enhancements });
  const [named, setNamed] = useState("");
  const latest = useQuery(latestEventQuery(org, slug));
  const eventId = useSettled(named.trim()) || latest.data?.eventID;
  const fingerprints = useSettled(rules.fingerprints);
  const enhancements = useSettled(rules.enhancements);
  const trial = useQuery({
    ...groupingTrialQuery(org, slug, { eventId, fingerprints, enhancements }),
    enabled: Boolean(eventId),
  });
  const save = useSave({ org, slug });
  const wrong = [save.error, trial.error].find((error) => error instanceof ApiError);
  const isSame = rules.fingerprints === saved.fingerprints && rules.enhancements === saved.enhancements;
  return (
    <Panel title="Rules">
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          save.mutate(rules);
        }}
      >
        {(Object.keys(FIELDS) as RuleField[]).map((field) => (
          <RulesField
            key={field}
            {...FIELDS[field]}
            rows={6}
            value={rules[field]}
            wrong={wrong?.fields[field] ? wrong : undefined}
            onChange={(text) => {
              save.reset();
              setRules((before) => ({ ...before, [field]: text }));
            }}
          />
        ))}
        <TextField
          label="Try them on the event"
          mono
          value={named}
          placeholder={latest.data?.eventID ?? "The id of an event of this project"}
          onChange={(event) => setNamed(event.target.value)}
          error={wrong?.fields.eventId ?? null}
          hint="Left empty it is the latest one."
        />
        {latest.data === null && !named ? (
          <Notice>Rules are tried here as soon as the project has an event.</Notice>
        ) : null}
        {trial.data && !trial.isError ? <Trial org={org} answer={trial.data} /> : null}
        {wrong && Object.keys(wrong.fields).length === 0 ? (
          <Notice tone="danger">{wrong.message}</Notice>
        ) : null}
        <div>
          <Button kind="primary" type="submit" busy={save.isPending} disabled={isSame}>
            Save
          </Button>
        </div>
      </form>
    </Panel>
  );
}

function Trial({ org, answer }: { org: string; answer: GroupingTrialAnswer }) {
  const { after, differs, issue } = answer;
  return (
    <section className={styles.trial} aria-label="The event with these rules">
      <p>
        <strong>{after.title}</strong>:{" "}
        {after.rule ? (
          <>
            the rule <code>{after.rule}</code> decides
          </>
        ) : (
          `decided by ${variantName(after.decidedBy ?? "fallback").toLowerCase()}`
        )}
        {", and it "}
        {issue ? (
          <Link to="/organizations/$org/issues/$issueId" params={{ org, issueId: issue }}>
            {differs ? "would go to another issue" : "stays in its issue"}
          </Link>
        ) : (
          "would begin a new issue"
        )}
        .
      </p>
      <p>
        It is grouped by{" "}
        {after.contributing.slice(0, 8).map(({ value }, i) => (
          <span key={i}>
            {i > 0 ? ", " : ""}
            <code>{value}</code>
          </span>
        ))}
        {after.contributing.length > 8 ? ` and ${after.contributing.length - 8} more` : ""}.
      </p>
    </section>
  );
}

/** The way hashes are made, and the tags that tell events of one hash apart. */
function Way({ org, slug, saved }: Place & { saved: Saved }) {
  const save = useSave({ org, slug });
  return (
    <Panel title="Way of grouping">
      <div className={formClass}>
        <SelectField
          label="Version"
          hint="After a change issues are still found by the way before, for 90 days: none is torn apart."
          value={saved.version}
          disabled={save.isPending}
          onChange={(event) => save.mutate({ version: event.target.value })}
        >
          {saved.versions.map((version) => (
            <option key={version}>{version}</option>
          ))}
        </SelectField>
        {save.error ? <Notice tone="danger">{save.error.message}</Notice> : null}
        {saved.previous ? (
          <Notice>
            Issues are found by {saved.previous} as well
            {saved.previousUntil ? `, until ${absolute(saved.previousUntil)}` : ""}.{" "}
            <Button small kind="quiet" busy={save.isPending} onClick={() => save.mutate({ previous: null })}>
              End it now
            </Button>
          </Notice>
        ) : null}
        {saved.splits.length > 0 ? (
          <p>
            Told apart by a tag as well:{" "}
            {saved.splits.map(({ hash, tag }, i) => (
              <span key={hash}>
                {i > 0 ? ", " : ""}
                <code>{hash.slice(0, 8)}</code> by {tag}
              </span>
            ))}
            .
          </p>
        ) : null}
      </div>
    </Panel>
  );
}
