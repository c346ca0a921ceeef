/** A rule: when, where, whom. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { environmentsQuery } from "../../api/issues.ts";
import { createRule, rulesQuery, updateRule } from "../../api/projects.ts";
import type { AlertRule, RuleAction, RuleBody, RuleTrigger } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { Check, formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Notice } from "../../ui/State.tsx";
import { Targets } from "../../ui/Targets.tsx";
import styles from "./Alerts.module.css";
import { minutesText } from "./rule-text.ts";

const PAUSES = [5, 10, 30, 60, 180, 720, 1440];

interface Props {
  org: string;
  slug: string;
  rule: AlertRule | null;
  onClose: () => void;
}

export function RuleDialog({ org, slug, rule, onClose }: Props) {
  const client = useQueryClient();
  const { data: environments = [] } = useQuery(environmentsQuery(org));
  const [name, setName] = useState(rule?.name ?? "");
  const [triggers, setTriggers] = useState<readonly RuleTrigger[]>(
    rule?.triggers ?? ["new_issue", "regression", "escalating"],
  );
  const [actions, setActions] = useState<readonly RuleAction[]>(
    rule?.actions ?? [{ type: "webhook", url: "" }],
  );
  const [environment, setEnvironment] = useState(rule?.environment ?? "");
  const [pause, setPause] = useState(rule?.frequencyMinutes ?? 30);

  const save = useMutation({
    mutationFn: () => {
      const body: RuleBody = {
        name: name.trim(),
        triggers: [...triggers],
        actions: [...actions],
        environment: environment || null,
        frequencyMinutes: pause,
      };
      return rule ? updateRule(org, slug, rule.id, body) : createRule(org, slug, body);
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: rulesQuery(org, slug).queryKey });
      onClose();
    },
  });

  const flip = (trigger: RuleTrigger) => (on: boolean) =>
    setTriggers(on ? [...triggers, trigger] : triggers.filter((each) => each !== trigger));
  const pauses = PAUSES.includes(pause) ? PAUSES : [pause, ...PAUSES];

  return (
    <Dialog title={rule ? "Edit rule" : "New rule"} onClose={onClose} wide>
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
        <TextField
          label="Name"
          required
          autoFocus
          value={name}
          placeholder="New issues to the team"
          onChange={(event) => setName(event.target.value)}
        />
        <fieldset className={styles.checks}>
          <legend>When</legend>
          <Check
            label="An issue is seen for the first time"
            checked={triggers.includes("new_issue")}
            onChange={flip("new_issue")}
          />
          <Check
            label="A resolved issue comes back"
            checked={triggers.includes("regression")}
            onChange={flip("regression")}
          />
          <Check
            label="An archived issue is seen more often than foretold"
            checked={triggers.includes("escalating")}
            onChange={flip("escalating")}
          />
        </fieldset>
        <fieldset className={styles.checks}>
          <legend>Tell</legend>
          <Targets targets={actions} min={1} onChange={setActions} />
        </fieldset>
        <div className={rowClass}>
          <SelectField
            label="Environment"
            value={environment}
            onChange={(event) => setEnvironment(event.target.value)}
          >
            <option value="">Any</option>
            {environments
              .filter((each) => each.name)
              .map((each) => (
                <option key={each.name}>{each.name}</option>
              ))}
          </SelectField>
          <SelectField
            label="Per issue at most once in"
            value={pause}
            onChange={(event) => setPause(Number(event.target.value))}
          >
            {pauses.map((minutes) => (
              <option key={minutes} value={minutes}>
                {minutesText(minutes)}
              </option>
            ))}
          </SelectField>
        </div>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.isPending} disabled={triggers.length === 0}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
