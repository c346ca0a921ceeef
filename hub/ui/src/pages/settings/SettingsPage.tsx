/**
 * What belongs to the signed-in user; and what belongs to the organization: its people, its quotas,
 * and who changed what.
 */

import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { SettingsTab } from "../../routes.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { Tabs } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import { Audit } from "./Audit.tsx";
import { Members } from "./Members.tsx";
import { Quotas } from "./Quotas.tsx";
import styles from "./Settings.module.css";
import { Teams } from "./Teams.tsx";
import { You } from "./You.tsx";

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
