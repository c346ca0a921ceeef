/** Deletions that are not done: those that can still be taken back, and how far the others are. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { deletionsKey, deletionsQuery, takeBack } from "../../api/deletions.ts";
import { issuesKey } from "../../api/issues.ts";
import type { Deletion } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./IssueList.module.css";

export function LeavingMark({ org }: { org: string }) {
  const { data = [] } = useQuery(deletionsQuery(org));
  const client = useQueryClient();
  const toast = useToast();
  const keep = useMutation({
    mutationFn: (deletions: readonly Deletion[]) => Promise.all(deletions.map(({ id }) => takeBack(org, id))),
    onError: (error) => toast({ text: `Not undone: ${error.message}`, tone: "danger" }),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: deletionsKey(org) }),
        client.invalidateQueries({ queryKey: issuesKey(org) }),
      ]),
  });
  const of = (status: string) => data.filter((deletion) => deletion.status === status);
  const [waiting, going] = [of("waiting"), of("going")];
  const sum = (deletions: readonly Deletion[], what: "issues" | "done") =>
    deletions.reduce((n, deletion) => n + deletion[what], 0);
  return (
    <>
      {waiting.length > 0 ? (
        <span className={styles.hits} role="status">
          {plural(sum(waiting, "issues"), "issue")} will be deleted in a moment{" "}
          <Button small kind="quiet" busy={keep.isPending} onClick={() => keep.mutate(waiting)}>
            Keep
          </Button>
        </span>
      ) : null}
      {going.length > 0 ? (
        <span className={styles.hits} role="status">
          Deleting: {exact(sum(going, "done"))} of {plural(sum(going, "issues"), "issue")} gone
        </span>
      ) : null}
    </>
  );
}
