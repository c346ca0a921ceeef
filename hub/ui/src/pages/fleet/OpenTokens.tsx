/** Join tokens that can still be used: what each allows, and the way to end it. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { endJoinToken, joinTokensQuery } from "../../api/fleet.ts";
import type { OpenJoinToken } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Button } from "../../ui/Button.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import { useToast } from "../../ui/Toasts.tsx";
import styles from "./Fleet.module.css";

export function OpenTokens() {
  const tokens = useQuery(joinTokensQuery);
  const client = useQueryClient();
  const toast = useToast();
  const end = useMutation({
    mutationFn: ({ id }: OpenJoinToken) => endJoinToken(id),
    onSuccess: () => toast({ text: "The join token has ended" }),
    onError: (error) => toast({ text: `Not ended: ${error.message}`, tone: "danger" }),
    onSettled: () => client.invalidateQueries({ queryKey: joinTokensQuery.queryKey }),
  });
  return (
    <section className={styles.tokens} aria-labelledby="open-tokens">
      <h3 id="open-tokens">Tokens that can still be used</h3>
      {tokens.isError ? (
        <ErrorState error={tokens.error} retry={() => void tokens.refetch()} />
      ) : !tokens.data ? (
        <Skeleton rows={2} label="Loading join tokens" />
      ) : tokens.data.length === 0 ? (
        <p className={styles.quiet}>None. Each ends when it is used up, or when its time is over.</p>
      ) : (
        <ul className={styles.tokenList}>
          {tokens.data.map((token) => (
            <li key={token.id} className={styles.token}>
              <div className={styles.tokenText}>
                <code>{token.id}</code>
                <span className={styles.quiet}>
                  {plural(token.usesLeft, "relay")} from {token.addressRange ?? "anywhere"}
                  {Object.entries(token.labels).map(([name, value]) => `, ${name}=${value}`)}, ends{" "}
                  <TimeAgo at={token.expiresAt} />
                  {token.failures > 0 ? `, ${plural(token.failures, "wrong secret")} shown` : ""}
                </span>
              </div>
              <Button small kind="quiet" busy={end.isPending} onClick={() => end.mutate(token)}>
                End<span className="visually-hidden"> the token {token.id}</span>
              </Button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
