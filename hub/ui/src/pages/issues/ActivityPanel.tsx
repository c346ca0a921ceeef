/** What people and the hub did with the issue. */

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { issueKey, writeNote } from "../../api/issues.ts";
import type { Activity, IssueDetail } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { inputClass } from "../../ui/Form.tsx";
import { Icon, type IconName } from "../../ui/icons.tsx";
import { EmptyState } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./ActivityPanel.module.css";

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
        <Items items={items} />
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

function Items({ items }: { items: readonly Activity[] }) {
  return (
    <ol className={styles.list}>
      {items.map((item) => {
        const { icon, text } = sentence(item);
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

/** An activity as the rest of a sentence that begins with who did it. */
export function sentence({ type, data }: Pick<Activity, "type" | "data">): { icon: IconName; text: string } {
  const version = data?.version ? String(data.version) : "";
  switch (type) {
    case "first_seen":
      return { icon: "plus", text: "saw this issue for the first time" };
    case "set_resolved":
      return { icon: "check", text: "resolved this issue" };
    case "set_resolved_in_release":
      return {
        icon: "check",
        text: version ? `resolved this issue in ${version}` : "resolved this issue in the next release",
      };
    case "set_resolved_in_commit": {
      const named = (data?.inCommit as { commit?: string } | undefined)?.commit ?? data?.commit;
      return {
        icon: "check",
        text: `resolved this issue in commit ${String(named ?? "").slice(0, 12)}`,
      };
    }
    case "set_resolved_by_age":
      return { icon: "check", text: "resolved this issue, since it was not seen for a long time" };
    case "set_unresolved":
      return { icon: "reopen", text: "reopened this issue" };
    case "set_regression":
      return {
        icon: "issues",
        text: `saw this issue again after it was resolved${version ? `, in ${version}` : ""}`,
      };
    case "set_ignored":
      return { icon: "archive", text: "archived this issue" };
    case "set_escalating":
      return { icon: "issues", text: "saw this issue more often than before" };
    case "auto_set_ongoing":
      return { icon: "clock", text: "marked this issue as ongoing" };
    case "set_priority":
      return {
        icon: "filter",
        text: `set the priority${data?.priority ? ` to ${String(data.priority)}` : ""}`,
      };
    case "assigned":
      return {
        icon: "user",
        text: data?.rule ? `assigned this issue by the rule ${String(data.rule)}` : "assigned this issue",
      };
    case "unassigned":
      return { icon: "user", text: "took the assignment away" };
    case "note":
      return { icon: "mail", text: `wrote: ${String(data?.text ?? "")}` };
    case "set_public":
      return { icon: "link", text: "shared this issue by a link" };
    case "set_private":
      return { icon: "link", text: "took the link to this issue back" };
    case "merge": {
      const taken = Array.isArray(data?.issues) ? data.issues.length : 1;
      return { icon: "compare", text: `merged ${plural(taken, "issue")} into this one` };
    }
    case "unmerge_source":
      return { icon: "compare", text: "gave some of these events an issue of their own" };
    case "unmerge_destination":
      return { icon: "compare", text: "made this issue of events of another" };
    case "mark_reviewed":
      return { icon: "check", text: "reviewed this issue" };
    default:
      return { icon: "clock", text: type.replace(/_/g, " ") };
  }
}
