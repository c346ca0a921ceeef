/** The link that shows an issue to whoever has it, and taking it back. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { issueKey } from "../../api/issues.ts";
import { share } from "../../api/shared.ts";
import type { IssueDetail } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { TextField } from "../../ui/Form.tsx";
import { Notice } from "../../ui/State.tsx";

interface Props {
  org: string;
  issue: IssueDetail;
  onClose: () => void;
}

export function ShareDialog({ org, issue, onClose }: Props) {
  const client = useQueryClient();
  const set = useMutation({
    mutationFn: (isPublic: boolean) => share(org, issue.id, isPublic),
    onSuccess: () => client.invalidateQueries({ queryKey: issueKey(org, issue.id), exact: true }),
  });
  const link = issue.shareId ? new URL(`share/issue/${issue.shareId}`, document.baseURI).href : null;
  return (
    <Dialog title={`Share ${issue.shortId}`} onClose={onClose}>
      {set.isError ? <Notice tone="danger">{set.error.message}</Notice> : null}
      <p>
        Whoever has the link sees the title and the stack of the latest event, without logging in: no user, no
        request, no tags and no variables. A message may hold more than one would think: read it first.
      </p>
      {link ? <TextField label="Link" mono readOnly value={link} onFocus={(e) => e.target.select()} /> : null}
      <DialogActions>
        {link ? (
          <>
            <Button kind="danger" busy={set.isPending} onClick={() => set.mutate(false)}>
              Take the link back
            </Button>
            <Copy text={link} label="Copy the link" words="Copy" />
          </>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" busy={set.isPending} onClick={() => set.mutate(true)}>
              Make a link
            </Button>
          </>
        )}
      </DialogActions>
    </Dialog>
  );
}
