/** What relays remove from events before anything is written to disk. */

import { type FormEvent, useState } from "react";
import { dryRunRules, previewRules } from "../../api/privacy.ts";
import type { ProjectDetail } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { AreaField, Check, formClass } from "../../ui/Form.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { RulesEditor } from "../../ui/RulesEditor.tsx";
import { Notice } from "../../ui/State.tsx";
import { Erasures } from "./Erasures.tsx";
import { lines } from "./lines.ts";
import { useSaveProject } from "./save.ts";

export function PrivacySettings({ org, project }: { org: string; project: ProjectDetail }) {
  const [scrubIp, setScrubIp] = useState(project.scrubIPAddresses);
  const [scrubEmails, setScrubEmails] = useState(project.scrubEmails ?? false);
  const [sensitive, setSensitive] = useState(project.sensitiveFields.join("\n"));
  const [safe, setSafe] = useState(project.safeFields.join("\n"));
  const save = useSaveProject(org, project.slug);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({
      scrubIPAddresses: scrubIp,
      scrubEmails,
      sensitiveFields: lines(sensitive),
      safeFields: lines(safe),
    });
  };
  return (
    <>
      <Panel title="Privacy">
        <form className={formClass} onSubmit={submit}>
          <Notice>
            Removal happens at the relay, on the host that accepted the event, before its disk. Passwords,
            keys, tokens, card numbers and their like are always removed.
          </Notice>
          {save.isError ? <Notice tone="danger">{save.error.message}</Notice> : null}
          <Check
            label="Remove IP addresses"
            hint="Also the user's address that an SDK or the relay would add."
            checked={scrubIp}
            onChange={setScrubIp}
          />
          <Check
            label="Remove e-mail addresses"
            hint="Wherever they stand: in messages, variables, headers and user data."
            checked={scrubEmails}
            onChange={setScrubEmails}
          />
          <AreaField
            label="Sensitive fields"
            hint="One a line. Values under keys that contain one of these words are removed."
            value={sensitive}
            onChange={setSensitive}
            placeholder={"customer_number\niban"}
          />
          <AreaField
            label="Safe fields"
            hint="One a line. Values under exactly these keys are kept, even where a rule would remove them."
            value={safe}
            onChange={setSafe}
            placeholder="order_id"
          />
          <div>
            <Button kind="primary" type="submit" busy={save.isPending}>
              Save
            </Button>
          </div>
        </form>
      </Panel>
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
