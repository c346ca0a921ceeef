/** Name, slug, platform; and the end of the project. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { deleteProject, projectsKey } from "../../api/projects.ts";
import type { ProjectDetail } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { formClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { Notice } from "../../ui/State.tsx";
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
      <DeleteProject org={org} project={project} />
    </>
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
