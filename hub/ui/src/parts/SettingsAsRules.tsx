/** What privacy settings mean, in the language in which people write rules: asked for when it is opened. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { settingsAsRulesQuery } from "../api/privacy.ts";
import { Code } from "../ui/Code.tsx";
import { Panel } from "../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../ui/State.tsx";
import styles from "./SettingsAsRules.module.css";

export function SettingsAsRules({ org, slug }: { org: string; slug?: string }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Panel title="Settings as rules">
      <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
        <summary>What the saved settings remove, in the language of rules</summary>
        <p className={styles.lead}>
          To be read, and to be used elsewhere: relays remove this without these rules, and from headers and
          files as well.
        </p>
        {isOpen ? <Rules org={org} slug={slug} /> : null}
      </details>
    </Panel>
  );
}

function Rules({ org, slug }: { org: string; slug?: string }) {
  const { data, isError, error, refetch } = useQuery(settingsAsRulesQuery(org, slug));
  if (data) return <Code text={data.rules} label="Copy the rules" language="json" />;
  if (!isError) return <Skeleton rows={8} label="Loading the rules" />;
  return <ErrorState error={error} title="The rules could not be loaded" retry={() => void refetch()} />;
}
