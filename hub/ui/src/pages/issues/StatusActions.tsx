/** Resolve and archive as split buttons: the common case in one click, the others one further. */

import { lazy, Suspense, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import type { IssueStatus } from "../../api/types.ts";
import { Button, groupClass } from "../../ui/Button.tsx";
import { Menu, MenuItem, MenuLabel } from "../../ui/Menu.tsx";
import { ARCHIVE, REOPEN, RESOLVE } from "./actions.ts";
import styles from "./StatusActions.module.css";

const ResolveInDialog = lazy(() =>
  import("./ResolveInDialog.tsx").then((m) => ({ default: m.ResolveInDialog })),
);

interface Props {
  status: IssueStatus | "mixed";
  onChange: (to: StatusChange) => void;
  small?: boolean;
}

const MINUTES = { hour: 60, day: 1440, week: 10_080 };

export const ARCHIVE_CHOICES: readonly { group: string; label: string; to: StatusChange }[] = [
  { group: "Archive", label: "Until it escalates", to: ARCHIVE },
  {
    group: "Archive",
    label: "Until I reopen it",
    to: { status: "ignored", statusDetails: {}, substatus: "archived_forever" },
  },
  { group: "For a time", label: "1 hour", to: archived({ ignoreDuration: MINUTES.hour }) },
  { group: "For a time", label: "1 day", to: archived({ ignoreDuration: MINUTES.day }) },
  { group: "For a time", label: "1 week", to: archived({ ignoreDuration: MINUTES.week }) },
  { group: "Until it happens", label: "10 more times", to: archived({ ignoreCount: 10 }) },
  { group: "Until it happens", label: "100 more times", to: archived({ ignoreCount: 100 }) },
  { group: "Until it happens", label: "1,000 more times", to: archived({ ignoreCount: 1000 }) },
  { group: "Until it happens", label: "10 times in an hour", to: archived(inAnHour(10)) },
  { group: "Until it happens", label: "100 times in an hour", to: archived(inAnHour(100)) },
  { group: "Until it affects", label: "1 more user", to: archived({ ignoreUserCount: 1 }) },
  { group: "Until it affects", label: "10 more users", to: archived({ ignoreUserCount: 10 }) },
  { group: "Until it affects", label: "100 more users", to: archived({ ignoreUserCount: 100 }) },
];

function inAnHour(ignoreCount: number) {
  return { ignoreCount, ignoreWindow: MINUTES.hour };
}

function archived(statusDetails: Record<string, number>): StatusChange {
  return { status: "ignored", statusDetails, substatus: "archived_until_condition_met" };
}

export function StatusActions({ status, onChange, small }: Props) {
  const [asked, setAsked] = useState<"release" | "commit" | null>(null);
  return (
    <>
      {status === "resolved" ? (
        <Button small={small} icon="reopen" onClick={() => onChange(REOPEN)}>
          Reopen
        </Button>
      ) : (
        <div className={groupClass}>
          <Button
            small={small}
            kind="plain"
            icon="check"
            className={styles.resolve}
            onClick={() => onChange(RESOLVE)}
          >
            Resolve
          </Button>
          <span>
            <Menu
              name="More ways to resolve"
              label=""
              align="end"
              buttonClassName={small ? styles.caretSmall : styles.caret}
            >
              {(close) => {
                const pick = (statusDetails: Record<string, string | boolean>) => () => {
                  close();
                  onChange({ status: "resolved", statusDetails });
                };
                return (
                  <>
                    <MenuLabel>Resolve</MenuLabel>
                    <MenuItem onSelect={pick({})}>Now</MenuItem>
                    <MenuItem onSelect={pick({ inNextRelease: true })}>In the next release</MenuItem>
                    <MenuItem onSelect={pick({ inUpcomingRelease: true })}>In the upcoming release</MenuItem>
                    <MenuItem onSelect={pick({ inRelease: "latest" })}>In the latest release</MenuItem>
                    {(["release", "commit"] as const).map((what) => (
                      <MenuItem
                        key={what}
                        onSelect={() => {
                          close();
                          setAsked(what);
                        }}
                      >
                        {what === "release" ? "In another release…" : "In a commit…"}
                      </MenuItem>
                    ))}
                  </>
                );
              }}
            </Menu>
          </span>
        </div>
      )}
      {status === "ignored" ? (
        <Button small={small} icon="reopen" onClick={() => onChange(REOPEN)}>
          Unarchive
        </Button>
      ) : (
        <div className={groupClass}>
          <Button small={small} icon="archive" onClick={() => onChange(ARCHIVE)}>
            Archive
          </Button>
          <span>
            <Menu
              name="More ways to archive"
              label=""
              align="end"
              buttonClassName={small ? styles.caretSmall : styles.caret}
            >
              {(close) =>
                ARCHIVE_CHOICES.map((choice, i) => (
                  <div key={choice.label}>
                    {choice.group !== ARCHIVE_CHOICES[i - 1]?.group ? (
                      <MenuLabel>{choice.group}</MenuLabel>
                    ) : null}
                    <MenuItem
                      onSelect={() => {
                        close();
                        onChange(choice.to);
                      }}
                    >
                      {choice.label}
                    </MenuItem>
                  </div>
                ))
              }
            </Menu>
          </span>
        </div>
      )}
      {asked ? (
        <Suspense fallback={null}>
          <ResolveInDialog what={asked} onChange={onChange} onClose={() => setAsked(null)} />
        </Suspense>
      ) : null}
    </>
  );
}
