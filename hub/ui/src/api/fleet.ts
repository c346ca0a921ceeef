/** Relays, the ledger, join tokens, and what was set aside. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { Json } from "../lib/event-shape.ts";
import { get, request } from "./client.ts";
import type {
  Accounting,
  Authority,
  ConfigState,
  Equation,
  FleetAlerts,
  JoinToken,
  NewJoinToken,
  OpenJoinToken,
  Poison,
  Relay,
  RelayHistory,
  RelayLink,
} from "./types.ts";

export const fleetKey = ["fleet"] as const;
const REFRESH_MS = 5000;

export const relaysQuery = queryOptions({
  queryKey: [...fleetKey, "relays"],
  queryFn: ({ signal }) => get<Relay[]>("vedette/relays/", { signal }),
  refetchInterval: REFRESH_MS,
});

export const relayQuery = (id: string) =>
  queryOptions({
    queryKey: [...fleetKey, "relay", id],
    queryFn: ({ signal }) => get<Relay>(`vedette/relays/${id}/`, { signal }),
    refetchInterval: REFRESH_MS,
  });

export const relayEquationQuery = (id: string) =>
  queryOptions({
    queryKey: [...fleetKey, "equation", id],
    queryFn: ({ signal }) => get<Equation>(`vedette/relays/${id}/ledger/`, { signal }),
    refetchInterval: REFRESH_MS,
  });

export const relayHistoryQuery = (id: string, hours: string) =>
  queryOptions({
    queryKey: [...fleetKey, "history", id, hours],
    queryFn: ({ signal }) => get<RelayHistory>(`vedette/relays/${id}/history/`, { signal, query: { hours } }),
    // A row is written about once a minute.
    refetchInterval: 12 * REFRESH_MS,
    placeholderData: keepPreviousData,
  });

/** Asked by a click alone: every question travels to the relay. */
export const diagnosisQuery = (id: string) =>
  queryOptions({
    queryKey: [...fleetKey, "diagnosis", id],
    queryFn: ({ signal }) => get<Record<string, Json>>(`vedette/relays/${id}/diagnosis/`, { signal }),
    enabled: false,
    retry: false,
  });

export const accountingQuery = queryOptions({
  queryKey: [...fleetKey, "accounting"],
  queryFn: ({ signal }) => get<Accounting>("vedette/accounting/", { signal }),
  refetchInterval: 2 * REFRESH_MS,
});

export const authoritiesQuery = queryOptions({
  queryKey: [...fleetKey, "authorities"],
  queryFn: ({ signal }) => get<Authority[]>("vedette/authorities/", { signal }),
  refetchInterval: 12 * REFRESH_MS,
});

/** What relays are told, and how far a change of it has come. */
export const configQuery = queryOptions({
  queryKey: [...fleetKey, "config"],
  queryFn: ({ signal }) => get<ConfigState>("vedette/config/", { signal }),
  refetchInterval: 2 * REFRESH_MS,
});

export const fleetAlertsQuery = queryOptions({
  queryKey: [...fleetKey, "alerts"],
  queryFn: ({ signal }) => get<FleetAlerts>("vedette/fleet-alerts/", { signal }),
});

export const poisonQuery = queryOptions({
  queryKey: [...fleetKey, "poison"],
  queryFn: ({ signal }) => get<Poison[]>("vedette/poison/", { signal }),
  refetchInterval: 4 * REFRESH_MS,
});

/** The tokens with which relays can still join, without their secrets. */
export const joinTokensQuery = queryOptions({
  queryKey: [...fleetKey, "join-tokens"],
  queryFn: ({ signal }) => get<OpenJoinToken[]>("vedette/join-tokens/", { signal }),
});

export async function endJoinToken(id: string) {
  await request("DELETE", `vedette/join-tokens/${id}/`);
}

export async function createJoinToken(body: NewJoinToken) {
  return (await request<JoinToken>("POST", "vedette/join-tokens/", { body })).data;
}

export async function replayPoison(id: string) {
  await request("POST", `vedette/poison/${id}/replay/`, { body: {} });
}

export async function updateRelay(
  id: string,
  body: {
    name?: string;
    labels?: Record<string, string>;
    state?: "active" | "drained";
    clearClone?: boolean;
  },
) {
  return (await request<Relay>("PUT", `vedette/relays/${id}/`, { body })).data;
}

export async function revokeRelay(id: string) {
  await request("DELETE", `vedette/relays/${id}/`);
}

/** How much of the link a relay may take; `null` takes its own settings away. */
export async function setRelayLink(id: string, body: RelayLink | null) {
  await request(body ? "PUT" : "DELETE", `vedette/relays/${id}/link/`, body ? { body } : {});
}

export async function retryConfig() {
  return (await request<ConfigState>("POST", "vedette/config/retry/", { body: {} })).data;
}

export async function setFleetAlerts(body: FleetAlerts) {
  return (await request<FleetAlerts>("PUT", "vedette/fleet-alerts/", { body })).data;
}
