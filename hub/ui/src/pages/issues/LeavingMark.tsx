/** How far the deletions are that the hub carries out. */

import { useQuery } from "@tanstack/react-query";
import { deletionsQuery } from "../../api/deletions.ts";
import { exact, plural } from "../../lib/format.ts";
import styles from "./IssueList.module.css";

export function LeavingMark({ org }: { org: string }) {
  const { data = [] } = useQuery(deletionsQuery(org));
  const going = data.filter((deletion) => deletion.status === "going");
  if (going.length === 0) return null;
  const done = going.reduce((sum, deletion) => sum + deletion.done, 0);
  const all = going.reduce((sum, deletion) => sum + deletion.issues, 0);
  return (
    <span className={styles.hits} role="status">
      Deleting: {exact(done)} of {plural(all, "issue")} gone
    </span>
  );
}
