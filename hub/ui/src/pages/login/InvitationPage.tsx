/** Taking an invitation up: a name, a password, and one is in. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { acceptInvitation, sessionQuery } from "../../api/session.ts";
import { Button } from "../../ui/Button.tsx";
import { formClass, TextField } from "../../ui/Form.tsx";
import { Mark } from "../../ui/icons.tsx";
import { Notice } from "../../ui/State.tsx";
import { useTheme } from "../../ui/stored.ts";
import { useTitle } from "../../ui/title.ts";
import styles from "./LoginPage.module.css";

export function InvitationPage() {
  useTitle("Invitation");
  const { token } = useSearch({ from: "/invitation" });
  const router = useRouter();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [theme] = useTheme();
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  const accept = useMutation({
    mutationFn: () => acceptInvitation({ token: token ?? "", name: name.trim(), password }),
    onSuccess: (session) => {
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
      void router.navigate({ to: "/", replace: true });
    },
  });
  const fields = accept.error instanceof ApiError ? accept.error.fields : {};
  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <div className={styles.brand}>
          <Mark size={36} />
          <h1>Welcome to Vedette</h1>
        </div>
        <form
          className={formClass}
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            accept.mutate();
          }}
        >
          {accept.isError && !fields.password ? (
            <Notice tone="danger">{accept.error.message}</Notice>
          ) : !token ? (
            <Notice tone="danger">This link has no invitation in it: open the whole link.</Notice>
          ) : null}
          <TextField
            label="Name"
            autoComplete="name"
            required
            autoFocus
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <TextField
            label="Password"
            type="password"
            autoComplete="new-password"
            required
            hint="At least 8 characters."
            value={password}
            error={fields.password}
            onChange={(event) => setPassword(event.target.value)}
          />
          <Button kind="primary" type="submit" busy={accept.isPending} disabled={!token}>
            Set the password and sign in
          </Button>
        </form>
      </div>
    </main>
  );
}
