/** What belongs to the signed-in user: profile, tokens, and how this browser shows things. */

import { useQuery } from "@tanstack/react-query";
import { sessionQuery } from "../../api/session.ts";
import { Facts, PageHead, Panel } from "../../ui/Panel.tsx";
import { useStored, useTheme } from "../../ui/stored.ts";
import { Segmented } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Settings.module.css";
import { Tokens } from "./Tokens.tsx";

export function SettingsPage() {
  useTitle("Settings");
  const { data: session } = useQuery(sessionQuery);
  const [theme, setTheme] = useTheme();
  const [density, setDensity] = useStored<"comfortable" | "compact">("density", "comfortable");
  return (
    <div className={styles.page}>
      <PageHead title="Settings" />
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
    </div>
  );
}
