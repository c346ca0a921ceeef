/** What belongs to the signed-in user: name, password, sessions, tokens, and how this browser shows things. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/client.ts";
import { changeAccount, ownSessionsQuery, sessionQuery } from "../../api/session.ts";
import type { Session } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { formClass, inputClass, TextField } from "../../ui/Form.tsx";
import { Facts, Panel } from "../../ui/Panel.tsx";
import { useStored, useTheme } from "../../ui/stored.ts";
import { Segmented } from "../../ui/Tabs.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { Sessions } from "./Sessions.tsx";
import styles from "./Settings.module.css";
import { Tokens } from "./Tokens.tsx";

const PASSWORD_MIN = 8;

export function You() {
  const { data: session } = useQuery(sessionQuery);
  return (
    <>
      {session ? <Profile key={session.user.name} session={session} /> : null}
      <Password />
      <Appearance />
      <Sessions />
      <Tokens />
    </>
  );
}

function Profile({ session: { user, version } }: { session: Session }) {
  const [name, setName] = useState(user.name);
  const client = useQueryClient();
  const toast = useToast();
  const change = useMutation({
    mutationFn: () => changeAccount({ name: name.trim() }),
    onSuccess: (session) => {
      client.setQueryData(sessionQuery.queryKey, session);
      toast({ text: `Others see you as ${session.user.name} now` });
    },
  });
  return (
    <Panel title="Profile" id="profile">
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <div className={styles.beside}>
          <TextField
            label="Name"
            required
            maxLength={200}
            autoComplete="name"
            value={name}
            error={change.error?.message}
            onChange={(event) => setName(event.target.value)}
          />
          <Button type="submit" busy={change.isPending} disabled={!name.trim() || name.trim() === user.name}>
            Change the name
          </Button>
        </div>
        <Facts
          items={[
            ["E-mail", user.email],
            ["Hub", version ? `Vedette ${version}` : "Vedette"],
          ]}
        />
      </form>
    </Panel>
  );
}

function Password() {
  const [before, setBefore] = useState("");
  const [password, setPassword] = useState("");
  const client = useQueryClient();
  const toast = useToast();
  const change = useMutation({
    mutationFn: () => changeAccount({ password, currentPassword: before }),
    onSuccess: (session) => {
      client.setQueryData(sessionQuery.queryKey, session);
      void client.invalidateQueries({ queryKey: ownSessionsQuery.queryKey });
      setBefore("");
      setPassword("");
      toast({ text: "Your password is changed, and every other session has ended" });
    },
  });
  const wrong = change.error instanceof ApiError ? change.error.fields : {};
  const other = change.error && Object.keys(wrong).length === 0 ? change.error.message : undefined;
  return (
    <Panel title="Password" id="password">
      <form
        className={formClass}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <TextField
          label="Password now"
          type="password"
          required
          autoComplete="current-password"
          value={before}
          error={wrong.currentPassword ? "This is not your password." : other}
          onChange={(event) => setBefore(event.target.value)}
        />
        <TextField
          label="New password"
          type="password"
          required
          minLength={PASSWORD_MIN}
          autoComplete="new-password"
          value={password}
          error={wrong.password}
          hint={`At least ${PASSWORD_MIN} characters. Every other browser is signed out.`}
          onChange={(event) => setPassword(event.target.value)}
        />
        <div>
          <Button type="submit" busy={change.isPending} disabled={!before || password.length < PASSWORD_MIN}>
            Change the password
          </Button>
        </div>
      </form>
    </Panel>
  );
}

function Appearance() {
  const [theme, setTheme] = useTheme();
  const [density, setDensity] = useStored<"comfortable" | "compact">("density", "comfortable");
  const [zone, setZone] = useStored<string>("zone", "");
  return (
    <Panel title="Appearance in this browser">
      <Facts
        items={[
          [
            "Theme",
            <Segmented
              key="theme"
              label="Theme"
              value={theme}
              onChange={setTheme}
              options={[
                { value: "light", label: "Light" },
                { value: "dark", label: "Dark" },
              ]}
            />,
          ],
          [
            "Rows of lists",
            <Segmented
              key="density"
              label="Rows of lists"
              value={density}
              onChange={setDensity}
              options={[
                { value: "comfortable", label: "Comfortable" },
                { value: "compact", label: "Compact" },
              ]}
            />,
          ],
          [
            "Time zone",
            <select
              key="zone"
              className={inputClass}
              aria-label="Time zone"
              value={zone}
              onChange={(event) => setZone(event.target.value)}
            >
              <option value="">This browser's, {ownZone()}</option>
              {zones(zone).map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </select>,
          ],
        ]}
      />
    </Panel>
  );
}

const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** All zones that this browser knows, UTC first. */
function zones(chosen: string): string[] {
  const known = Intl.supportedValuesOf?.("timeZone") ?? [];
  return [...new Set(["UTC", ...known, ...(chosen ? [chosen] : [])])];
}
