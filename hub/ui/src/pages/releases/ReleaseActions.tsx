/** What can be done with a release: finalise, archive, delete. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { changeRelease, releaseKey, releasesKey, removeRelease } from "../../api/releases.ts";
import { organizationsQuery } from "../../api/session.ts";
import type { ReleaseChange, ReleaseOfList } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Confirm } from "../../ui/Dialog.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { shortName } from "./release-text.ts";

/** Whoever has one of these may change releases. */
const WRITE = ["project:releases", "project:write", "org:ci"];

export function ReleaseActions({ org, release }: { org: string; release: ReleaseOfList }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const toast = useToast();
  const { data: organizations = [] } = useQuery(organizationsQuery);
  const [isAsking, setAsking] = useState(false);
  const { version } = release;
  const name = shortName(release);
  const refresh = () => client.invalidateQueries({ queryKey: releasesKey(org) });
  const onError = (error: Error) => toast({ text: error.message, tone: "danger" });
  const act = useMutation({
    mutationFn: (change: ReleaseChange) => changeRelease(org, version, change),
    onSuccess: refresh,
    onError,
  });
  const remove = useMutation({
    mutationFn: () => removeRelease(org, version),
    onSuccess: async () => {
      await navigate({ to: "/organizations/$org/releases", params: { org } });
      client.removeQueries({ queryKey: releaseKey(org, version) });
      toast({ text: `${name} is deleted` });
      return refresh();
    },
    onError,
  });
  const archive = (status: "open" | "archived") => {
    const back = status === "open" ? "archived" : "open";
    const text = status === "open" ? `${name} is in the list again` : `${name} is archived`;
    act.mutate({ status }, { onSuccess: () => toast({ text, undo: () => act.mutate({ status: back }) }) });
  };
  const access = organizations.find((each) => each.slug === org)?.access;
  if (!WRITE.some((scope) => access?.includes(scope))) return null;
  return (
    <>
      {release.dateReleased ? null : (
        <Button
          kind="primary"
          title="Says that it is released, as of now"
          busy={act.isPending}
          onClick={() => act.mutate({ dateReleased: new Date().toISOString() })}
        >
          Finalise
        </Button>
      )}
      {release.status === "archived" ? (
        <Button icon="reopen" busy={act.isPending} onClick={() => archive("open")}>
          Restore
        </Button>
      ) : (
        <Button icon="archive" busy={act.isPending} onClick={() => archive("archived")}>
          Archive
        </Button>
      )}
      {/* The hub keeps what events name; such a release can be archived. */}
      {release.firstEvent ? null : (
        <Button kind="danger" onClick={() => setAsking(true)}>
          Delete
        </Button>
      )}
      {isAsking ? (
        <Confirm
          title={`Delete ${name}?`}
          confirm="Delete"
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
          onClose={() => setAsking(false)}
        >
          Its commits and deploys are forgotten with it. No event names this release.
        </Confirm>
      ) : null}
    </>
  );
}
