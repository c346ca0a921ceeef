/** API tokens: make one, see it once, take it away. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { createToken, revokeToken, tokensQuery } from "../../api/tokens.ts";
import type { ApiToken } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { CodeLine } from "../../ui/Code.tsx";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { Check, formClass, TextField } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Settings.module.css";

const SCOPES: readonly { name: string; does: string }[] = [
  { name: "event:read", does: "Read issues and events" },
  { name: "event:write", does: "Resolve and archive issues" },
  { name: "event:admin", does: "Delete issues" },
  { name: "project:read", does: "Read projects" },
  { name: "project:write", does: "Change projects and keys" },
  { name: "project:admin", does: "Delete projects" },
  { name: "project:releases", does: "Make releases, upload files" },
  { name: "alerts:read", does: "Read alert rules" },
  { name: "alerts:write", does: "Change alert rules" },
  { name: "org:read", does: "Read the organization" },
  { name: "org:write", does: "Change the organization" },
  { name: "org:ci", does: "What a build server needs" },
];

export function Tokens() {
  const tokens = useQuery(tokensQuery);
  const client = useQueryClient();
  const toast = useToast();
  const [making, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<ApiToken | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: tokensQuery.queryKey });
  const revoke = useMutation({
    mutationFn: (token: ApiToken) => revokeToken(token.id),
    onSuccess: async () => {
      setLeaving(null);
      await refresh();
    },
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const columns: Column<ApiToken>[] = [
    {
      name: "Token",
      cell: (token) => (
        <span>
          <strong>{token.name || "Without a name"}</strong> <code>…{token.tokenLastCharacters}</code>
        </span>
      ),
    },
    { name: "May", cell: (token) => <span className={styles.scopeList}>{token.scopes.join(", ")}</span> },
    {
      name: "Last used",
      cell: (token) => (token.dateLastUsed ? <TimeAgo at={token.dateLastUsed} /> : "never"),
    },
    { name: "Made", cell: (token) => <TimeAgo at={token.dateCreated} /> },
    {
      name: "Actions",
      quiet: true,
      cell: (token) => (
        <Button small kind="quiet" onClick={() => setLeaving(token)}>
          Revoke
        </Button>
      ),
    },
  ];
  return (
    <Panel
      title="API tokens"
      flush
      actions={
        <Button small icon="plus" onClick={() => setMaking(true)}>
          New token
        </Button>
      }
    >
      {tokens.isError ? (
        <ErrorState error={tokens.error} retry={() => void tokens.refetch()} />
      ) : !tokens.data ? (
        <Skeleton rows={2} label="Loading tokens" />
      ) : tokens.data.length === 0 ? (
        <EmptyState icon="key" title="No token">
          A token lets a script or sentry-cli do what you may do, as far as its scopes go.
        </EmptyState>
      ) : (
        <Table label="API tokens" columns={columns} rows={tokens.data} rowKey={(token) => token.id} />
      )}
      {making ? <NewToken onClose={() => setMaking(false)} onMade={refresh} /> : null}
      {leaving ? (
        <Confirm
          title={`Revoke ${leaving.name || `…${leaving.tokenLastCharacters}`}?`}
          confirm="Revoke"
          busy={revoke.isPending}
          onClose={() => setLeaving(null)}
          onConfirm={() => revoke.mutate(leaving)}
        >
          Whatever uses this token is refused from now on. It cannot be brought back.
        </Confirm>
      ) : null}
    </Panel>
  );
}

function NewToken({ onClose, onMade }: { onClose: () => void; onMade: () => Promise<void> }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly string[]>(["event:read", "project:read", "org:read"]);
  const create = useMutation({
    mutationFn: () => createToken({ name: name.trim(), scopes: [...scopes] }),
    onSuccess: onMade,
  });
  const made = create.data?.token;
  if (made) {
    return (
      <Dialog title="The new token" onClose={onClose} wide>
        <div className={styles.once}>
          <Notice tone="warning">Copy it now. Only a hash is kept, so it can never be shown again.</Notice>
          <div className={styles.token}>
            <CodeLine text={made} label="Copy the token" />
          </div>
          <DialogActions>
            <Button kind="primary" onClick={onClose}>
              Done
            </Button>
          </DialogActions>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New API token" onClose={onClose} wide>
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        {create.isError ? <Notice tone="danger">{create.error.message}</Notice> : null}
        <TextField
          label="Name"
          autoFocus
          value={name}
          hint="What it is for, so that one knows later what breaks without it."
          onChange={(event) => setName(event.target.value)}
        />
        <fieldset className={styles.scopes}>
          <legend>It may</legend>
          {SCOPES.map((scope) => (
            <Check
              key={scope.name}
              label={scope.does}
              hint={<code>{scope.name}</code>}
              checked={scopes.includes(scope.name)}
              onChange={(on) =>
                setScopes(on ? [...scopes, scope.name] : scopes.filter((each) => each !== scope.name))
              }
            />
          ))}
        </fieldset>
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={create.isPending} disabled={scopes.length === 0}>
            Create token
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
