/** Whom an issue can be given to: people, oneself first, and teams. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { issueOwnersQuery } from "../../api/ownership.ts";
import { membersQuery, teamsQuery } from "../../api/people.ts";
import { sessionQuery } from "../../api/session.ts";
import type { Assignee } from "../../api/types.ts";
import { MenuItem, MenuLabel, MenuRule } from "../../ui/Menu.tsx";
import styles from "./Triage.module.css";

interface Props {
  org: string;
  /** Absent where many are chosen. */
  value?: Assignee | null;
  issue?: string;
  onPick: (who: Assignee | null) => void;
}

export function OwnerChoices({ org, value, issue, onPick }: Props) {
  const first = useRef<HTMLSpanElement>(null);
  // The menu was open before its choices came.
  useEffect(() => {
    first.current?.querySelector("button")?.focus();
  }, []);
  const { data: members = [], error } = useQuery(membersQuery(org));
  const { data: teams = [] } = useQuery(teamsQuery(org));
  const { data: session } = useQuery(sessionQuery);
  const { data: suggested } = useQuery({ ...issueOwnersQuery(org, issue ?? ""), enabled: !!issue });
  const is = (type: string, id: string) => value?.type === type && value.id === id;
  // Oneself first: that is whom one assigns most.
  const people = members
    .filter((member) => !member.pending)
    .map((member) => ({ type: "user", id: member.user.id, name: member.name || member.email }))
    .sort((a, b) => Number(b.id === session?.user.id) - Number(a.id === session?.user.id));
  return (
    <>
      <span ref={first} className={styles.first}>
        <MenuItem checked={value === null} onSelect={() => onPick(null)}>
          Nobody
        </MenuItem>
      </span>
      {suggested?.source === "rule" && suggested.owners.length > 0 ? (
        <>
          <MenuLabel>By the rules</MenuLabel>
          {suggested.owners.map((owner) => (
            <MenuItem
              key={`${owner.type}:${owner.id}`}
              hint={suggested.rule ? `line ${suggested.rule.line}` : undefined}
              onSelect={() => onPick(owner)}
            >
              {owner.name}
            </MenuItem>
          ))}
        </>
      ) : null}
      <MenuRule />
      {error ? <MenuLabel>{error.message}</MenuLabel> : null}
      {people.map((person) => (
        <MenuItem
          key={person.id}
          checked={is("user", person.id)}
          hint={person.id === session?.user.id ? "you" : undefined}
          onSelect={() => onPick(person)}
        >
          {person.name}
        </MenuItem>
      ))}
      {teams.length ? <MenuLabel>Teams</MenuLabel> : null}
      {teams.map((team) => (
        <MenuItem
          key={team.id}
          checked={is("team", team.id)}
          onSelect={() => onPick({ type: "team", id: team.id, name: team.name })}
        >
          #{team.slug}
        </MenuItem>
      ))}
    </>
  );
}
