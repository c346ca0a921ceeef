/** How much all projects of the organization together may send. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { quotasQuery, setQuotas } from "../../api/quotas.ts";
import { type Quota, quotaLine, quotasOf } from "../../lib/quota.ts";
import { Button } from "../../ui/Button.tsx";
import { AreaField, formClass } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { useToast } from "../../ui/Toasts.tsx";

export function Quotas({ org }: { org: string }) {
  const quotas = useQuery(quotasQuery(org));
  if (quotas.isError && !quotas.data) {
    return (
      <ErrorState
        error={quotas.error}
        title="The quotas could not be loaded"
        retry={() => void quotas.refetch()}
      />
    );
  }
  if (!quotas.data) return <Skeleton rows={4} label="Loading the quotas" />;
  return (
    <>
      <Notice>
        Relays refuse what is beyond a quota and tell clients how long to wait; what they refused is counted
        as <code>organization_quota</code> in{" "}
        <Link to="/organizations/$org/outcomes" params={{ org }} search={{ by: "reason" }}>
          Outcomes
        </Link>
        . Quotas of one project are among its own{" "}
        <Link to="/organizations/$org/projects" params={{ org }}>
          settings
        </Link>
        , under Filters and limits.
      </Notice>
      <Form org={org} quotas={quotas.data.quotas} />
    </>
  );
}

function Form({ org, quotas }: { org: string; quotas: Quota[] }) {
  const client = useQueryClient();
  const toast = useToast();
  const [text, setText] = useState(quotas.map(quotaLine).join("\n"));
  const [problem, setProblem] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (wish: Quota[]) => setQuotas(org, wish),
    onSuccess: (saved) => {
      client.setQueryData(quotasQuery(org).queryKey, saved);
      setText(saved.quotas.map(quotaLine).join("\n"));
      toast({ text: "Saved" });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = quotasOf(text);
    setProblem(typeof read === "string" ? read : null);
    if (typeof read !== "string") save.mutate(read);
  };
  return (
    <Panel title="Quotas of the organization">
      <form className={formClass} onSubmit={submit}>
        {problem ? <Notice tone="danger">{problem}</Notice> : null}
        {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
        <AreaField
          label="Limits over all projects"
          hint="One a line: items, a slash, the time, and the categories that are counted together; none are all. With a plus behind the time, so many may come at once, and are made up at the rate of the limit. Every log, span and metric is one item. Lower limits hold at once, higher ones are tried by a few relays first."
          placeholder={"1000000/1d\n200000/1h+20000 log_item span trace_metric"}
          rows={6}
          value={text}
          onChange={setText}
        />
        <div>
          <Button kind="primary" type="submit" busy={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Panel>
  );
}
