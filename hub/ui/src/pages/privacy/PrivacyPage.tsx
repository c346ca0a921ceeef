/** What was removed from what came, and the rules that hold for all projects. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import {
  dryRunRules,
  organizationKey,
  organizationQuery,
  previewRules,
  type RemovalQuestion,
  removalsFile,
  removalsQuery,
  setOrganizationPrivacy,
  settingsAsRulesKey,
} from "../../api/privacy.ts";
import { projectsQuery } from "../../api/projects.ts";
import type { OrganizationChange, Removals } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { SettingsAsRules } from "../../parts/SettingsAsRules.tsx";
import type { FilterSearch } from "../../routes.tsx";
import { Button, buttonClass } from "../../ui/Button.tsx";
import { inputClass } from "../../ui/Form.tsx";
import { PageHead, Panel } from "../../ui/Panel.tsx";
import { type PrivacyChoice, PrivacyForm } from "../../ui/PrivacyForm.tsx";
import { RulesEditor } from "../../ui/RulesEditor.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Privacy.module.css";

const FROM = "/signed-in/organizations/$org/privacy";
/** How far back the report goes; whole days are counted. */
const PERIODS = ["24h", "14d", "90d"] as const;

export function PrivacyPage() {
  const { org } = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  useTitle("Privacy");
  const asked: RemovalQuestion = {
    // A range, as it comes along from other pages, goes before a period.
    statsPeriod: search.start || search.end ? undefined : (search.statsPeriod ?? "14d"),
    start: search.start,
    end: search.end,
    project: search.project,
  };
  return (
    <div className={styles.page}>
      <PageHead title="Privacy" lead="What relays removed before anything was written, and by which rule">
        <Choices org={org} search={search} asked={asked} />
      </PageHead>
      <Report org={org} asked={asked} />
      <OrganizationSettings key={org} org={org} />
    </div>
  );
}

function Choices({ org, search, asked }: { org: string; search: FilterSearch; asked: RemovalQuestion }) {
  const navigate = useNavigate();
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const change = (next: FilterSearch) => void navigate({ to: ".", search: { ...search, ...next } });
  const chosen = projects.filter((each) => search.project?.some((p) => p === each.id || p === each.slug));
  return (
    <div className={styles.buttons}>
      <select
        className={inputClass}
        aria-label="Project"
        value={chosen.length > 1 ? "several" : (chosen[0]?.id ?? "")}
        onChange={(event) => change({ project: event.target.value ? [event.target.value] : undefined })}
      >
        <option value="">All projects</option>
        {chosen.length > 1 ? (
          <option value="several" disabled>
            {plural(chosen.length, "project")}
          </option>
        ) : null}
        {projects.map((project) => (
          <option key={project.id} value={project.id}>
            {project.slug}
          </option>
        ))}
      </select>
      <fieldset className={styles.choice} aria-label="Time shown">
        {PERIODS.map((period) => (
          <Button
            key={period}
            small
            kind={period === asked.statsPeriod ? "primary" : "quiet"}
            aria-pressed={period === asked.statsPeriod}
            onClick={() => change({ statsPeriod: period, start: undefined, end: undefined })}
          >
            {period}
          </Button>
        ))}
      </fieldset>
      <a className={buttonClass()} href={removalsFile(org, asked)} download>
        Export as CSV
      </a>
    </div>
  );
}

function Report({ org, asked }: { org: string; asked: RemovalQuestion }) {
  const removals = useQuery(removalsQuery(org, asked));
  if (removals.isError && !removals.data) {
    return (
      <ErrorState
        error={removals.error}
        title="The report could not be loaded"
        retry={() => void removals.refetch()}
      />
    );
  }
  if (!removals.data) return <Skeleton rows={8} label="Loading the report" />;
  if (removals.data.rows.length === 0) {
    return (
      <EmptyState icon="shield" title="Nothing was removed in this time">
        Passwords, keys, tokens, card numbers and their like are always removed, and would be listed here.
      </EmptyState>
    );
  }
  const columns: Column<Removals["rows"][number]>[] = [
    { name: "Rule", cell: (row) => <code>{row.rule}</code> },
    { name: "Kind", whole: true, cell: (row) => row.kind },
    { name: "Field", cell: (row) => <code>{row.field}</code> },
    {
      name: "Project",
      whole: true,
      cell: (row) => (
        <Link
          to="/organizations/$org/projects/$slug/settings"
          params={{ org, slug: row.project }}
          search={{ tab: "privacy" }}
        >
          {row.project}
        </Link>
      ),
    },
    { name: "Removals", numeric: true, cell: (row) => exact(row.count) },
    { name: "Last", numeric: true, whole: true, cell: (row) => row.lastDay },
  ];
  return (
    <Panel title="What was removed" flush>
      <p className={styles.covers}>
        Everything that comes is counted, by the notes in it. Of attachments, crash dumps and recordings the
        fields are not told apart; headers of items and requests, as names of files, are not counted.
      </p>
      <Table
        label="What was removed"
        columns={columns}
        rows={removals.data.rows}
        rowKey={(row) => `${row.project} ${row.kind} ${row.rule} ${row.field}`}
      />
    </Panel>
  );
}

function OrganizationSettings({ org }: { org: string }) {
  const client = useQueryClient();
  const toast = useToast();
  const organization = useQuery(organizationQuery(org));
  const projects = useQuery(projectsQuery(org));
  const save = useMutation({
    mutationFn: (change: OrganizationChange) => setOrganizationPrivacy(org, change),
    onSuccess: (saved) => {
      client.setQueryData(organizationKey(org), saved);
      void client.invalidateQueries({ queryKey: settingsAsRulesKey(org) });
      toast({ text: "Saved" });
    },
  });
  // A rule that is wrong is said beside the rules.
  const choose = useMutation({ mutationFn: (choice: PrivacyChoice) => save.mutateAsync(choice) });
  if (!organization.data || !projects.data) return null;
  return (
    <>
      <PrivacyForm
        title="For all projects"
        note="What a project sets is removed beside it. Passwords, keys, tokens, card numbers and their like are always removed."
        saved={organization.data}
        save={choose.mutate}
        isBusy={choose.isPending}
        error={choose.error}
      />
      <SettingsAsRules org={org} />
      <RulesEditor
        title="Rules for all projects"
        hint="They run before those of a project, and can only remove more. Relays refuse none of them silently: what is not understood is an error here."
        slugs={projects.data.map((project) => project.slug)}
        saved={organization.data.relayPiiConfig ?? ""}
        save={(rules) => save.mutateAsync({ relayPiiConfig: rules })}
        preview={(slug, rules) => previewRules(org, slug, rules)}
        dryRun={(slug, rules) => dryRunRules(org, slug, rules)}
      />
    </>
  );
}
