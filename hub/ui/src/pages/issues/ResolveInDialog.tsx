/** Resolving in a release or a commit, whether or not the hub was told of it. */

import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { type FormEvent, useId, useState } from "react";
import type { StatusChange } from "../../api/issues.ts";
import { releaseNamesQuery } from "../../api/releases.ts";
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
  /** Of the issues: their releases are offered. */
  projects: readonly string[];
  onChange: (to: StatusChange) => void;
  onClose: () => void;
}

export function ResolveInDialog({ what, projects, onChange, onClose }: Props) {
  const id = useId();
  const { org } = useParams({ strict: false }) as { org: string };
  const [text, setText] = useState("");
  const isOfReleases = what === "release";
  const { data: known = [] } = useQuery({
    ...releaseNamesQuery(org, projects, text.trim()),
    enabled: isOfReleases,
  });
  const { title, label, max, hint } = WAYS[what];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const name = text.trim();
    onClose();
    onChange({
      status: "resolved",
      statusDetails: isOfReleases ? { inRelease: name } : { inCommit: { commit: name } },
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
          autoComplete="off"
          list={isOfReleases ? id : undefined}
          onChange={(event) => setText(event.target.value)}
          hint={hint}
        />
        <datalist id={id}>
          {known.map((version) => (
            <option key={version} value={version} />
          ))}
        </datalist>
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
