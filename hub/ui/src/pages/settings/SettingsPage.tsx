/**
 * What belongs to the signed-in user: profile, tokens, and how this browser shows things; and what
 * belongs to the organization: its people, its quotas, and who changed what.
 */

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { sessionQuery } from "../../api/session.ts";
import type { SettingsTab } from "../../routes.tsx";
import { Facts, PageHead, Panel } from "../../ui/Panel.tsx";
import { useStored, useTheme } from "../../ui/stored.ts";
import { Segmented, Tabs } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import { Audit } from "./Audit.tsx";
import { Members } from "./Members.tsx";
import { Quotas } from "./Quotas.tsx";
import styles from "./Settings.module.css";
import { Teams } from "./Teams.tsx";
import { Tokens } from "./Tokens.tsx";

const FROM = "/signed-in/organizations/$org/settings";

export function SettingsPage() {
  useTitle("Settings");
  const { org } = useParams({ from: FROM });
  const { tab = "you" } = useSearch({ from: FROM });
  const navigate = useNavigate();
  return (
    <div className={styles.page}>
      <PageHead title="Settings" />
      <Tabs<SettingsTab>
        label="Settings"
        value={tab}
        onChange={(next) => void navigate({ to: ".", search: { tab: next === "you" ? undefined : next } })}
        tabs={[
          { value: "you", label: "You" },
          { value: "members", label: "Members" },
          { value: "teams", label: "Teams" },
          { value: "quotas", label: "Quotas" },
          { value: "audit", label: "Audit log" },
        ]}
      >
        <div className={styles.panel}>
          {tab === "members" ? (
            <Members org={org} />
          ) : tab === "teams" ? (
            <Teams org={org} />
          ) : tab === "quotas" ? (
            <Quotas key={org} org={org} />
          ) : tab === "audit" ? (
            <Audit key={org} org={org} />
          ) : (
            <You />
          )}
        </div>
      </Tabs>
    </div>
  );
}

function You() {
  const { data: session } = useQuery(sessionQuery);
  const [theme, setTheme] = useTheme();
  const [density, setDensity] = useStored<"comfortable" | "compact">("density", "comfortable");
  return (
    <>
      <Panel title="Profile">
        <Facts
          items={[
            ["Name", session?.user.name ?? ""],
            ["E-mail", session?.user.email ?? ""],
            ["Hub", session?.version ? `Vedette ${session.version}` : "Vedette"],
          ]}
        />
      </Panel>
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
          ]}
        />
      </Panel>
      <Tokens />
    </>
  );
}
