/** A new project, and straight on to its first event. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { createProject, projectsKey } from "../../api/projects.ts";
import { Button } from "../../ui/Button.tsx";
import { formClass, TextField } from "../../ui/Form.tsx";
import { PageHead, Panel } from "../../ui/Panel.tsx";
import { Notice } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Projects.module.css";
import { PLATFORMS } from "./snippets.ts";

export function NewProjectPage() {
  useTitle("New project");
  const { org } = useParams({ from: "/signed-in/organizations/$org/projects/new" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [platform, setPlatform] = useState("python");
  const create = useMutation({
    mutationFn: () => createProject(org, { name: name.trim(), platform }),
    onSuccess: async (project) => {
      await client.invalidateQueries({ queryKey: projectsKey(org) });
      await navigate({ to: "/organizations/$org/projects/$slug/start", params: { org, slug: project.slug } });
    },
  });
  const fields = create.error instanceof ApiError ? create.error.fields : {};
  return (
    <div className={styles.narrow}>
      <PageHead
        title="New project"
        lead="One application, or one part of it with its own team and its own noise."
      />
      <Panel>
        <form
          className={formClass}
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          {create.isError && !fields.name ? <Notice tone="danger">{create.error.message}</Notice> : null}
          <TextField
            label="Name"
            required
            autoFocus
            maxLength={50}
            value={name}
            error={fields.name}
            hint="Shown in lists and in the ids of its issues, as in SHOP-1A."
            onChange={(event) => setName(event.target.value)}
          />
          <fieldset>
            <legend className="visually-hidden">Platform</legend>
            <div className={styles.platforms}>
              {PLATFORMS.map(({ value, label }) => (
                <label key={value} className={styles.platform}>
                  <input
                    type="radio"
                    name="platform"
                    value={value}
                    checked={platform === value}
                    onChange={() => setPlatform(value)}
                  />
                  {label}
                </label>
              ))}
            </div>
          </fieldset>
          <div>
            <Button kind="primary" type="submit" busy={create.isPending} disabled={!name.trim()}>
              Create project
            </Button>
          </div>
        </form>
      </Panel>
    </div>
  );
}
