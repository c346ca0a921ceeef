/** What a release is made of: its commits with their authors, and the files they touched. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { commitFilesQuery, commitsQuery } from "../../api/releases.ts";
import type { Commit, CommitFile } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { type Column, Table } from "../../ui/Table.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./Releases.module.css";

/** Commits shown at once; the API has at most a thousand. */
const COMMITS_SHOWN = 10;
/** Files shown: there may be tens of thousands. */
const FILES_SHOWN = 200;
const KINDS: Record<string, string> = { A: "added", M: "changed", D: "removed" };

interface Props {
  org: string;
  version: string;
}

export function CommitsPanel({ org, version, n }: Props & { n: number }) {
  const commits = useQuery({ ...commitsQuery(org, version), enabled: n > 0 });
  const [isWhole, setWhole] = useState(false);
  const all = commits.data ?? [];
  const shown = isWhole ? all : all.slice(0, COMMITS_SHOWN);
  const authors = authorsOf(all);
  return (
    <Panel
      title={n > 0 ? plural(n, "commit") : "Commits"}
      id="commits"
      flush={n > 0}
      actions={authors ? <span className={styles.quiet}>by {authors}</span> : null}
    >
      {n === 0 ? (
        <p className={styles.quiet}>
          None was told of. <code>sentry-cli releases set-commits VERSION --auto</code> tells of them, and
          issues then name the commits that may have brought them.
        </p>
      ) : commits.data ? (
        <Table
          label="Commits"
          columns={COMMIT_COLUMNS}
          rows={shown}
          rowKey={({ id, repository }) => `${repository.name} ${id}`}
        />
      ) : commits.isError ? (
        <ErrorState error={commits.error} retry={() => void commits.refetch()} />
      ) : (
        <Skeleton rows={4} label="Loading commits" />
      )}
      {shown.length < all.length ? (
        <div className={styles.more}>
          <Button small onClick={() => setWhole(true)}>
            Show all {exact(all.length)}
          </Button>
        </div>
      ) : null}
    </Panel>
  );
}

/** Who wrote them, by how many they wrote. */
function authorsOf(commits: readonly Commit[]): string {
  const counts = new Map<string, number>();
  for (const { author } of commits) {
    const name = author?.name || author?.email;
    if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const names = [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const more = names.length - 3;
  return [...names.slice(0, 3), ...(more > 0 ? [`${exact(more)} more`] : [])].join(", ");
}

const COMMIT_COLUMNS: Column<Commit>[] = [
  {
    name: "Message",
    cell: ({ message }) => (
      <span className={styles.message}>{message.split("\n", 1)[0] || "No message"}</span>
    ),
  },
  { name: "Author", cell: ({ author }) => author?.name || author?.email || "" },
  {
    name: "Commit",
    whole: true,
    cell: ({ id, repository }) => (
      <span className={styles.hash}>
        <code title={repository.name}>{id.slice(0, 8)}</code>
        <Copy text={id} label={`Copy the hash of ${id.slice(0, 8)}`} />
      </span>
    ),
  },
  { name: "When", numeric: true, cell: ({ dateCreated }) => <TimeAgo at={dateCreated} /> },
];

/** Asked for on demand: a release may touch many thousands. */
export function FilesPanel({ org, version }: Props) {
  const [isOpen, setOpen] = useState(false);
  const files = useQuery({ ...commitFilesQuery(org, version), enabled: isOpen });
  const all = files.data ?? [];
  return (
    <Panel
      title="Files they touched"
      id="files"
      flush={all.length > 0}
      actions={
        isOpen ? null : (
          <Button small onClick={() => setOpen(true)}>
            Show
          </Button>
        )
      }
    >
      {!isOpen ? (
        <p className={styles.quiet}>The files of all commits, with what was done to each.</p>
      ) : files.isError ? (
        <ErrorState error={files.error} retry={() => void files.refetch()} />
      ) : !files.data ? (
        <Skeleton rows={4} label="Loading files" />
      ) : all.length === 0 ? (
        <p className={styles.quiet}>The commits were told of without their files.</p>
      ) : (
        <Table
          label="Files"
          columns={FILE_COLUMNS}
          rows={all.slice(0, FILES_SHOWN)}
          rowKey={({ filename, commit }) => `${commit} ${filename}`}
        />
      )}
      {all.length > FILES_SHOWN ? (
        <p className={styles.more}>and {exact(all.length - FILES_SHOWN)} more</p>
      ) : null}
    </Panel>
  );
}

const FILE_COLUMNS: Column<CommitFile>[] = [
  { name: "File", cell: ({ filename }) => <span className={styles.path}>{filename}</span> },
  { name: "What", cell: ({ type }) => KINDS[type] ?? type },
  { name: "Commit", whole: true, cell: ({ commit }) => <code>{commit.slice(0, 8)}</code> },
];
