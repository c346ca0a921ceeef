/** What is wrong with a relay, since when, and what to do about it. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { fleetKey, updateRelay } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import { backlogRecords, conditionWord, remedy } from "../../lib/fleet.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Notice } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import { Marked } from "./CertificatePanel.tsx";
import styles from "./Fleet.module.css";

export function TroubleNotices({ relay }: { relay: Relay }) {
  const others = relay.conditions.filter((condition) => condition.kind !== "cloned");
  return (
    <>
      {relay.state === "drained" ? <DrainNotice relay={relay} /> : null}
      {others.map((condition) => {
        const what = remedy(condition.kind);
        return (
          <Notice
            key={condition.kind}
            tone={condition.kind === "dark" || condition.kind === "behind" ? "warning" : "danger"}
          >
            <strong>{capital(conditionWord(condition.kind))}</strong>: {condition.detail} (since{" "}
            <TimeAgo at={condition.since} />)
            {what ? (
              <div className={styles.remedy}>
                <Marked text={what} />
              </div>
            ) : null}
          </Notice>
        );
      })}
      {relay.clonedAt ? <CloneNotice relay={relay} /> : null}
    </>
  );
}

/** What is left of a relay that is to go. */
function DrainNotice({ relay }: { relay: Relay }) {
  const left = backlogRecords(relay);
  return (
    <Notice>
      <strong>Drained</strong>: it takes nothing new; clients are told to hold back, and count what they drop.{" "}
      {!relay.report
        ? "It has not said yet what waits in it."
        : left > 0
          ? `${plural(left, "record still waits", "records still wait")} in it.`
          : relay.isConnected
            ? "Nothing waits in it any more: it can be revoked."
            : "Nothing waited in it when it was last heard of."}
    </Notice>
  );
}

/** It stays until the mark is taken off: the second holder may be back any day. */
function CloneNotice({ relay }: { relay: Relay }) {
  const client = useQueryClient();
  const toast = useToast();
  const clear = useMutation({
    mutationFn: () => updateRelay(relay.id, { clearClone: true }),
    onSuccess: () => client.invalidateQueries({ queryKey: fleetKey }),
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const [served, fenced] = relay.clonedAddresses;
  return (
    <Notice tone="danger">
      <strong>Cloned</strong>: two hold its identity
      {served && fenced ? `, ${served} and ${fenced}` : ""}. The second was last kept out{" "}
      <TimeAgo at={relay.clonedAt} />; nothing of it was taken, and nothing of it is lost: it waits in its own
      spool.
      <div className={styles.remedy}>
        <Marked text={remedy("cloned") ?? ""} />
      </div>
      <div className={styles.remedy}>
        <Button small busy={clear.isPending} onClick={() => clear.mutate()}>
          Take the mark off
        </Button>
      </div>
    </Notice>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
