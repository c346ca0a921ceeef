/** The rules of one project. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deleteRule, notificationsQuery, rulesQuery, testRule, updateRule } from "../../api/projects.ts";
import type { AlertRule } from "../../api/types.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Alerts.module.css";
import { RuleDialog } from "./RuleDialog.tsx";
import { ruleText } from "./rule-text.ts";

interface Place {
  org: string;
  slug: string;
}

export function Rules({ org, slug }: Place) {
  const rules = useQuery(rulesQuery(org, slug));
  const [editing, setEditing] = useState<AlertRule | "new" | null>(null);
  const add = (
    <Button small icon="plus" onClick={() => setEditing("new")}>
      New rule
    </Button>
  );
  return (
    <Panel title="Rules" flush actions={add}>
      {rules.isError ? (
        <ErrorState error={rules.error} retry={() => void rules.refetch()} />
      ) : !rules.data ? (
        <Skeleton rows={2} label="Loading rules" />
      ) : rules.data.length === 0 ? (
        <EmptyState icon="alerts" title="Nobody is told">
          A rule sends a webhook or a mail when an issue is new, or comes back after it was resolved.
        </EmptyState>
      ) : (
        rules.data.map((rule) => (
          <RuleView key={rule.id} org={org} slug={slug} rule={rule} onEdit={() => setEditing(rule)} />
        ))
      )}
      {editing ? (
        <RuleDialog
          org={org}
          slug={slug}
          rule={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
        />
      ) : null}
    </Panel>
  );
}

function RuleView({ org, slug, rule, onEdit }: Place & { rule: AlertRule; onEdit: () => void }) {
  const client = useQueryClient();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const fail = (error: Error) => toast({ text: error.message, tone: "danger" });
  const refresh = () => client.invalidateQueries({ queryKey: rulesQuery(org, slug).queryKey });
  const toggle = useMutation({
    mutationFn: () => updateRule(org, slug, rule.id, { isEnabled: !rule.isEnabled }),
    onSuccess: refresh,
    onError: fail,
  });
  const remove = useMutation({
    mutationFn: () => deleteRule(org, slug, rule.id),
    onSuccess: refresh,
    onError: fail,
  });
  const test = useMutation({
    mutationFn: () => testRule(org, slug, rule.id),
    onSuccess: () => {
      toast({ text: "The test was sent" });
      void client.invalidateQueries({ queryKey: notificationsQuery(org, slug).queryKey });
    },
    onError: (error) => toast({ text: `The test was not sent: ${error.message}`, tone: "danger" }),
  });
  return (
    <div className={rule.isEnabled ? styles.rule : `${styles.rule} ${styles.off}`}>
      <div className={styles.what}>
        <span className={styles.name}>
          {rule.name}
          {rule.isEnabled ? null : <Badge>off</Badge>}
        </span>
        <span className={styles.says}>{ruleText(rule)}</span>
        <span className={styles.quiet}>
          {rule.lastTriggered ? (
            <>
              Fired <TimeAgo at={rule.lastTriggered} />
            </>
          ) : (
            "Has never fired"
          )}
        </span>
      </div>
      <div className={styles.buttons}>
        <Button small icon="send" busy={test.isPending} onClick={() => test.mutate()}>
          Test
        </Button>
        <Button small kind="quiet" busy={toggle.isPending} onClick={() => toggle.mutate()}>
          {rule.isEnabled ? "Switch off" : "Switch on"}
        </Button>
        <Button small kind="quiet" onClick={onEdit}>
          Edit
        </Button>
        <Button
          small
          kind="quiet"
          icon="trash"
          aria-label={`Delete ${rule.name}`}
          onClick={() => setAsking(true)}
        />
      </div>
      {asking ? (
        <Confirm
          title={`Delete ${rule.name}?`}
          confirm="Delete the rule"
          busy={remove.isPending}
          onClose={() => setAsking(false)}
          onConfirm={() => remove.mutate()}
        >
          Nobody is told by this rule any more. To pause it, switch it off instead.
        </Confirm>
      ) : null}
    </div>
  );
}
