/** Resolving in a release or a commit, whether or not the hub was told of it. */

import { type FormEvent, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import { Button } from "../../ui/Button.tsx";
import { Dialog, DialogActions } from "../../ui/Dialog.tsx";
import { TextField } from "../../ui/Form.tsx";

const WAYS = {
  release: {
    title: "Resolve in a release",
    label: "Version of the release",
    max: 250,
    hint: "As events name it: shop@2.1.0. Events of it and of newer releases reopen the issue, those of older ones do not.",
  },
  commit: {
    title: "Resolve in a commit",
    label: "Hash of the commit",
    max: 128,
    hint: "The whole hash. The issue is resolved in the first release that contains the commit; until there is one, nothing reopens it.",
  },
} as const;

interface Props {
  what: keyof typeof WAYS;
  onChange: (to: StatusChange) => void;
  onClose: () => void;
}

export function ResolveInDialog({ what, onChange, onClose }: Props) {
  const [text, setText] = useState("");
  const { title, label, max, hint } = WAYS[what];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const name = text.trim();
    onClose();
    onChange({
      status: "resolved",
      statusDetails: what === "release" ? { inRelease: name } : { inCommit: { commit: name } },
    });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <TextField
          label={label}
          mono
          autoFocus
          value={text}
          maxLength={max}
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
          hint={hint}
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={text.trim() === ""}>
            Resolve
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
