/** Relays, reports and equations for tests. */

import type { Accounting, ConfigState, Equation, EquationLine, Relay, RelayHistory } from "../api/types.ts";

const AT = "2026-01-01T00:00:00Z";

export function relay(change: Partial<Relay> = {}): Relay {
  return {
    id: "a1",
    name: "ship-1",
    state: "active",
    isConnected: false,
    labels: { region: "sea" },
    region: "sea",
    version: "0.1.0",
    address: "10.0.0.9",
    joinedAt: AT,
    lastSeenAt: AT,
    clockOffsetMs: 4200,
    backlog: [
      { lane: 0, name: "control", records: 0, bytes: 0 },
      { lane: 1, name: "errors", records: 1840, bytes: 12_582_912, oldestReceivedAt: AT },
    ],
    conditions: [],
    certificate: {
      state: "valid",
      serial: "4a5b0c",
      issuedAt: AT,
      endsAt: "2026-01-08T00:00:00Z",
      authority: "ab".repeat(32),
      isAuthorityCurrent: true,
      recoveries: 0,
    },
    link: null,
    generation: 3,
    clonedAddresses: [],
    report: {
      date: AT,
      rosterVersion: 4,
      spoolBytes: 12_582_912,
      spoolBytesMax: 536_870_912,
      roundTripMs: 48,
      carrier: "quic",
      lossPpm: 12_000,
      sentPerSecond: 2048,
      durability: "fsync",
      disk: {
        totalBytes: 32 * 1024 ** 3,
        freeBytes: 14 * 1024 ** 3,
        syncLastUs: 900,
        syncMaxUs: 48_000,
        lastError: null,
        lastErrorAt: null,
      },
      process: { cpuPermille: 12, rssBytes: 24 * 1024 ** 2 },
      bandwidthMax: null,
      isQuiet: false,
      deficit: 0,
    },
    ...change,
  };
}

export function line(change: Partial<EquationLine> = {}): EquationLine {
  return {
    projectId: "1",
    project: "shop",
    category: "error",
    received: 5000,
    refused: [{ reason: "rate_limited", quantity: 10 }],
    accepted: 4990,
    dropped: [{ term: "evicted", reason: "", quantity: 2 }],
    delivered: 3148,
    waiting: 1840,
    hub: { applied: 3140, invalid: 7, rejected: 1 },
    lostAtTheDoor: 0,
    lostInside: 0,
    shortAtHub: 0,
    isBalanced: true,
    ...change,
  };
}

export function equation(change: Partial<Equation> = {}): Equation {
  return {
    relayId: "a1",
    relayName: "ship-1",
    date: AT,
    epoch: "0000000000000007",
    isWhole: true,
    isBalanced: true,
    deficit: 0,
    isBeingCompared: false,
    lines: [line()],
    ...change,
  };
}

export function history(n = 12): RelayHistory {
  const rows = Array.from({ length: n }, (_, i) => i);
  const now = Math.floor(Date.now() / 1000);
  return {
    step: 300,
    times: rows.map((i) => now - (n - i) * 300),
    backlogRecords: rows.map((i) => i * 10),
    backlogBytes: rows.map((i) => i * 1024),
    delivered: rows.map((i) => i),
    dropped: rows.map(() => 0),
    roundTripMs: rows.map((i) => 20 + i),
    lossPpm: rows.map(() => null),
    sentPerSecond: rows.map((i) => i * 100),
  };
}

export function accounting(change: Partial<Accounting> = {}): Accounting {
  return {
    relays: 1,
    relaysSilent: 0,
    relaysOff: 0,
    off: [],
    isWhole: true,
    isBalanced: true,
    deficit: 0,
    isBeingCompared: false,
    lines: [line()],
    ...change,
  };
}

export function config(rollout: Partial<ConfigState["rollout"]> = {}): ConfigState {
  return {
    version: 4,
    issuedAt: AT,
    projects: 1,
    keys: 1,
    rollout: { state: "steady", canaries: [], ...rollout },
    signingKey: "cd".repeat(32),
    relays: [],
  };
}
