/** Name, slug, platform; and the end of the project. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { removeTombstone, tombstonesQuery } from "../../api/issues.ts";
import { deleteProject, projectsKey } from "../../api/projects.ts";
import type { ProjectDetail, Tombstone } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useSaveProject } from "./save.ts";
import { PLATFORMS } from "./snippets.ts";

export function GeneralSettings({ org, project }: { org: string; project: ProjectDetail }) {
  const navigate = useNavigate();
  const [name, setName] = useState(project.name);
  const [slug, setSlug] = useState(project.slug);
  const [platform, setPlatform] = useState(project.platform ?? "other");
  const save = useSaveProject(org, project.slug, (saved) => {
    if (saved.slug !== project.slug) {
      void navigate({
        to: "/organizations/$org/projects/$slug/settings",
        params: { org, slug: saved.slug },
        replace: true,
      });
    }
  });
  const fields = save.error instanceof ApiError ? save.error.fields : {};
  const known = PLATFORMS.some((each) => each.value === platform);
  return (
    <>
      <Panel title="General">
        <form
          className={formClass}
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            save.mutate({ name: name.trim(), slug: slug.trim(), platform });
          }}
        >
          {save.isError && !Object.keys(fields).length ? (
            <Notice tone="danger">{save.error.message}</Notice>
          ) : null}
          <div className={rowClass}>
            <TextField
              label="Name"
              required
              value={name}
              error={fields.name}
              onChange={(e) => setName(e.target.value)}
            />
            <TextField
              label="Slug"
              required
              mono
              value={slug}
              error={fields.slug}
              hint="Part of addresses and of the ids of issues."
              onChange={(e) => setSlug(e.target.value)}
            />
          </div>
          <SelectField label="Platform" value={platform} onChange={(e) => setPlatform(e.target.value)}>
            {known ? null : <option value={platform}>{platform}</option>}
            {PLATFORMS.map((each) => (
              <option key={each.value} value={each.value}>
                {each.label}
              </option>
            ))}
          </SelectField>
          <div>
            <Button kind="primary" type="submit" busy={save.isPending}>
              Save
            </Button>
          </div>
        </form>
      </Panel>
      <AutoResolve org={org} project={project} />
      <Escalation project={project} />
      <Discarded org={org} slug={project.slug} />
      <DeleteProject org={org} project={project} />
    </>
  );
}

const AGES = [
  { hours: 0, label: "Never" },
  { hours: 24, label: "1 day" },
  { hours: 7 * 24, label: "7 days" },
  { hours: 14 * 24, label: "14 days" },
  { hours: 30 * 24, label: "30 days" },
  { hours: 90 * 24, label: "90 days" },
] as const;

function AutoResolve({ org, project }: { org: string; project: ProjectDetail }) {
  const save = useSaveProject(org, project.slug);
  const age = project.resolveAge;
  return (
    <Panel title="Resolve by themselves">
      <div className={formClass}>
        {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
        <SelectField
          label="Issues that were not seen for"
          hint="They are resolved then, and regress when they are seen again."
          value={age}
          disabled={save.isPending}
          onChange={(event) => save.mutate({ resolveAge: Number(event.target.value) })}
        >
          {AGES.some((each) => each.hours === age) ? null : <option value={age}>{age} hours</option>}
          {AGES.map((each) => (
            <option key={each.hours} value={each.hours}>
              {each.label}
            </option>
          ))}
        </SelectField>
      </div>
    </Panel>
  );
}

/** What new issues are measured against; and that it could not be measured, where it could not. */
function Escalation({ project }: { project: ProjectDetail }) {
  const { threshold, dateComputed, error, dateFailed } = project.escalation;
  return (
    <Panel title="Escalating issues">
      <div className={formClass}>
        {error ? (
          <Notice tone="danger">
            The measure could not be taken <TimeAgo at={dateFailed ?? ""} />: {error}. The one before is in
            force, and it is tried again every ten minutes.
          </Notice>
        ) : null}
        <p>
          {threshold
            ? `A new issue is escalating above ${exact(Math.round(threshold))} events an hour: 95 of 100 issues of this project are seen less often.`
            : "There are too few issues yet to tell when a new one is seen more often than others."}
          {dateComputed ? (
            <>
              {" "}
              Measured <TimeAgo at={dateComputed} />.
            </>
          ) : null}
        </p>
      </div>
    </Panel>
  );
}

/** Issues whose events are dropped, and the way back. */
function Discarded({ org, slug }: { org: string; slug: string }) {
  const tombstones = useQuery(tombstonesQuery(org, slug));
  const client = useQueryClient();
  const toast = useToast();
  const takeBack = useMutation({
    mutationFn: (id: string) => removeTombstone(org, slug, id),
    onSuccess: () => client.invalidateQueries({ queryKey: tombstonesQuery(org, slug).queryKey }),
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const columns: Column<Tombstone>[] = [
    { name: "Issue", cell: (each) => each.title },
    { name: "Discarded by", cell: (each) => each.actor?.name ?? "someone who left" },
    { name: "When", cell: (each) => <TimeAgo at={each.dateAdded} /> },
    {
      name: "Actions",
      quiet: true,
      cell: (each) => (
        <Button small kind="quiet" busy={takeBack.isPending} onClick={() => takeBack.mutate(each.id)}>
          Take back
        </Button>
      ),
    },
  ];
  const rows = tombstones.data;
  return (
    <Panel title="Discarded issues" flush={!!rows?.length}>
      {tombstones.isError ? (
        <ErrorState error={tombstones.error} retry={() => void tombstones.refetch()} />
      ) : !rows ? (
        <Skeleton rows={1} label="Loading discarded issues" />
      ) : rows.length === 0 ? (
        "None. What comes of a discarded issue is dropped and only counted."
      ) : (
        <Table label="Discarded issues" columns={columns} rows={rows} rowKey={(each) => each.id} />
      )}
    </Panel>
  );
}

function DeleteProject({ org, project }: { org: string; project: ProjectDetail }) {
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const client = useQueryClient();
  const toast = useToast();
  const remove = useMutation({
    mutationFn: () => deleteProject(org, project.slug),
    onSuccess: async () => {
      toast({ text: `${project.slug} was deleted` });
      await client.invalidateQueries({ queryKey: projectsKey(org) });
      await navigate({ to: "/organizations/$org/projects", params: { org } });
    },
    onError: (error) => toast({ text: `Not deleted: ${error.message}`, tone: "danger" }),
  });
  return (
    <Panel
      title="Delete this project"
      actions={
        <Button kind="danger" small onClick={() => setAsking(true)}>
          Delete
        </Button>
      }
    >
      Its issues, events and keys go with it. SDKs that still send with its keys are refused.
      {asking ? (
        <Confirm
          title={`Delete ${project.slug}?`}
          confirm="Delete the project"
          busy={remove.isPending || typed !== project.slug}
          onClose={() => setAsking(false)}
          onConfirm={() => remove.mutate()}
        >
          <TextField
            label={`Nothing can bring it back. Type ${project.slug} to go on.`}
            mono
            autoFocus
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </Confirm>
      ) : null}
    </Panel>
  );
}
