/** Live updates: the hub says which issues were touched, and what shows them is asked for again. */

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { apiUrl } from "./client.ts";
import { activityKey, issueKey, refreshLists } from "./issues.ts";

/** A storm of errors must not become a storm of requests. */
const REFRESH_AT_MOST_EVERY_MS = 1500;

export interface Live {
  state: "connecting" | "open" | "lost";
  /** Issues of the last message; null where too much was missed to say. */
  touched: ReadonlySet<string> | null;
  /** When the last message came, in unix milliseconds; 0 is never. */
  at: number;
}

let live: Live = { state: "connecting", touched: new Set(), at: 0 };
const listeners = new Set<() => void>();

function tell(change: Partial<Live>): void {
  live = { ...live, ...change };
  for (const listener of listeners) listener();
}

/** The state of the stream that the shell holds open. */
export function useLive(): Live {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => live,
  );
}

export function useLiveIssues(org: string): void {
  const client = useQueryClient();
  useEffect(() => {
    if (typeof EventSource === "undefined") return;
    const source = new EventSource(apiUrl(`organizations/${org}/issues/live/`));
    const refresh = throttled(() => void refreshLists(client, org));
    tell({ state: "connecting", touched: new Set(), at: 0 });
    source.addEventListener("open", () => tell({ state: "open" }));
    source.addEventListener("error", () => tell({ state: "lost" }));
    source.addEventListener("issues", (event) => {
      refresh.call();
      touch(client, org, event as MessageEvent<string>);
    });
    source.addEventListener("reset", () => {
      refresh.call();
      tell({ touched: null, at: Date.now() });
    });
    return () => {
      source.close();
      refresh.cancel();
    };
  }, [client, org]);
}

function touch(client: QueryClient, org: string, event: MessageEvent<string>): void {
  let message: { issues?: unknown };
  try {
    message = JSON.parse(event.data) as { issues?: unknown };
  } catch {
    return;
  }
  if (!Array.isArray(message.issues)) return;
  const touched = new Set(message.issues.map(String));
  tell({ touched, at: Date.now() });
  for (const id of touched) {
    void client.invalidateQueries({ queryKey: issueKey(org, id), exact: true });
    void client.invalidateQueries({ queryKey: activityKey(org, id) });
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
