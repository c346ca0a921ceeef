/** Commits of the release that touched a file of the stack: where one looks first. */

import { useQuery } from "@tanstack/react-query";
import { committersQuery } from "../../api/releases.ts";
import { Copy } from "../../ui/Copy.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import sidebar from "./IssueSidebar.module.css";
import styles from "./Suspects.module.css";

/** Commits shown at once. */
const SHOWN = 3;

export function Suspects({ org, issue }: { org: string; issue: string }) {
  const committers = useQuery(committersQuery(org, issue)).data?.committers ?? [];
  const commits = committers
    .flatMap(({ author, commits }) => commits.map((commit) => ({ ...commit, author })))
    .sort((a, b) => a.frame - b.frame)
    .slice(0, SHOWN);
  if (commits.length === 0) return null;
  return (
    <section className={sidebar.block} aria-label="Suspect commits">
      <h2>Suspect commits</h2>
      <ul className={styles.list}>
        {commits.map((commit) => (
          <li key={`${commit.repository.name} ${commit.id}`}>
            <p className={styles.message}>{commit.message.split("\n", 1)[0] || "No message"}</p>
            <p className={styles.by}>
              {commit.author ? `${commit.author.name || commit.author.email}, ` : null}
              <TimeAgo at={commit.dateCreated} />
            </p>
            <p className={styles.what}>
              <code title={commit.repository.name}>{commit.id.slice(0, 8)}</code>
              <Copy text={commit.id} label="Copy the hash of the commit" />
              <span className={styles.path} title={commit.path}>
                {commit.path}
              </span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
