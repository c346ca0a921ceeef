/** Resolving in a commit: its hash is enough, whether or not the hub was told of it. */

import { type FormEvent, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { TextField } from "../../ui/Form.tsx";

interface Props {
  onChange: (to: StatusChange) => void;
  onClose: () => void;
}

export function CommitDialog({ onChange, onClose }: Props) {
  const [commit, setCommit] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onClose();
    onChange({ status: "resolved", statusDetails: { inCommit: { commit: commit.trim() } } });
  };
  return (
    <Dialog title="Resolve in a commit" onClose={onClose}>
      <form onSubmit={submit}>
        <TextField
          label="Hash of the commit"
          mono
          autoFocus
          value={commit}
          maxLength={128}
          spellCheck={false}
          onChange={(event) => setCommit(event.target.value)}
          hint="The whole hash. The issue is resolved in the first release that contains the commit; until there is one, nothing reopens it."
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={commit.trim() === ""}>
            Resolve
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
