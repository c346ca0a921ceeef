/** What relays drop before anything is kept, and how much they let in. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import {
  filtersKey,
  filtersQuery,
  intakeKey,
  intakeQuery,
  setFilter,
  updateIntake,
} from "../../api/projects.ts";
import type { InboundFilter, Intake, IntakeChange, ProjectDetail } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { quotaLine, quotasOf } from "../../lib/quota.ts";
import { Button } from "../../ui/Button.tsx";
import { AreaField, Check, formClass } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useSaveProject } from "./save.ts";

interface Props {
  org: string;
  project: ProjectDetail;
}

export function FilterSettings({ org, project }: Props) {
  const filters = useQuery(filtersQuery(org, project.slug));
  const intake = useQuery(intakeQuery(org, project.slug));
  const failed = filters.error ?? intake.error;
  if (failed && !(filters.data && intake.data)) {
    return (
      <ErrorState
        error={failed}
        title="The filters could not be loaded"
        retry={() => void Promise.all([filters.refetch(), intake.refetch()])}
      />
    );
  }
  if (!filters.data || !intake.data) return <Skeleton rows={6} label="Loading the filters" />;
  return (
    <>
      <Notice>
        Relays drop what is filtered before it is kept, and count it by reason: see{" "}
        <Link to="/organizations/$org/outcomes" params={{ org }} search={{ project: [project.id] }}>
          Outcomes
        </Link>
        . Changes of filters are tried by a few relays first; lower limits hold at once.
      </Notice>
      <Switches org={org} slug={project.slug} filters={filters.data} />
      <Lists org={org} project={project} />
      <Limits org={org} slug={project.slug} intake={intake.data} />
    </>
  );
}

const SWITCHES: Record<string, { label: string; hint: string }> = {
  "browser-extensions": {
    label: "Errors of browser extensions",
    hint: "Known messages and places of extensions and toolbars that are put into pages.",
  },
  "filtered-transaction": {
    label: "Health checks",
    hint: "Transactions such as /healthz, /ready or /ping.",
  },
  "legacy-browsers": { label: "Old browsers", hint: "The groups that are chosen below." },
  localhost: {
    label: "Developers' machines",
    hint: "Pages of localhost and users at 127.0.0.1.",
  },
  "web-crawlers": { label: "Crawlers", hint: "Search engines, previews and uptime monitors." },
};

const BROWSERS: readonly (readonly [id: string, label: string])[] = [
  ["default", "Those nobody uses: Internet Explorer before 10, Safari 6, Opera 15, Opera Mini 8, Android 4"],
  ["ie_pre_9", "Internet Explorer before 9"],
  ["ie9", "Internet Explorer 9"],
  ["ie10", "Internet Explorer 10"],
  ["ie11", "Internet Explorer 11"],
  ["opera_pre_15", "Opera before 15"],
  ["opera_mini_pre_8", "Opera Mini before 8"],
  ["android_pre_4", "Android's browser before 4"],
  ["safari_pre_6", "Safari before 6"],
  ["edge_pre_79", "Edge before 79"],
  ["ie", "Internet Explorer, all"],
  ["edge", "Edge before 111"],
  ["chrome", "Chrome before 111"],
  ["firefox", "Firefox before 111"],
  ["safari", "Safari before 16"],
  ["opera", "Opera before 100"],
  ["opera_mini", "Opera Mini before 35"],
  ["android", "Android's browser before 4"],
];

function Switches({ org, slug, filters }: { org: string; slug: string; filters: InboundFilter[] }) {
  const client = useQueryClient();
  const toast = useToast();
  const change = useMutation({
    mutationFn: (wish: { id: string; body: { active?: boolean; subfilters?: string[] } }) =>
      setFilter(org, slug, wish.id, wish.body),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: filtersKey(org, slug) });
      toast({ text: "Saved" });
    },
  });
  const chosen = filters.find((filter) => filter.id === "legacy-browsers")?.active;
  const groups = Array.isArray(chosen) ? chosen : [];
  return (
    <Panel title="Filters">
      <div className={formClass}>
        {change.isError ? <Notice tone="danger">{change.error.message}</Notice> : null}
        {filters.map((filter) => (
          <Check
            key={filter.id}
            label={SWITCHES[filter.id]?.label ?? filter.id}
            hint={SWITCHES[filter.id]?.hint}
            checked={filter.active !== false}
            disabled={change.isPending}
            onChange={(active) => change.mutate({ id: filter.id, body: { active } })}
          />
        ))}
        {groups.length ? (
          <fieldset className={formClass}>
            <legend>Old browsers that are refused</legend>
            {BROWSERS.map(([id, label]) => (
              <Check
                key={id}
                label={label}
                checked={groups.includes(id)}
                disabled={change.isPending}
                onChange={(on) =>
                  change.mutate({
                    id: "legacy-browsers",
                    body: { subfilters: on ? [...groups, id] : groups.filter((each) => each !== id) },
                  })
                }
              />
            ))}
          </fieldset>
        ) : null}
      </div>
    </Panel>
  );
}

const READY: readonly (readonly [option: string, label: string, hint: string])[] = [
  [
    "filters:react-hydration-errors",
    "React's hydration errors",
    "Raised when a page differs from what the server made of it.",
  ],
  [
    "filters:chunk-load-error",
    "Chunk load errors",
    "Raised when a page asks for parts of a version that is no longer there.",
  ],
  [
    "sentry:csp_ignored_sources_defaults",
    "Security reports about extensions",
    "What extensions, toolbars and advertisers put into pages.",
  ],
];

const LISTS: readonly (readonly [option: string, label: string, hint: string, placeholder: string])[] = [
  [
    "filters:error_messages",
    "Messages",
    "One a line. A star stands for any text; compared with the message and with “type: value” of each exception, in any case.",
    "TypeError: *is not a function\n*timed out*",
  ],
  [
    "filters:log_messages",
    "Messages of logs",
    "One a line. A star stands for any text; compared with the whole message, in any case.",
    "GET /healthz*\n*heartbeat*",
  ],
  [
    "filters:trace_metric_names",
    "Names of metrics",
    "One a line. A star stands for any text, in any case.",
    "debug.*",
  ],
  ["filters:releases", "Releases", "One a line. A star stands for any text.", "shop@1.*"],
  [
    "filters:blacklisted_ips",
    "Addresses of clients",
    "One a line: addresses and networks of the connection, not of the user.",
    "192.0.2.7\n198.51.100.0/24",
  ],
  [
    "sentry:csp_ignored_sources",
    "Sources of security reports",
    "One a line: scheme://host:port, each part may be left out or be a star.",
    "*.ads.example",
  ],
];

function Lists({ org, project }: Props) {
  const [options, setOptions] = useState<Record<string, unknown>>({ ...project.options });
  const save = useSaveProject(org, project.slug);
  const set = (option: string, value: string | boolean) => setOptions((old) => ({ ...old, [option]: value }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ options });
  };
  return (
    <Panel title="Filters by list">
      <form className={formClass} onSubmit={submit}>
        {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
        {READY.map(([option, label, hint]) => (
          <Check
            key={option}
            label={label}
            hint={hint}
            checked={options[option] === true}
            onChange={(on) => set(option, on)}
          />
        ))}
        {LISTS.map(([option, label, hint, placeholder]) => (
          <AreaField
            key={option}
            label={label}
            hint={hint}
            placeholder={placeholder}
            value={String(options[option] ?? "")}
            onChange={(text) => set(option, text)}
          />
        ))}
        <div>
          <Button kind="primary" type="submit" busy={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Panel>
  );
}

function Limits({ org, slug, intake }: { org: string; slug: string; intake: Intake }) {
  const client = useQueryClient();
  const toast = useToast();
  const [quotas, setQuotas] = useState(intake.quotas.map(quotaLine).join("\n"));
  const [spike, setSpike] = useState(intake.spikeProtection);
  const [generic, setGeneric] = useState(pretty(intake.generic));
  const [rules, setRules] = useState(pretty(intake.samplingRules));
  const [problem, setProblem] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (change: IntakeChange) => updateIntake(org, slug, change),
    onSuccess: (saved) => {
      client.setQueryData(intakeKey(org, slug), saved);
      setRules(pretty(saved.samplingRules));
      toast({ text: "Saved" });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = quotasOf(quotas);
    const change = { generic: unpretty(generic), samplingRules: unpretty(rules) };
    const isRead = change.generic !== null && change.samplingRules !== null;
    setProblem(typeof read === "string" ? read : isRead ? null : "Conditions and rules are lists in JSON.");
    if (typeof read === "string" || !isRead) return;
    save.mutate({ ...change, quotas: read, spikeProtection: spike } as IntakeChange);
  };
  return (
    <Panel title="Limits, conditions and sampling">
      <form className={formClass} onSubmit={submit}>
        {problem ? <Notice tone="danger">{problem}</Notice> : null}
        {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
        <AreaField
          label="Limits of the project"
          hint={`One a line: items, a slash, the time, and the categories that are counted together; none are all. 10000/1h+500 lets 500 come at once and makes them up at that rate. Shared out evenly among relays, ${exact(intake.relays)} at present.`}
          placeholder={"10000/1h error\n500000/1d"}
          value={quotas}
          onChange={setQuotas}
        />
        <Check
          label="Spike protection"
          hint={
            intake.spikeLimit
              ? `Each relay takes at most ${exact(intake.spikeLimit)} errors an hour, ten times what is usual.`
              : "Limits errors to ten times what is usual, once a day of errors is known."
          }
          checked={spike}
          onChange={setSpike}
        />
        <AreaField
          label="Filters by condition"
          hint="JSON: a list of id, the reason that is counted, and condition. They go before all other filters."
          rows={6}
          value={generic}
          onChange={setGeneric}
        />
        <AreaField
          label="Sampling rules"
          hint="JSON: a list of category, condition, rate from 0 to 1 and, if they end, from and until. The first that holds decides."
          rows={6}
          value={rules}
          onChange={setRules}
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

/** Conditions are text in the API, so that places in them can be told; here they are read as JSON. */
function pretty(list: readonly { condition: string }[]): string {
  const read = list.map((entry) => ({
    ...Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null)),
    condition: parsed(entry.condition),
  }));
  return JSON.stringify(read, null, 2);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unpretty(text: string): { condition: string }[] | null {
  const list = parsed(text.trim() || "[]");
  if (!Array.isArray(list)) return null;
  return list.map((entry) => ({
    ...entry,
    condition:
      typeof entry?.condition === "string" ? entry.condition : JSON.stringify(entry?.condition ?? null),
  }));
}
