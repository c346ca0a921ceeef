/** Signing in, and going back to where one came from. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { login, sessionQuery } from "../../api/session.ts";
import { Button } from "../../ui/Button.tsx";
import { formClass, TextField } from "../../ui/Form.tsx";
import { Mark } from "../../ui/icons.tsx";
import { Notice } from "../../ui/State.tsx";
import { useTheme } from "../../ui/stored.ts";
import { useTitle } from "../../ui/title.ts";
import styles from "./LoginPage.module.css";

export function LoginPage() {
  useTitle("Sign in");
  const { next } = useSearch({ from: "/login" });
  const router = useRouter();
  const client = useQueryClient();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [theme] = useTheme();
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);

  const signIn = useMutation({
    mutationFn: () => login(email.trim(), password),
    onSuccess: (session) => {
      client.clear();
      client.setQueryData(sessionQuery.queryKey, session);
      void router.navigate({ href: insidePath(next) });
    },
  });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };

  return (
    <main className={styles.page}>
      <div className={styles.card}>
        <div className={styles.brand}>
          <Mark size={36} />
          <h1>Sign in to Vedette</h1>
        </div>
        <form onSubmit={submit} className={formClass}>
          {signIn.isError ? <Notice tone="danger">{signIn.error.message}</Notice> : null}
          {!signIn.isError && next && next !== "/" ? (
            <Notice>Sign in to go on. You will be taken back to the page you came from.</Notice>
          ) : null}
          <TextField
            label="E-mail"
            type="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
          <TextField
            label="Password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
          <Button kind="primary" type="submit" busy={signIn.isPending}>
            {signIn.isPending ? "Signing in…" : "Sign in"}
          </Button>
        </form>
      </div>
    </main>
  );
}

/** Only a path of this dashboard: an address from the outside must not be followed. */
export function insidePath(next: string | undefined): string {
  if (!next?.startsWith("/") || next.startsWith("//") || next.includes("\\")) return "/";
  return next.startsWith("/login") ? "/" : next;
}
