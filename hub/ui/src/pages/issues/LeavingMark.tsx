/** Deletions and merges that are not done: those that can be taken back, and how far the others are. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Fragment } from "react";
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
  const sum = (deletions: readonly Deletion[], what: "issues" | "done") =>
    deletions.reduce((n, deletion) => n + deletion[what], 0);
  return WAYS.map(({ merges, comes, back, goes, gone }) => {
    const all = data.filter(({ into }) => (typeof into === "string") === merges);
    const waiting = all.filter(({ status }) => status === "waiting");
    const going = all.filter(({ status }) => status === "going");
    return (
      <Fragment key={comes}>
        {waiting.length > 0 ? (
          <span className={styles.hits} role="status">
            {plural(sum(waiting, "issues"), "issue")} will be {comes} in a moment{" "}
            <Button small kind="quiet" busy={keep.isPending} onClick={() => keep.mutate(waiting)}>
              {back}
            </Button>
          </span>
        ) : null}
        {going.length > 0 ? (
          <span className={styles.hits} role="status">
            {goes}: {exact(sum(going, "done"))} of {plural(sum(going, "issues"), "issue")} {gone}
          </span>
        ) : null}
      </Fragment>
    );
  });
}

/** In what ways issues leave, in words. */
const WAYS = [
  { merges: false, comes: "deleted", back: "Keep", goes: "Deleting", gone: "gone" },
  { merges: true, comes: "merged", back: "Keep apart", goes: "Merging", gone: "merged" },
] as const;
