/** Pickers for project, environment and time. What they choose stands in the address. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { environmentsQuery } from "../api/issues.ts";
import { projectsQuery } from "../api/projects.ts";
import { absolute, fromInput, PERIODS, toInput } from "../lib/time.ts";
import type { FilterSearch } from "../routes.tsx";
import { Button } from "../ui/Button.tsx";
import { inputClass } from "../ui/Form.tsx";
import { Icon } from "../ui/icons.tsx";
import { Menu, MenuGroup, MenuItem, MenuLabel, MenuRule } from "../ui/Menu.tsx";
import styles from "./Filters.module.css";

interface Props {
  org: string;
  filter: FilterSearch;
  onChange: (change: FilterSearch) => void;
}

export function Filters(props: Props) {
  return (
    <>
      <ProjectPicker {...props} />
      <EnvironmentPicker {...props} />
      <TimePicker {...props} />
    </>
  );
}

function toggled(list: readonly string[] | undefined, value: string): string[] | undefined {
  const next = list?.includes(value) ? list.filter((each) => each !== value) : [...(list ?? []), value];
  return next.length ? next : undefined;
}

export function ProjectPicker({ org, filter, onChange }: Props) {
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const chosen = projects.filter(
    (project) => filter.project?.includes(project.id) || filter.project?.includes(project.slug),
  );
  const label =
    chosen.length === 0
      ? "All projects"
      : chosen.length === 1
        ? chosen[0]?.slug
        : `${chosen.length} projects`;
  return (
    <Menu
      name={`Project: ${label}`}
      buttonClassName={chosen.length ? styles.active : undefined}
      label={
        <>
          <Icon name="projects" size={14} />
          <span className={styles.words}>{label}</span>
        </>
      }
    >
      {(close) => (
        <>
          <MenuItem
            checked={chosen.length === 0}
            onSelect={() => {
              close();
              onChange({ project: undefined });
            }}
          >
            All projects
          </MenuItem>
          {projects.length ? <MenuRule /> : null}
          {projects.map((project) => (
            <MenuItem
              key={project.id}
              checked={chosen.includes(project)}
              onSelect={() => onChange({ project: toggled(filter.project, project.id) })}
              hint={project.platform ?? undefined}
            >
              {project.slug}
            </MenuItem>
          ))}
        </>
      )}
    </Menu>
  );
}

export function EnvironmentPicker({ org, filter, onChange }: Props) {
  const { data: environments = [] } = useQuery(environmentsQuery(org));
  const chosen = filter.environment ?? [];
  const named = (name: string) => name || "(none)";
  const label =
    chosen.length === 0
      ? "All environments"
      : chosen.length === 1
        ? named(chosen[0] as string)
        : `${chosen.length} environments`;
  return (
    <Menu
      name={`Environment: ${label}`}
      buttonClassName={chosen.length ? styles.active : undefined}
      label={<span className={styles.words}>{label}</span>}
    >
      {(close) => (
        <>
          <MenuItem
            checked={chosen.length === 0}
            onSelect={() => {
              close();
              onChange({ environment: undefined });
            }}
          >
            All environments
          </MenuItem>
          {environments.length ? <MenuRule /> : null}
          {environments.map(({ name }) => (
            <MenuItem
              key={name}
              checked={chosen.includes(name)}
              onSelect={() => onChange({ environment: toggled(filter.environment, name) })}
            >
              {named(name)}
            </MenuItem>
          ))}
        </>
      )}
    </Menu>
  );
}

interface TimeProps extends Props {
  /** Only ranges of time, no periods up to now. */
  ranges?: boolean;
}

export function TimePicker({ filter, onChange, ranges }: TimeProps) {
  const label =
    filter.start || filter.end
      ? `${short(filter.start) || "…"} – ${short(filter.end) || "now"}`
      : filter.statsPeriod
        ? (PERIODS.find((period) => period.value === filter.statsPeriod)?.label ??
          `Last ${filter.statsPeriod}`)
        : "Any time";
  const pick = (change: FilterSearch, close: () => void) => {
    close();
    onChange({ statsPeriod: undefined, start: undefined, end: undefined, ...change });
  };
  return (
    <Menu
      name={`Time: ${label}`}
      hasFields
      buttonClassName={label === "Any time" ? undefined : styles.active}
      label={
        <>
          <Icon name="clock" size={14} />
          <span className={styles.words}>{label}</span>
        </>
      }
    >
      {(close) => (
        <>
          <MenuGroup label="Time">
            <MenuItem checked={label === "Any time"} onSelect={() => pick({}, close)}>
              Any time
            </MenuItem>
            {(ranges ? [] : PERIODS).map((period) => (
              <MenuItem
                key={period.value}
                checked={filter.statsPeriod === period.value}
                onSelect={() => pick({ statsPeriod: period.value }, close)}
              >
                {period.label}
              </MenuItem>
            ))}
          </MenuGroup>
          <MenuRule />
          <MenuLabel>From and to, in your time zone</MenuLabel>
          <Range filter={filter} onPick={(range) => pick(range, close)} />
        </>
      )}
    </Menu>
  );
}

function Range({ filter, onPick }: { filter: FilterSearch; onPick: (range: FilterSearch) => void }) {
  const [start, setStart] = useState(toInput(filter.start));
  const [end, setEnd] = useState(toInput(filter.end));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onPick({ start: fromInput(start), end: fromInput(end) });
  };
  return (
    <form className={styles.range} onSubmit={submit}>
      <input
        className={inputClass}
        type="datetime-local"
        aria-label="From"
        value={start}
        onChange={(event) => setStart(event.target.value)}
      />
      <input
        className={inputClass}
        type="datetime-local"
        aria-label="To"
        value={end}
        onChange={(event) => setEnd(event.target.value)}
      />
      <Button small type="submit" disabled={!start && !end}>
        Apply
      </Button>
    </form>
  );
}

function short(iso: string | undefined): string {
  return iso ? absolute(iso).slice(5, 16) : "";
}
