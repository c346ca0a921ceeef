/** What people and the hub did with the issue. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useMemo, useRef, useState } from "react";
import {
  activityKey,
  activityQuery,
  issueKey,
  removeNote,
  rewriteNote,
  writeNote,
} from "../../api/issues.ts";
import { membersQuery, teamsQuery } from "../../api/people.ts";
import { sessionQuery } from "../../api/session.ts";
import type { Activity, IssueDetail } from "../../api/types.ts";
import { Button, IconButton } from "../../ui/Button.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { Icon } from "../../ui/icons.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./ActivityPanel.module.css";
import { sentence } from "./activity-text.ts";
import { NoteField } from "./NoteField.tsx";

export function ActivityPanel({ org, issue }: { org: string; issue: IssueDetail }) {
  const activity = useInfiniteQuery(activityQuery(org, issue.id));
  const items = activity.data?.pages.flatMap((page) => page.items);
  return (
    <div className={styles.page}>
      <NoteForm org={org} issue={issue.id} />
      {activity.isError && !items ? (
        <ErrorState
          error={activity.error}
          title="What was done could not be loaded"
          retry={() => void activity.refetch()}
        />
      ) : !items ? (
        <Skeleton rows={6} label="Loading what was done" />
      ) : items.length === 0 ? (
        <EmptyState icon="clock" title="Nothing yet">
          What is done with this issue is written down here.
        </EmptyState>
      ) : (
        <Items org={org} issue={issue.id} items={items} />
      )}
      {activity.isFetchNextPageError ? (
        <ErrorState
          error={activity.error}
          title="What was done before could not be loaded"
          retry={() => void activity.fetchNextPage()}
        />
      ) : activity.hasNextPage ? (
        <Button busy={activity.isFetchingNextPage} onClick={() => void activity.fetchNextPage()}>
          Older
        </Button>
      ) : null}
    </div>
  );
}

/** What changes a note, and has the page show it. */
function useNotes(org: string, issue: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (task: () => Promise<void>) => task(),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: issueKey(org, issue), exact: true }),
        client.invalidateQueries({ queryKey: activityKey(org, issue) }),
      ]),
  });
}

function NoteForm({ org, issue }: { org: string; issue: string }) {
  const [text, setText] = useState("");
  const write = useNotes(org, issue);
  const submit = () => {
    if (text.trim() === "" || write.isPending) return;
    write.mutate(() => writeNote(org, issue, text.trim()), { onSuccess: () => setText("") });
  };
  return (
    <form
      className={styles.note}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        submit();
      }}
    >
      <NoteField
        org={org}
        rows={2}
        label="A note for those who come after you"
        placeholder="A note for those who come after you. @name and #team tell them of it by mail."
        value={text}
        onChange={setText}
        onSend={submit}
      />
      <Button type="submit" icon="send" busy={write.isPending} disabled={text.trim() === ""}>
        Add the note
      </Button>
      <Problem error={write.error} />
    </form>
  );
}

function Problem({ error }: { error: Error | null }) {
  return error ? (
    <p className={styles.problem} role="alert">
      {error.message}
    </p>
  ) : null;
}

function Items({ org, issue, items }: { org: string; issue: string; items: readonly Activity[] }) {
  const { data: members = [] } = useQuery(membersQuery(org));
  const { data: teams = [] } = useQuery(teamsQuery(org));
  const { data: session } = useQuery(sessionQuery);
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
        const isOwn = item.type === "note" && item.user?.id === session?.user.id;
        return (
          <li key={item.id} className={styles.item}>
            <span className={styles.icon}>
              <Icon name={icon} size={14} />
            </span>
            {isOwn ? (
              <OwnNote org={org} issue={issue} note={item} text={text} />
            ) : (
              <span className={styles.text}>
                <strong>{item.user?.name ?? "Vedette"}</strong> {text}
              </span>
            )}
            <span className={styles.time}>
              <TimeAgo at={item.dateCreated} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}

interface OwnNoteProps {
  org: string;
  issue: string;
  note: Activity;
  /** The note as it is read. */
  text: string;
}

/** A note that the signed-in user wrote: written anew in its place, or removed. */
function OwnNote({ org, issue, note, text }: OwnNoteProps) {
  const [state, setState] = useState<"read" | "written" | "asked">("read");
  const opener = useRef<HTMLButtonElement>(null);
  const remove = useNotes(org, issue);
  if (state === "written") {
    const close = () => {
      setState("read");
      requestAnimationFrame(() => opener.current?.focus());
    };
    return <NoteEditor org={org} issue={issue} note={note} onClose={close} />;
  }
  return (
    <span className={styles.text}>
      <strong>{note.user?.name}</strong> {text}
      <span className={styles.acts}>
        <IconButton
          small
          ref={opener}
          icon="edit"
          label="Write this note anew"
          onClick={() => setState("written")}
        />
        <IconButton small icon="trash" label="Delete this note" onClick={() => setState("asked")} />
      </span>
      {state === "asked" ? (
        <Confirm
          title="Delete this note?"
          confirm="Delete"
          busy={remove.isPending}
          onClose={() => setState("read")}
          onConfirm={() => remove.mutate(() => removeNote(org, issue, note.id))}
        >
          <p>It is gone for everybody, and cannot be had back.</p>
          <Problem error={remove.error} />
        </Confirm>
      ) : null}
    </span>
  );
}

interface EditorProps {
  org: string;
  issue: string;
  note: Activity;
  onClose: () => void;
}

/** Escape leaves the note as it was. */
function NoteEditor({ org, issue, note, onClose }: EditorProps) {
  const before = String(note.data?.text ?? "");
  const [text, setText] = useState(before);
  const save = useNotes(org, issue);
  const isNew = text.trim() !== "" && text.trim() !== before;
  const submit = () => {
    if (!isNew || save.isPending) return;
    save.mutate(() => rewriteNote(org, issue, note.id, text.trim()), { onSuccess: onClose });
  };
  return (
    <form
      className={styles.note}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        submit();
      }}
    >
      <NoteField
        org={org}
        // It takes the place of what was clicked.
        autoFocus
        rows={3}
        label="The note"
        value={text}
        onChange={setText}
        onSend={submit}
        onCancel={onClose}
      />
      <Button type="submit" kind="primary" busy={save.isPending} disabled={!isNew}>
        Save
      </Button>
      <Button onClick={onClose}>Cancel</Button>
      <Problem error={save.error} />
    </form>
  );
}
