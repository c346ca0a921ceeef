/** What people and the hub did with the issue. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";
import { issueKey, writeNote } from "../../api/issues.ts";
import { membersQuery, teamsQuery } from "../../api/people.ts";
import type { Activity, IssueDetail } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { inputClass } from "../../ui/Form.tsx";
import { Icon } from "../../ui/icons.tsx";
import { EmptyState } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./ActivityPanel.module.css";
import { sentence } from "./activity-text.ts";

export function ActivityPanel({ org, issue }: { org: string; issue: IssueDetail }) {
  const items = issue.activity ?? [];
  return (
    <div className={styles.page}>
      <NoteForm org={org} issue={issue.id} />
      {items.length === 0 ? (
        <EmptyState icon="clock" title="Nothing yet">
          What is done with this issue is written down here.
        </EmptyState>
      ) : (
        <Items org={org} items={items} />
      )}
    </div>
  );
}

function NoteForm({ org, issue }: { org: string; issue: string }) {
  const client = useQueryClient();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await writeNote(org, issue, text.trim());
      setText("");
      await client.invalidateQueries({ queryKey: issueKey(org, issue), exact: true });
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className={styles.note} onSubmit={submit}>
      <textarea
        className={inputClass}
        rows={2}
        aria-label="A note for those who come after you"
        placeholder="A note for those who come after you. @name and #team tell them of it by mail."
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Button type="submit" icon="send" busy={busy} disabled={text.trim() === ""}>
        Add the note
      </Button>
      {problem ? (
        <p className={styles.problem} role="alert">
          {problem}
        </p>
      ) : null}
    </form>
  );
}

function Items({ org, items }: { org: string; items: readonly Activity[] }) {
  const { data: members = [] } = useQuery(membersQuery(org));
  const { data: teams = [] } = useQuery(teamsQuery(org));
  const names = useMemo(
    () =>
      new Map([
        ...members.map(({ user, name, email }) => [`user:${user.id}`, name || email] as const),
        ...teams.map(({ id, slug }) => [`team:${id}`, `#${slug}`] as const),
      ]),
    [members, teams],
  );
  return (
    <ol className={styles.list}>
      {items.map((item) => {
        const { icon, text } = sentence(item, names);
        return (
          <li key={item.id} className={styles.item}>
            <span className={styles.icon}>
              <Icon name={icon} size={14} />
            </span>
            <span className={styles.text}>
              <strong>{item.user?.name ?? "Vedette"}</strong> {text}
            </span>
            <span className={styles.time}>
              <TimeAgo at={item.dateCreated} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}
