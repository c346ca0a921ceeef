import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { LedgerRelay, Poison, Relay } from "../../api/types.ts";
import { open } from "../../test/render.tsx";
import { parseLabels } from "./JoinDialog.tsx";

const AT = "/organizations/acme/fleet";

const relay: Relay = {
  id: "a1",
  name: "ship-1",
  state: "active",
  isConnected: false,
  labels: { region: "sea" },
  version: "0.1.0",
  address: "10.0.0.9",
  joinedAt: "2026-01-01T00:00:00Z",
  lastSeenAt: "2026-01-01T00:00:00Z",
  clockOffsetMs: 4200,
  backlog: [
    { lane: 1, name: "errors", records: 1840, bytes: 12_582_912, oldestReceivedAt: "2026-01-01T00:00:00Z" },
  ],
  report: {
    date: "2026-01-01T00:00:00Z",
    rosterVersion: 4,
    spoolBytes: 12_582_912,
    spoolBytesMax: 536_870_912,
    roundTripMs: 48,
  },
  certificateEndsAt: "2026-01-08T00:00:00Z",
  generation: 3,
  clonedAddresses: [],
};
const term = (name: string, quantity: number, reason = "") => ({
  term: name,
  quantity,
  reason,
  category: "error",
});
const ledger: LedgerRelay = {
  relayId: "a1",
  relayName: "ship-1",
  buffered: 1840,
  bufferedByCategory: { error: 1840 },
  terms: [
    term("received", 5000),
    term("accepted", 4990),
    term("refused", 10, "rate_limited"),
    term("applied", 3149),
    term("rejected", 1, "poison"),
  ],
};
const poison: Poison = {
  id: "4",
  relayId: "a1",
  relayName: "ship-1",
  lane: 1,
  seq: 88,
  projectId: "1",
  reason: "nests too deep",
  size: 2048,
  dateCreated: "2026-01-01T00:00:00Z",
  replayedAt: null,
};

const answers = (relays: Relay[], ledgers: LedgerRelay[], set: Poison[]) => ({
  "GET vedette/relays/": { body: relays },
  "GET vedette/ledger/": { body: ledgers },
  "GET vedette/poison/": { body: set },
});

describe("the fleet", () => {
  it("tells how to begin when no relay has joined", async () => {
    open(AT, answers([], [], []));
    expect(await screen.findByRole("heading", { name: "No relay has joined" })).toBeTruthy();
    expect(await screen.findByRole("heading", { name: "Nothing was set aside" })).toBeTruthy();
  });

  it("shows a relay that is away, what waits in it, and where every item went", async () => {
    open(AT, answers([relay], [ledger], []));
    const card = await screen.findByRole("article", { name: "Relay ship-1" });
    await within(card).findByText("adds up");
    const text = card.textContent ?? "";
    for (const part of [
      "away",
      "Errors",
      "1,840",
      "12 MiB of 512 MiB",
      "round trip 48 ms",
      "clock 4 s ahead",
      "region=sea",
      "10 refused: rate limited",
    ]) {
      expect(text).toContain(part);
    }
    expect(text.replace(/\s+/g, " ")).toContain("4,990 accepted=3,149 applied+1 rejected+1,840 waiting");
  });

  it("says when the ledger does not add up", async () => {
    open(AT, answers([relay], [{ ...ledger, terms: [term("received", 10), term("accepted", 8)] }], []));
    expect(await screen.findByText("2 unexplained")).toBeTruthy();
  });

  it("replays what was set aside", async () => {
    const { requests } = open(AT, {
      ...answers([relay], [ledger], [poison]),
      "POST vedette/poison/4/replay/": { status: 204 },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Replay" }));
    await waitFor(() =>
      expect(requests.some((each) => each.url.pathname.endsWith("poison/4/replay/"))).toBe(true),
    );
  });

  it("makes a join token and shows the hub's command", async () => {
    const { requests } = open(AT, {
      ...answers([], [], []),
      "POST vedette/join-tokens/": {
        status: 201,
        body: {
          token: "t",
          hub: "h:4801",
          command: "vedette-relay join h:4801 t",
          expiresAt: "2030-01-01T00:00:00Z",
          uses: 3,
        },
      },
    });
    await userEvent.click((await screen.findAllByRole("button", { name: "Join a relay" }))[0] as HTMLElement);
    await userEvent.type(screen.getByLabelText("Labels"), "region=eu, site=fra odd");
    await userEvent.click(screen.getByRole("button", { name: "Create join token" }));
    expect(await screen.findByText("vedette-relay join h:4801 t")).toBeTruthy();
    expect(requests.find((each) => each.method === "POST")?.body).toEqual({
      uses: 1,
      validForSeconds: 3600,
      labels: { region: "eu", site: "fra" },
    });
  });
});

it("reads labels as names and values", () => {
  expect(parseLabels("a=1 b=2,c=3")).toEqual({ a: "1", b: "2", c: "3" });
  expect(parseLabels("=1 a= nothing")).toEqual({});
});
