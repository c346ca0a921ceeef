/** Teams: who is in them, and which projects they look after. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import {
  createTeam,
  membersQuery,
  removeTeam,
  setTeamMember,
  setTeamProject,
  teamsQuery,
  updateTeam,
} from "../../api/people.ts";
import { projectsKey, projectsQuery } from "../../api/projects.ts";
import type { Team } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { Check, formClass, rowClass, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useMay } from "./may.ts";
import styles from "./Settings.module.css";

export function Teams({ org }: { org: string }) {
  const teams = useQuery(teamsQuery(org));
  const { may } = useMay(org);
  const act = useTeamAction(org);
  const [making, setMaking] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<Team | null>(null);
  const shown = teams.data?.find((team) => team.id === open);
  const columns: Column<Team>[] = [
    {
      name: "Team",
      cell: (team) => (
        <span className={styles.who}>
          <strong>{team.name}</strong>
          <span>#{team.slug}</span>
        </span>
      ),
    },
    { name: "Members", numeric: true, cell: (team) => team.memberCount },
    { name: "Projects", cell: (team) => team.projects.map((each) => each.slug).join(", ") || "none" },
    {
      name: "Actions",
      quiet: true,
      cell: (team) => (
        <span className={styles.buttons}>
          <Button
            small
            kind="quiet"
            busy={act.isPending}
            onClick={() => act.mutate(() => setTeamMember(org, team.slug, "me", !team.isMember))}
          >
            {team.isMember ? "Leave" : "Join"}
          </Button>
          {may("team:write") || team.teamRole === "admin" ? (
            <Button small kind="quiet" onClick={() => setOpen(team.id)}>
              Manage
            </Button>
          ) : null}
          {may("team:admin") ? (
            <Button
              small
              kind="quiet"
              icon="trash"
              aria-label={`Delete #${team.slug}`}
              onClick={() => setLeaving(team)}
            />
          ) : null}
        </span>
      ),
    },
  ];
  return (
    <Panel
      title="Teams"
      flush
      actions={
        may("team:write") ? (
          <Button small icon="plus" onClick={() => setMaking(true)}>
            New team
          </Button>
        ) : null
      }
    >
      {teams.isError ? (
        <ErrorState error={teams.error} retry={() => void teams.refetch()} />
      ) : !teams.data ? (
        <Skeleton rows={3} label="Loading teams" />
      ) : teams.data.length === 0 ? (
        <EmptyState title="No team">
          A team can be given issues as a person can, and looks after projects.
        </EmptyState>
      ) : (
        <Table label="Teams" columns={columns} rows={teams.data} rowKey={(team) => team.id} />
      )}
      {making ? <TeamForm org={org} onClose={() => setMaking(false)} /> : null}
      {shown ? <Manage org={org} team={shown} onClose={() => setOpen(null)} /> : null}
      {leaving ? (
        <Confirm
          title={`Delete #${leaving.slug}?`}
          confirm="Delete the team"
          busy={act.isPending}
          onClose={() => setLeaving(null)}
          onConfirm={() => {
            const { slug } = leaving;
            act.mutate(() => removeTeam(org, slug), { onSettled: () => setLeaving(null) });
          }}
        >
          Issues assigned to it will be nobody's. Its {plural(leaving.memberCount, "member")} and its projects
          stay.
        </Confirm>
      ) : null}
    </Panel>
  );
}

/** Changes something about teams, and shows what became of it. */
function useTeamAction(org: string) {
  const client = useQueryClient();
  const toast = useToast();
  return useMutation({
    mutationFn: (task: () => Promise<unknown>) => task(),
    onSuccess: async () => {
      await Promise.all([
        client.invalidateQueries({ queryKey: teamsQuery(org).queryKey }),
        client.invalidateQueries({ queryKey: membersQuery(org).queryKey }),
        client.invalidateQueries({ queryKey: projectsKey(org) }),
      ]);
    },
    onError: (error) => {
      if (!(error instanceof ApiError && Object.keys(error.fields).length)) {
        toast({ text: error.message, tone: "danger" });
      }
    },
  });
}

/** Makes a team, or renames one. */
function TeamForm({ org, team, onClose }: { org: string; team?: Team; onClose: () => void }) {
  const [name, setName] = useState(team?.name ?? "");
  const [slug, setSlug] = useState(team?.slug ?? "");
  const save = useTeamAction(org);
  const fields = save.error instanceof ApiError ? save.error.fields : {};
  const form = (
    <form
      className={formClass}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        const body = { name: name.trim(), slug: slug.trim() || undefined };
        save.mutate(() => (team ? updateTeam(org, team.slug, body) : createTeam(org, body)), {
          onSuccess: () => {
            if (!team) onClose();
          },
        });
      }}
    >
      <div className={rowClass}>
        <TextField
          label="Name"
          required
          autoFocus={!team}
          value={name}
          error={fields.name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label="Slug"
          mono
          required={!!team}
          value={slug}
          error={fields.slug}
          hint={team ? undefined : "Made of the name when it is left empty."}
          onChange={(event) => setSlug(event.target.value)}
        />
      </div>
      <DialogActions>
        <Button onClick={onClose}>{team ? "Close" : "Cancel"}</Button>
        <Button kind="primary" type="submit" busy={save.isPending}>
          {team ? "Rename" : "Create team"}
        </Button>
      </DialogActions>
    </form>
  );
  return team ? (
    form
  ) : (
    <Dialog title="New team" onClose={onClose}>
      {form}
    </Dialog>
  );
}

function Manage({ org, team, onClose }: { org: string; team: Team; onClose: () => void }) {
  const members = useQuery(membersQuery(org));
  const projects = useQuery(projectsQuery(org));
  const { may } = useMay(org);
  const act = useTeamAction(org);
  const failed = members.error ?? projects.error;
  return (
    <Dialog title={`Team #${team.slug}`} onClose={onClose} wide>
      <div className={styles.once}>
        {failed ? <Notice tone="danger">{failed.message}</Notice> : null}
        <fieldset className={styles.list}>
          <legend>Members</legend>
          {members.data?.map((member) => (
            <Check
              key={member.id}
              label={member.name || member.email}
              hint={member.email}
              checked={member.teams.includes(team.slug)}
              disabled={act.isPending}
              onChange={(on) => act.mutate(() => setTeamMember(org, team.slug, member.id, on))}
            />
          ))}
        </fieldset>
        {may("project:write") ? (
          <fieldset className={styles.list}>
            <legend>Projects</legend>
            {projects.data?.map((project) => (
              <Check
                key={project.id}
                label={project.slug}
                checked={team.projects.some((each) => each.id === project.id)}
                disabled={act.isPending}
                onChange={(on) => act.mutate(() => setTeamProject(org, team.slug, project.slug, on))}
              />
            ))}
          </fieldset>
        ) : null}
        {may("team:write") ? <TeamForm key={team.slug} org={org} team={team} onClose={onClose} /> : null}
      </div>
    </Dialog>
  );
}
