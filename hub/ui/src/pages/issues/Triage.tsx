/** Who looks at an issue, and how much it matters: two menus, for one issue or for many. */

import { lazy, Suspense } from "react";
import type { Assignee } from "../../api/types.ts";
import { initials } from "../../lib/format.ts";
import { cx } from "../../ui/classes.ts";
import { Icon } from "../../ui/icons.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import styles from "./Triage.module.css";

const OwnerChoices = lazy(() => import("./OwnerChoices.tsx").then((m) => ({ default: m.OwnerChoices })));

export const PRIORITIES = ["high", "medium", "low"] as const;

/** Three bars, as many of them filled as it matters; the word is beside them or spoken. */
export function PriorityMark({ priority, quiet }: { priority: string; quiet?: boolean }) {
  const filled = priority === "high" ? 3 : priority === "medium" ? 2 : 1;
  return (
    <span
      className={cx(styles.priority, styles[priority])}
      {...(quiet ? { "aria-hidden": true } : { role: "img", "aria-label": `Priority ${priority}` })}
      title={`Priority ${priority}`}
    >
      {[1, 2, 3].map((n) => (
        <span key={n} className={cx(styles.step, n <= filled && styles.full)} />
      ))}
    </span>
  );
}

interface PriorityProps {
  /** Absent where many are chosen. */
  value?: string;
  /** In a row of many: the short id of its issue, which the name has and the eye sees beside it. */
  of?: string;
  onChange: (priority: string) => void;
  buttonClassName?: string;
}

export function PriorityMenu({ value, of, onChange, buttonClassName }: PriorityProps) {
  return (
    <Menu
      name={value ? `Priority${of ? ` of ${of}` : ""}: ${value}` : "Set the priority"}
      buttonClassName={buttonClassName ?? (of ? styles.inRow : styles.button)}
      caret={!of}
      label={
        value && of ? (
          <PriorityMark priority={value} quiet />
        ) : value ? (
          <>
            <PriorityMark priority={value} quiet />
            <span className={styles.word}>{value}</span>
          </>
        ) : (
          "Priority"
        )
      }
    >
      {(close) =>
        PRIORITIES.map((priority) => (
          <MenuItem
            key={priority}
            checked={value === undefined ? undefined : value === priority}
            onSelect={() => {
              close();
              if (priority !== value) onChange(priority);
            }}
          >
            <span className={styles.choice}>
              <PriorityMark priority={priority} quiet />
              {priority}
            </span>
          </MenuItem>
        ))
      }
    </Menu>
  );
}

export function OwnerMark({ owner }: { owner: Assignee }) {
  return (
    <span className={cx(styles.face, owner.type === "team" && styles.team)} title={owner.name}>
      <span aria-hidden="true">{initials(owner.name || owner.email || "")}</span>
      <span className="visually-hidden">{owner.name}</span>
    </span>
  );
}

/** Opens the menu of owners within an element, for who asks by a key. */
export function openOwners(within: ParentNode | null): void {
  within?.querySelector<HTMLButtonElement>("[data-owners] > button")?.click();
}

interface OwnerProps {
  org: string;
  /** Absent where many are chosen. */
  value?: Assignee | null;
  /** As with priorities. */
  of?: string;
  onChange: (who: Assignee | null) => void;
  buttonClassName?: string;
  /** The issue whose rules are asked for a suggestion. */
  issue?: string;
}

export function OwnerMenu({ org, value, of, onChange, buttonClassName, issue }: OwnerProps) {
  const name =
    value === undefined ? "Assign to" : `Owner${of ? ` of ${of}` : ""}: ${value?.name ?? "nobody"}`;
  return (
    <span data-owners className={styles.owners}>
      <Menu
        name={name}
        buttonClassName={buttonClassName ?? (of ? styles.inRow : styles.button)}
        caret={!of}
        label={
          value === undefined ? (
            "Assign"
          ) : of ? (
            value ? (
              <OwnerMark owner={value} />
            ) : (
              <Icon name="user" size={15} />
            )
          ) : value ? (
            <>
              <OwnerMark owner={value} />
              <span className={styles.word}>{value.name}</span>
            </>
          ) : (
            <span className={styles.nobody}>nobody</span>
          )
        }
      >
        {(close) => (
          <Suspense
            fallback={
              <MenuItem disabled onSelect={() => {}}>
                Loading who there is
              </MenuItem>
            }
          >
            <OwnerChoices
              org={org}
              value={value}
              issue={issue}
              onPick={(who) => {
                close();
                onChange(who);
              }}
            />
          </Suspense>
        )}
      </Menu>
    </span>
  );
}
