/** Go to anything, do anything: pages, projects, an issue by its short id, and what the page can do. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type RefObject, useEffect, useId, useMemo, useRef, useState } from "react";
import { eventIdQuery, issuesByWordsQuery, shortIdQuery } from "../../api/issues.ts";
import { projectsQuery } from "../../api/projects.ts";
import type { Issue } from "../../api/types.ts";
import { pick } from "../../lib/pick.ts";
import { PROJECT_TABS, type ProjectTab, type SettingsTab } from "../../routes.tsx";
import { cx } from "../../ui/classes.ts";
import { type Action, actionsNow } from "../../ui/hotkeys.ts";
import { Icon, type IconName } from "../../ui/icons.tsx";
import { useSettled } from "../../ui/settled.ts";
import styles from "./Palette.module.css";
import { PLACES } from "./places.ts";

interface Entry {
  id: string;
  group: string;
  name: string;
  icon: IconName;
  keys?: string;
  run: () => void;
}

const SHOWN_MAX = 40;
/** Shorter texts find too much. */
const WORDS_MIN = 3;
/** Pages behind a tab of the settings. */
const SETTINGS: readonly { tab?: SettingsTab; name: string; icon: IconName }[] = [
  { name: "Your account, password and sessions", icon: "user" },
  { name: "API tokens", icon: "key" },
  { tab: "members", name: "Members", icon: "user" },
  { tab: "teams", name: "Teams", icon: "user" },
  { tab: "quotas", name: "Quotas", icon: "filter" },
  { tab: "audit", name: "Audit log", icon: "file" },
];
const TAB_NAMES: Record<ProjectTab, string> = {
  general: "General settings",
  keys: "Keys",
  grouping: "Grouping rules",
  ownership: "Ownership",
  privacy: "Privacy rules",
  filters: "Filters",
};
/** An event's id, with its hyphens or without. */
const EVENT_ID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
/** A project's slug, a hyphen, and a number in letters and digits. */
const SHORT_ID = /^[a-z0-9_-]+-[a-z0-9]{1,10}$/i;

interface Props {
  org: string;
  /** What was typed before it was there. */
  typed: RefObject<string>;
  onClose: () => void;
}

export function Palette({ org, typed, onClose }: Props) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [text, setText] = useState(typed.current);
  const [at, setAt] = useState(0);
  const entries = useEntries(org, text);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  useEffect(() => {
    list.current?.querySelector(`[id="${id}-${at}"]`)?.scrollIntoView({ block: "nearest" });
  }, [at, id]);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    // Where the action moves the focus, the dialog must not take it back.
    requestAnimationFrame(entry.run);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && entries.length) setAt((i) => (i + step + entries.length) % entries.length);
    else if (event.key === "Enter") run(entries[at]);
    else return;
    event.preventDefault();
  };

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself; the click is on the backdrop
    <dialog
      ref={dialog}
      className={styles.palette}
      aria-label="Command palette"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className={styles.field}>
        <Icon name="search" />
        <input
          className={styles.input}
          role="combobox"
          aria-label="Go to or do"
          aria-expanded={entries.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={entries.length ? `${id}-${at}` : undefined}
          placeholder="A page, a project, an issue, an event's id, or what to do"
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div ref={list} id={`${id}-list`} role="listbox" aria-label="What was found" className={styles.list}>
        {entries.map((entry, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field, where the focus stays
          <div
            key={entry.id}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            className={cx(styles.entry, i === at && styles.here)}
            onMouseMove={() => setAt(i)}
            onClick={() => run(entry)}
          >
            <Icon name={entry.icon} size={15} />
            <span className={styles.name}>{entry.name}</span>
            <span className={styles.group}>{entry.group}</span>
            {entry.keys ? <kbd className={styles.keys}>{entry.keys}</kbd> : null}
          </div>
        ))}
      </div>
    </dialog>
  );
}

