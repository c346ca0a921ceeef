/** How far a change of what relays are told has come, while it has not come everywhere. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { authoritiesQuery, configQuery, fleetKey, retryConfig } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import { exact, plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { Notice } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Fleet.module.css";

interface Props {
  org: string;
  relays: readonly Relay[];
}

export function RolloutNotice({ org, relays }: Props) {
  const config = useQuery(configQuery);
  const client = useQueryClient();
  const toast = useToast();
  const retry = useMutation({
    mutationFn: retryConfig,
    onSuccess: () => client.invalidateQueries({ queryKey: fleetKey }),
    onError: (error) => toast({ text: error.message, tone: "danger" }),
  });
  const rollout = config.data?.rollout;
  if (!config.data || !rollout || rollout.state === "steady") return null;
  if (rollout.state === "trying") {
    const names = rollout.canaries.map((id) => relays.find((relay) => relay.id === id) ?? { id, name: id });
    return (
      <Notice>
        <strong>Version {exact(rollout.version ?? 0)} of the configuration is tried</strong>
        {names.length === 0 ? (
          ": it waits for a relay to be connected."
        ) : (
          <>
            {" by "}
            {names.slice(0, 3).map((relay, i) => (
              <span key={relay.id}>
                {i > 0 ? ", " : ""}
                <Link to="/organizations/$org/fleet/$relayId" params={{ org, relayId: relay.id }}>
                  {relay.name}
                </Link>
              </span>
            ))}
            {names.length > 3 ? ` and ${plural(names.length - 3, "other")}` : ""}
            {rollout.since ? (
              <>
                , begun <TimeAgo at={rollout.since} />
              </>
            ) : null}
            . It goes to every relay when their errors, refusals, CPU and memory stay as they were.
          </>
        )}
      </Notice>
    );
  }
  const isBlocked = rollout.state === "blocked";
  return (
    <Notice tone="danger">
      <strong>
        {isBlocked
          ? "The configuration cannot be sent"
          : `Version ${exact(rollout.version ?? 0)} of the configuration was taken back`}
      </strong>
      : {named(rollout.reason ?? "no reason is known", relays)}
      <div className={styles.remedy}>
        {isBlocked
          ? "Make it smaller or undo the last change. What ends access has gone out all the same."
          : "Every relay goes on with the version before. Undo the change in the project's settings, or try it once more."}
      </div>
      {isBlocked ? null : (
        <div className={styles.remedy}>
          <Button small icon="refresh" busy={retry.isPending} onClick={() => retry.mutate()}>
            Try it again
          </Button>
        </div>
      )}
    </Notice>
  );
}

/** Reasons name relays by their ids. */
function named(reason: string, relays: readonly Relay[]): string {
  return reason.replace(/\b[0-9a-f]{32}\b/g, (id) => relays.find((relay) => relay.id === id)?.name ?? id);
}

/** How many relays still have a certificate of a former authority, after an exchange. */
export function AuthorityNotice() {
  const authorities = useQuery(authoritiesQuery);
  const all = authorities.data ?? [];
  const former = all.filter((each) => !each.isSigning).reduce((sum, each) => sum + each.relays, 0);
  if (former === 0) return null;
  const current = all.find((each) => each.isSigning);
  return (
    <Notice>
      <strong>The authority was exchanged</strong>: {exact(current?.relays ?? 0)} of{" "}
      {plural(former + (current?.relays ?? 0), "relay")} have a certificate of the new one, the others follow
      as they renew.
    </Notice>
  );
}
