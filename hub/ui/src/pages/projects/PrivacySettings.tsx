/** What relays remove from events before anything is written to disk. */

import { dryRunRules, previewRules } from "../../api/privacy.ts";
import type { ProjectDetail } from "../../api/types.ts";
import { SettingsAsRules } from "../../parts/SettingsAsRules.tsx";
import { PrivacyForm } from "../../ui/PrivacyForm.tsx";
import { RulesEditor } from "../../ui/RulesEditor.tsx";
import { Erasures } from "./Erasures.tsx";
import { useSaveProject } from "./save.ts";

export function PrivacySettings({ org, project }: { org: string; project: ProjectDetail }) {
  const save = useSaveProject(org, project.slug);
  return (
    <>
      <PrivacyForm
        title="Privacy"
        note="Removal happens at the relay, on the host that accepted the event, before its disk. Passwords, keys, tokens, card numbers and their like are always removed. What is set for all projects is removed here too."
        saved={{ ...project, scrubEmails: project.scrubEmails ?? false }}
        save={save.mutate}
        isBusy={save.isPending}
        error={save.error}
      />
      <SettingsAsRules org={org} slug={project.slug} />
      <RulesEditor
        title="Rules of this project"
        hint="They run behind the built-in rules and those of the organization, on the host that accepted the event. Relays are given them at once."
        slugs={[project.slug]}
        saved={project.relayPiiConfig ?? ""}
        save={(rules) => save.mutateAsync({ relayPiiConfig: rules })}
        preview={(slug, rules) => previewRules(org, slug, rules)}
        dryRun={(slug, rules) => dryRunRules(org, slug, rules)}
      />
      <Erasures org={org} slug={project.slug} />
    </>
  );
}