function useEntries(org: string, text: string): Entry[] {
  const navigate = useNavigate();
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const wanted = text.trim();
  const named = useQuery({
    ...shortIdQuery(org, wanted.toUpperCase()),
    enabled: SHORT_ID.test(wanted),
    retry: false,
  });
  const settled = useSettled(wanted);
  // What is no search, such as half of a quotation, finds nothing yet.
  const { data: found = [] } = useQuery({
    ...issuesByWordsQuery(org, settled),
    enabled: settled.length >= WORDS_MIN && settled === wanted,
  });
  // The page beneath stays as it is while the palette is open.
  const actions = useMemo(() => actionsNow().filter(({ id }) => !id.startsWith("places.")), []);
  const eventId = EVENT_ID.test(wanted) ? wanted.replace(/-/g, "").toLowerCase() : null;
  const event = useQuery({ ...eventIdQuery(org, eventId ?? ""), enabled: eventId !== null });
  const issue = SHORT_ID.test(wanted) ? named.data?.group : undefined;
  const asEntry = ({ id, does, keys, run }: Action): Entry => ({
    id,
    group: "Action",
    name: does,
    icon: "right",
    keys,
    run,
  });
  const isOfEveryPage = ({ id }: Action) => id.startsWith("everywhere.");
  const fixed: Entry[] = [
    // What the shown page can do, and after the pages what every page can.
    ...actions.filter((action) => !isOfEveryPage(action)).map(asEntry),
    ...PLACES.map(({ id, to, name, icon }) => ({
      id: `place.${id}`,
      group: "Page",
      name,
      icon,
      run: () => void navigate({ to, params: { org } }),
    })),
    {
      id: "new-project",
      group: "Page",
      name: "New project",
      icon: "plus",
      run: () => void navigate({ to: "/organizations/$org/projects/new", params: { org } }),
    },
    ...actions.filter(isOfEveryPage).map(asEntry),
    ...SETTINGS.map(({ tab, name, icon }) => ({
      id: `settings.${name}`,
      group: "Page",
      name,
      icon,
      run: () => void navigate({ to: "/organizations/$org/settings", params: { org }, search: { tab } }),
    })),
    ...projects.flatMap(({ id, slug }): Entry[] => [
      {
        id: `issues.${id}`,
        group: "Project",
        name: `Issues of ${slug}`,
        icon: "projects",
        run: () =>
          void navigate({ to: "/organizations/$org/issues", params: { org }, search: { project: [id] } }),
      },
      {
        id: `settings.${id}`,
        group: "Project",
        name: `Settings of ${slug}`,
        icon: "settings",
        run: () =>
          void navigate({ to: "/organizations/$org/projects/$slug/settings", params: { org, slug } }),
      },
      // Only for who looks for them: of many projects they are many.
      ...(wanted ? PROJECT_TABS.slice(1) : []).map((tab) => ({
        id: `settings.${id}.${tab}`,
        group: "Project",
        name: `${TAB_NAMES[tab]} of ${slug}`,
        icon: "settings" as const,
        run: () =>
          void navigate({
            to: "/organizations/$org/projects/$slug/settings",
            params: { org, slug },
            search: { tab },
          }),
      })),
    ]),
  ];
  const toIssue = ({ id, shortId, title }: Pick<Issue, "id" | "shortId" | "title">): Entry => ({
    id: `issue.${id}`,
    group: "Issue",
    name: `${shortId} ${title}`,
    icon: "issues",
    run: () => void navigate({ to: "/organizations/$org/issues/$issueId", params: { org, issueId: id } }),
  });
  const others = settled === wanted ? found.filter(({ id }) => id !== issue?.id) : [];
  return [
    ...(issue ? [toIssue(issue)] : []),
    ...(eventId && event.data
      ? [
          {
            id: "event",
            group: "Event",
            name: `${eventId.slice(0, 8)} ${event.data.title}`,
            icon: "issues" as const,
            run: () => void navigate({ to: "/organizations/$org/events/$eventId", params: { org, eventId } }),
          },
        ]
      : []),
    ...pick(fixed, ({ name, group }) => `${name} ${group}`, wanted).slice(0, SHOWN_MAX),
    ...others.map(toIssue),
    ...(wanted
      ? [
          {
            id: "search",
            group: "Search",
            name: `Search issues for ${wanted}`,
            icon: "search" as const,
            run: () =>
              void navigate({
                to: "/organizations/$org/issues",
                params: { org },
                search: { query: wanted },
              }),
          },
        ]
      : []),
  ];
}
