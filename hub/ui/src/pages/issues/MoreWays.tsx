/** The further ways to resolve and to archive: menus, dialogs, and what the palette offers of them. */

import { lazy, Suspense, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import type { StatusWish } from "../../api/types.ts";
import { useActions } from "../../ui/hotkeys.ts";
import { Menu, MenuItem, MenuLabel, MenuRule } from "../../ui/Menu.tsx";
import { ARCHIVE, archived } from "./actions.ts";

const ArchiveUntilDialog = lazy(() =>
  import("./ArchiveUntilDialog.tsx").then((m) => ({ default: m.ArchiveUntilDialog })),
);
const ResolveInDialog = lazy(() =>
  import("./ResolveInDialog.tsx").then((m) => ({ default: m.ResolveInDialog })),
);

const MINUTES = { hour: 60, day: 1440, week: 10_080 };

const ARCHIVE_CHOICES: readonly { group: string; label: string; to: StatusChange }[] = [
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

const RESOLVE_CHOICES: readonly { id: string; label: string; details: StatusWish }[] = [
  { id: "now", label: "Now", details: {} },
  { id: "next", label: "In the next release", details: { inNextRelease: true } },
  { id: "upcoming", label: "In the upcoming release", details: { inUpcomingRelease: true } },
  { id: "latest", label: "In the latest release", details: { inRelease: "latest" } },
];
const ASKS = { release: "In another release…", commit: "In a commit…" } as const;

const lower = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

interface Props {
  onChange: (to: StatusChange) => void;
  buttonClassName: string | undefined;
}

export function MoreResolve({
  onChange,
  buttonClassName,
  projects,
}: Props & { projects: readonly string[] }) {
  const [asked, setAsked] = useState<keyof typeof ASKS | null>(null);
  const resolve = (statusDetails: StatusWish) => onChange({ status: "resolved", statusDetails });
  const ways = [
    ...RESOLVE_CHOICES.map(({ id, label, details }) => ({ id, label, run: () => resolve(details) })),
    ...(Object.entries(ASKS) as [keyof typeof ASKS, string][]).map(([id, label]) => ({
      id,
      label,
      run: () => setAsked(id),
    })),
  ];
  useActions(
    "resolve",
    ways.slice(1).map(({ id, label, run }) => ({ id, does: `Resolve ${lower(label)}`, run })),
  );
  return (
    <>
      <Menu name="More ways to resolve" label="" align="end" buttonClassName={buttonClassName}>
        {(close) => (
          <>
            <MenuLabel>Resolve</MenuLabel>
            {ways.map(({ id, label, run }) => (
              <MenuItem
                key={id}
                onSelect={() => {
                  close();
                  run();
                }}
              >
                {label}
              </MenuItem>
            ))}
          </>
        )}
      </Menu>
      {asked ? (
        <Suspense fallback={null}>
          <ResolveInDialog
            what={asked}
            projects={projects}
            onChange={onChange}
            onClose={() => setAsked(null)}
          />
        </Suspense>
      ) : null}
    </>
  );
}

export function MoreArchive({ onChange, buttonClassName }: Props) {
  const [isAsked, setIsAsked] = useState(false);
  useActions("archive", [{ id: "until", does: "Archive until…", run: () => setIsAsked(true) }]);
  return (
    <>
      <Menu name="More ways to archive" label="" align="end" buttonClassName={buttonClassName}>
        {(close) => (
          <>
            {ARCHIVE_CHOICES.map((choice, i) => (
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
            ))}
            <MenuRule />
            <MenuItem
              onSelect={() => {
                close();
                setIsAsked(true);
              }}
            >
              Another time or number…
            </MenuItem>
          </>
        )}
      </Menu>
      {isAsked ? (
        <Suspense fallback={null}>
          <ArchiveUntilDialog onChange={onChange} onClose={() => setIsAsked(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
