/** Live updates: the hub says which issues were touched, and what shows them is asked for again. */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { apiUrl } from "./client.ts";
import { issueKey, issuesKey } from "./issues.ts";

/** A storm of errors must not become a storm of requests. */
const REFRESH_AT_MOST_EVERY_MS = 1500;

export function useLiveIssues(org: string): void {
  const client = useQueryClient();
  useEffect(() => {
    if (typeof EventSource === "undefined") return;
    const source = new EventSource(apiUrl(`organizations/${org}/issues/live/`));
    const refresh = throttled(() => void client.invalidateQueries({ queryKey: issuesKey(org) }));
    source.addEventListener("issues", (event) => {
      refresh.call();
      touch(client, org, event as MessageEvent<string>);
    });
    source.addEventListener("reset", refresh.call);
    return () => {
      source.close();
      refresh.cancel();
    };
  }, [client, org]);
}

function touch(client: QueryClient, org: string, event: MessageEvent<string>): void {
  let touched: { issues?: unknown };
  try {
    touched = JSON.parse(event.data) as { issues?: unknown };
  } catch {
    return;
  }
  if (!Array.isArray(touched.issues)) return;
  for (const id of touched.issues) {
    void client.invalidateQueries({ queryKey: issueKey(org, String(id)), exact: true });
  }
}

function throttled(action: () => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  return {
    call: () => {
      if (timer) return;
      const wait = Math.max(0, last + REFRESH_AT_MOST_EVERY_MS - Date.now());
      timer = setTimeout(() => {
        timer = undefined;
        last = Date.now();
        action();
      }, wait);
    },
    cancel: () => clearTimeout(timer),
  };
}
