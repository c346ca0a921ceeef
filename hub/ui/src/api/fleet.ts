/** Relays, the ledger, join tokens, and what was set aside. */

import { queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import type { JoinToken, LedgerRelay, NewJoinToken, Poison, Relay } from "./types.ts";

export const fleetKey = ["fleet"] as const;
const REFRESH_MS = 5000;

export const relaysQuery = queryOptions({
  queryKey: [...fleetKey, "relays"],
  queryFn: ({ signal }) => get<Relay[]>("vedette/relays/", { signal }),
  refetchInterval: REFRESH_MS,
});

export const ledgerQuery = queryOptions({
  queryKey: [...fleetKey, "ledger"],
  queryFn: ({ signal }) => get<LedgerRelay[]>("vedette/ledger/", { signal }),
  refetchInterval: REFRESH_MS,
});

export const poisonQuery = queryOptions({
  queryKey: [...fleetKey, "poison"],
  queryFn: ({ signal }) => get<Poison[]>("vedette/poison/", { signal }),
  refetchInterval: 4 * REFRESH_MS,
});

export async function createJoinToken(body: NewJoinToken) {
  return (await request<JoinToken>("POST", "vedette/join-tokens/", { body })).data;
}

export async function replayPoison(id: string) {
  await request("POST", `vedette/poison/${id}/replay/`, { body: {} });
}

export async function updateRelay(id: string, body: { name?: string; state?: "active" | "drained" }) {
  return (await request<Relay>("PUT", `vedette/relays/${id}/`, { body })).data;
}

export async function revokeRelay(id: string) {
  await request("DELETE", `vedette/relays/${id}/`);
}
