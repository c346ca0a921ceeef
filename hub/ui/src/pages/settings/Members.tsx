/** Who is in the organization, and what they may do. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { inviteMember, membersQuery, removeMember, teamsQuery, updateMember } from "../../api/people.ts";
import { sessionQuery } from "../../api/session.ts";
import type { Member } from "../../api/types.ts";
import { Badge } from "../../ui/Badge.tsx";
import { Button } from "../../ui/Button.tsx";
import { CodeLine } from "../../ui/Code.tsx";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { Check, formClass, inputClass, rowClass, SelectField, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { useMay } from "./may.ts";
import styles from "./Settings.module.css";

export const ROLE_WORDS: Record<string, string> = {
  member: "Member: works with issues",
  admin: "Admin: sets up projects and teams",
  manager: "Manager: manages people as well",
  owner: "Owner: may do everything",
};

export function Members({ org }: { org: string }) {
  const members = useQuery(membersQuery(org));
  const { data: session } = useQuery(sessionQuery);
  const client = useQueryClient();
  const toast = useToast();
  const { may, roles } = useMay(org);
  const [inviting, setInviting] = useState(false);
  const [invited, setInvited] = useState<Member | null>(null);
  const [leaving, setLeaving] = useState<Member | null>(null);
  const refresh = async () => {
    await client.invalidateQueries({ queryKey: membersQuery(org).queryKey });
    await client.invalidateQueries({ queryKey: teamsQuery(org).queryKey });
  };
  const act = useMutation({
    mutationFn: (task: () => Promise<unknown>) => task(),
    onSuccess: refresh,
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const isSelf = (member: Member) => member.user.id === session?.user.id;
  const mayTouch = (member: Member) => (roles as readonly string[]).includes(member.orgRole);
  const columns: Column<Member>[] = [
    {
      name: "Who",
      cell: (member) => (
        <span className={styles.who}>
          <strong>
            {member.name || member.email} {isSelf(member) ? <Badge>you</Badge> : null}{" "}
            {member.pending ? (
              <Badge tone="warning">{member.expired ? "invitation has ended" : "invited"}</Badge>
            ) : null}
          </strong>
          <span>{member.email}</span>
        </span>
      ),
    },
    {
      name: "Role",
      cell: (member) =>
        may("member:write") && mayTouch(member) ? (
          <select
            className={`${inputClass} ${styles.role}`}
            aria-label={`Role of ${member.email}`}
            value={member.orgRole}
            disabled={act.isPending}
            onChange={(event) => {
              const orgRole = event.target.value;
              act.mutate(() => updateMember(org, member.id, { orgRole }));
            }}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {role}
              </option>
            ))}
          </select>
        ) : (
          member.orgRole
        ),
    },
    { name: "Teams", cell: (member) => member.teams.map((team) => `#${team}`).join(" ") || "none" },
    { name: "Since", cell: (member) => <TimeAgo at={member.dateCreated} /> },
    {
      name: "Actions",
      quiet: true,
      cell: (member) => (
        <span className={styles.buttons}>
          {member.pending && may("member:write") && mayTouch(member) ? (
            <Button
              small
              kind="quiet"
              onClick={() =>
                act.mutate(async () => setInvited(await updateMember(org, member.id, { reinvite: true })))
              }
            >
              Invite again
            </Button>
          ) : null}
          {isSelf(member) || (may("member:admin") && mayTouch(member)) ? (
            <Button small kind="quiet" onClick={() => setLeaving(member)}>
              {isSelf(member) ? "Leave" : "Remove"}
            </Button>
          ) : null}
        </span>
      ),
    },
  ];
  return (
    <Panel
      title="Members"
      flush
      actions={
        may("member:write") ? (
          <Button small icon="plus" onClick={() => setInviting(true)}>
            Invite
          </Button>
        ) : null
      }
    >
      {members.isError ? (
        <ErrorState error={members.error} retry={() => void members.refetch()} />
      ) : !members.data ? (
        <Skeleton rows={3} label="Loading members" />
      ) : (
        <Table label="Members" columns={columns} rows={members.data} rowKey={(member) => member.id} />
      )}
      {inviting ? (
        <Invite
          org={org}
          roles={roles}
          onClose={() => setInviting(false)}
          onMade={async (member) => {
            setInviting(false);
            setInvited(member);
            await refresh();
          }}
        />
      ) : null}
      {invited ? <Invitation member={invited} onClose={() => setInvited(null)} /> : null}
      {leaving ? (
        <Confirm
          title={isSelf(leaving) ? "Leave this organization?" : `Remove ${leaving.name || leaving.email}?`}
          confirm={isSelf(leaving) ? "Leave" : "Remove"}
          busy={act.isPending}
          onClose={() => setLeaving(null)}
          onConfirm={() => {
            const { id } = leaving;
            act.mutate(() => removeMember(org, id), { onSettled: () => setLeaving(null) });
          }}
        >
          Issues assigned to them will be nobody's, and they leave every team. Their notes stay.
        </Confirm>
      ) : null}
    </Panel>
  );
}

interface InviteProps {
  org: string;
  roles: readonly string[];
  onClose: () => void;
  onMade: (member: Member) => Promise<void>;
}

function Invite({ org, roles, onClose, onMade }: InviteProps) {
  const { data: teams = [] } = useQuery(teamsQuery(org));
  const [email, setEmail] = useState("");
  const [orgRole, setRole] = useState("member");
  const [chosen, setChosen] = useState<readonly string[] | null>(null);
  const inTeams = chosen ?? teams.filter((team) => team.slug === "everyone").map((team) => team.slug);
  const invite = useMutation({
    mutationFn: () => inviteMember(org, { email: email.trim(), orgRole, teams: [...inTeams] }),
    onSuccess: onMade,
  });
  const fields = invite.error instanceof ApiError ? invite.error.fields : {};
  return (
    <Dialog title="Invite someone" onClose={onClose} wide>
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          invite.mutate();
        }}
      >
        {invite.isError && !fields.email ? <Notice tone="danger">{invite.error.message}</Notice> : null}
        <div className={rowClass}>
          <TextField
            label="E-mail"
            type="email"
            required
            autoFocus
            value={email}
            error={fields.email}
            onChange={(event) => setEmail(event.target.value)}
          />
          <SelectField label="Role" value={orgRole} onChange={(event) => setRole(event.target.value)}>
            {roles.map((role) => (
              <option key={role} value={role}>
                {ROLE_WORDS[role]}
              </option>
            ))}
          </SelectField>
        </div>
        {teams.length > 0 ? (
          <fieldset className={styles.list}>
            <legend>Teams</legend>
            {teams.map((team) => (
              <Check
                key={team.id}
                label={`#${team.slug}`}
                checked={inTeams.includes(team.slug)}
                onChange={(on) =>
                  setChosen(on ? [...inTeams, team.slug] : inTeams.filter((slug) => slug !== team.slug))
                }
              />
            ))}
          </fieldset>
        ) : null}
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={invite.isPending}>
            Invite
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function Invitation({ member, onClose }: { member: Member; onClose: () => void }) {
  return (
    <Dialog title={`${member.email} is a member`} onClose={onClose} wide>
      <div className={styles.once}>
        {member.inviteLink ? (
          <>
            <Notice tone={member.inviteSent ? "info" : "warning"}>
              {member.inviteSent
                ? "The invitation is on its way by mail. The link works once, for a week."
                : "No mail was sent. Hand them this link: it works once, for a week, and is not shown again."}
            </Notice>
            <div className={styles.token}>
              <CodeLine text={member.inviteLink} label="Copy the link" />
            </div>
          </>
        ) : (
          <Notice>They have an account on this hub already, and can go on with their own password.</Notice>
        )}
        <DialogActions>
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        </DialogActions>
      </div>
    </Dialog>
  );
}
