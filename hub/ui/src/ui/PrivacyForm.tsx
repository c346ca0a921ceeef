/** What is removed beside what always is, for a project or for all of them. */

import { type FormEvent, type ReactNode, useState } from "react";
import { lines } from "../lib/lines.ts";
import { Button } from "./Button.tsx";
import { AreaField, Check, formClass } from "./Form.tsx";
import { Panel } from "./Panel.tsx";
import { Notice } from "./State.tsx";

export interface PrivacyChoice {
  scrubIPAddresses: boolean;
  scrubEmails: boolean;
  sensitiveFields: string[];
  safeFields: string[];
}

interface Props {
  title: string;
  note: ReactNode;
  saved: PrivacyChoice;
  save: (choice: PrivacyChoice) => void;
  isBusy: boolean;
  error: Error | null;
}

export function PrivacyForm({ title, note, saved, save, isBusy, error }: Props) {
  const [scrubIp, setScrubIp] = useState(saved.scrubIPAddresses);
  const [scrubEmails, setScrubEmails] = useState(saved.scrubEmails);
  const [sensitive, setSensitive] = useState(saved.sensitiveFields.join("\n"));
  const [safe, setSafe] = useState(saved.safeFields.join("\n"));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save({
      scrubIPAddresses: scrubIp,
      scrubEmails,
      sensitiveFields: lines(sensitive),
      safeFields: lines(safe),
    });
  };
  return (
    <Panel title={title}>
      <form className={formClass} onSubmit={submit}>
        <Notice>{note}</Notice>
        {error ? <Notice tone="danger">{error.message}</Notice> : null}
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
          hint="One a line. Values under keys that contain one of these words are removed, and values that contain one, but for messages."
          value={sensitive}
          onChange={setSensitive}
          placeholder={"customer_number\niban"}
        />
        <AreaField
          label="Safe fields"
          hint="One a line: a key whose values are kept, even where a rule would remove them, or a selector such as extra.order.id that names a key."
          value={safe}
          onChange={setSafe}
          placeholder="order_id"
        />
        <div>
          <Button kind="primary" type="submit" busy={isBusy}>
            Save
          </Button>
        </div>
      </form>
    </Panel>
  );
}
