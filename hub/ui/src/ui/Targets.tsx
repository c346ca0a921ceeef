/** Where notifications go: webhooks and e-mail addresses, to add, change and remove. */

import { Button, IconButton } from "./Button.tsx";
import { inputClass } from "./Form.tsx";
import styles from "./Targets.module.css";

export type Target = { type: "webhook"; url: string } | { type: "email"; to: string };

/** The hub takes no more. */
const TARGETS_MAX = 10;

interface Props {
  targets: readonly Target[];
  /** Fewer cannot be left. */
  min: number;
  onChange: (targets: Target[]) => void;
}

export function Targets({ targets, min, onChange }: Props) {
  const set = (index: number, target: Target) =>
    onChange(targets.map((each, i) => (i === index ? target : each)));
  return (
    <>
      {targets.map((target, i) => (
        <div key={i} className={styles.target}>
          <select
            className={inputClass}
            aria-label={`Kind of target ${i + 1}`}
            value={target.type}
            onChange={(event) =>
              set(
                i,
                event.target.value === "email" ? { type: "email", to: "" } : { type: "webhook", url: "" },
              )
            }
          >
            <option value="webhook">Webhook</option>
            <option value="email">E-mail</option>
          </select>
          <input
            className={inputClass}
            aria-label={target.type === "webhook" ? "Address of the webhook" : "E-mail address"}
            type={target.type === "webhook" ? "url" : "email"}
            required
            placeholder={target.type === "webhook" ? "https://" : "team@example.org"}
            value={target.type === "webhook" ? target.url : target.to}
            onChange={(event) =>
              set(
                i,
                target.type === "webhook"
                  ? { type: "webhook", url: event.target.value }
                  : { type: "email", to: event.target.value },
              )
            }
          />
          <IconButton
            icon="close"
            label="Remove this target"
            disabled={targets.length <= min}
            onClick={() => onChange(targets.filter((_, k) => k !== i))}
          />
        </div>
      ))}
      {targets.length < TARGETS_MAX ? (
        <div>
          <Button
            small
            kind="quiet"
            icon="plus"
            onClick={() => onChange([...targets, { type: "webhook", url: "" }])}
          >
            {targets.length === 0 ? "Add a target" : "Another target"}
          </Button>
        </div>
      ) : null}
    </>
  );
}
