/** A field of rules, one a line, that shows where they are wrong. */

import { useRef } from "react";
import type { ApiError } from "../../api/client.ts";
import { Button } from "../../ui/Button.tsx";
import { Field, inputClass } from "../../ui/Form.tsx";
import { letters } from "../../ui/settled.ts";
import styles from "./Rules.module.css";

interface Props {
  label: string;
  hint: string;
  example: string;
  rows: number;
  value: string;
  /** What the hub says against them. */
  wrong: ApiError | undefined;
  onChange: (text: string) => void;
}

export function RulesField({ label, hint, example, rows, value, wrong, onChange }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const show = () => {
    const [from, to] = wrong?.span ?? [0, 0];
    area.current?.focus();
    area.current?.setSelectionRange(letters(value, from), letters(value, to));
  };
  return (
    <>
      <Field label={label} hint={hint} error={wrong?.message}>
        {(props) => (
          <textarea
            {...props}
            ref={area}
            rows={rows}
            className={`${inputClass} ${styles.rules}`}
            value={value}
            placeholder={example}
            spellCheck={false}
            onChange={(event) => onChange(event.target.value)}
          />
        )}
      </Field>
      {wrong?.span ? (
        <div>
          <Button small onClick={show}>
            Show the place
          </Button>
        </div>
      ) : null}
    </>
  );
}
