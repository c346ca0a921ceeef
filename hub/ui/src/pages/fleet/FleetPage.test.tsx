import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { Poison, Relay } from "../../api/types.ts";
import { accounting, config, relay } from "../../test/relays.ts";
import { open } from "../../test/render.tsx";

const AT = "/organizations/acme/fleet";

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

const answers = (relays: Relay[], set: Poison[]) => ({
  "GET vedette/relays/": { body: relays },
  "GET vedette/poison/": { body: set },
  "GET vedette/accounting/": { body: accounting() },
  "GET vedette/authorities/": { body: [] },
  "GET vedette/config/": { body: config() },
});

const names = () =>
  screen
    .getAllByRole("row")
    .map((row) => within(row).queryByRole("link")?.textContent)
    .filter(Boolean);

describe("the fleet", () => {
  it("tells how to begin when no relay has joined", async () => {
    open(AT, answers([], []));
    expect(
      await screen.findByRole("heading", { name: "No relay has joined" }, { timeout: 5000 }),
    ).toBeTruthy();
    expect(await screen.findByRole("heading", { name: "Nothing was set aside" })).toBeTruthy();
  });

  it("says why the relays cannot be shown", async () => {
    open(AT, { "GET vedette/relays/": { status: 500, body: { detail: "The store is away" } } });
    expect(await screen.findByText("The store is away")).toBeTruthy();
    expect(screen.getAllByRole("button", { name: "Try again" }).length).toBeGreaterThan(0);
  });

  it("shows every figure of a relay in one row", async () => {
    open(AT, answers([relay({ isConnected: true })], []));
    const link = await screen.findByRole("link", { name: "ship-1" });
    const text = link.closest("tr")?.textContent ?? "";
    expect(screen.getByRole("img", { name: "connected" })).toBeTruthy();
    for (const part of [
      "region=sea",
      "0.1.0",
      "quic",
      "48 ms",
      "1.2 %",
      "2 KiB/s",
      "12 MiB",
      "1.8k",
      "+4 s",
      "2%",
    ]) {
      expect(text).toContain(part);
    }
  });

  it("says what is wrong, and shows those relays when asked", async () => {
    const dark = relay({
      id: "b2",
      name: "ship-2",
      conditions: [{ kind: "dark", detail: "not heard of for 2 min 0 s", since: "2026-01-01T00:00:00Z" }],
    });
    open(AT, answers([relay(), dark], []));
    const notice = await screen.findByRole("button", { name: "ship-2: dark" });
    expect(screen.getByText("not heard of for 2 min 0 s")).toBeTruthy();
    await userEvent.click(notice);
    await waitFor(() => expect(names()).toEqual(["ship-2"]));
    expect(screen.getByLabelText<HTMLInputElement>("Filter relays").value).toBe("is:dark");
  });

  it("sorts by a column, the other way round at the second click, and keeps that in the address", async () => {
    const quick = relay({ id: "b2", name: "ship-2", backlog: [] });
    const { router } = open(AT, answers([relay(), quick], []));
    await screen.findByRole("link", { name: "ship-1" });
    expect(names()).toEqual(["ship-1", "ship-2"]);
    await userEvent.click(screen.getByRole("button", { name: /^Backlog/ }));
    await waitFor(() => expect(names()).toEqual(["ship-2", "ship-1"]));
    await userEvent.click(screen.getByRole("button", { name: /^Backlog/ }));
    await waitFor(() => expect(names()).toEqual(["ship-1", "ship-2"]));
    expect(router.state.location.href).toContain("sort=backlog&dir=down");
  });

  it("moves through the rows with keys and opens one", async () => {
    const { router } = open(AT, {
      ...answers([relay(), relay({ id: "b2", name: "ship-2" })], []),
      "GET vedette/relays/b2/": { body: relay({ id: "b2", name: "ship-2" }) },
    });
    await screen.findByRole("link", { name: "ship-1" });
    await userEvent.keyboard("jj");
    await waitFor(() => expect(document.activeElement?.textContent).toBe("ship-2"));
    await userEvent.keyboard("k");
    await waitFor(() => expect(document.activeElement?.textContent).toBe("ship-1"));
    await userEvent.keyboard("j");
    await waitFor(() => expect(document.activeElement?.textContent).toBe("ship-2"));
    await userEvent.keyboard("{Enter}");
    await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/fleet/b2"));
  });

  it("draws only the rows in the window of many thousands", async () => {
    const many = Array.from({ length: 2000 }, (_, i) => relay({ id: `r${i}`, name: `relay-${i}` }));
    open(AT, answers(many, []));
    await screen.findByRole("link", { name: "relay-0" });
    expect(names().length).toBeLessThan(60);
    expect(screen.getByRole("table", { name: "Relays" }).getAttribute("aria-rowcount")).toBe("2001");
    await userEvent.click(screen.getByLabelText("Filter relays"));
    await userEvent.paste("relay-1999");
    await waitFor(() => expect(names()).toEqual(["relay-1999"]));
    await userEvent.paste("9");
    expect(await screen.findByRole("heading", { name: "No relay matches" })).toBeTruthy();
  });

  it("filters by state and by region, and keeps that in the address", async () => {
    const eu = relay({ id: "b2", name: "shop-1", labels: { region: "eu" }, isConnected: true });
    const eu2 = relay({ id: "c3", name: "shop-2", labels: { region: "eu-2" }, state: "drained" });
    const { router } = open(AT, answers([relay(), eu, eu2], []));
    await screen.findByRole("link", { name: "ship-1" });
    await userEvent.selectOptions(screen.getByLabelText("Region"), "eu");
    await waitFor(() => expect(names()).toEqual(["shop-1"]));
    await userEvent.selectOptions(screen.getByLabelText("Region"), "Any region");
    await userEvent.selectOptions(screen.getByLabelText("State"), "Drained");
    await waitFor(() => expect(names()).toEqual(["shop-2"]));
    expect(decodeURIComponent(router.state.location.href)).toContain("q=is:drained");
  });

  it("says whether the accounts of the whole fleet add up", async () => {
    open(AT, answers([relay()], []));
    const panel = await screen.findByRole("region", { name: /Ledger of the fleet/ });
    expect(await within(panel).findByText("adds up", { selector: "h2 *" })).toBeTruthy();
    expect(panel.textContent).toContain(
      "5,000 received = 10 refused + 3,148 delivered + 2 dropped + 1,840 waiting, over 1 relay",
    );
  });

  it("names to the unit by how much the fleet is off, and which relays", async () => {
    const off = [{ id: "a1", name: "ship-1", deficit: 2 }];
    open(AT, {
      ...answers([relay()], []),
      "GET vedette/accounting/": {
        body: accounting({ isBalanced: false, deficit: 3, relaysOff: 2, off, relaysSilent: 4 }),
      },
    });
    const panel = await screen.findByRole("region", { name: /Ledger of the fleet/ });
    expect(await within(panel).findByText("off by 3 items")).toBeTruthy();
    const list = within(panel).getByRole("list", { name: "Relays that are off" });
    expect(list.textContent).toBe("ship-1: off by 2 itemsand 1 more");
    expect(panel.textContent).toContain("4 relays never told");
    const head = screen.getByRole("heading", { level: 1 });
    expect(head.textContent).toBe("Fleet off by 3 items");
  });

  it("says why a configuration was taken back, and tries it again when asked", async () => {
    const id = "0a".repeat(16);
    const reason = `relay ${id}: it takes 90 % of a core, 2 % before`;
    const { requests } = open(AT, {
      ...answers([relay({ id })], []),
      "GET vedette/config/": { body: config({ state: "failed", version: 7, reason }) },
      "POST vedette/config/retry/": { body: config({ state: "trying", version: 8, canaries: [id] }) },
    });
    expect(await screen.findByText(/relay ship-1: it takes 90 % of a core/)).toBeTruthy();
    expect(screen.getByText("Version 7 of the configuration was taken back")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Try it again" }));
    await waitFor(() => expect(requests.some((each) => each.method === "POST")).toBe(true));
  });

  it("says which relays try a configuration, and how far an authority has come", async () => {
    open(AT, {
      ...answers([relay()], []),
      "GET vedette/config/": { body: config({ state: "trying", version: 5, canaries: ["a1"] }) },
      "GET vedette/authorities/": {
        body: [
          { key: "aa", isSigning: true, isTrusted: true, relays: 118 },
          { key: "bb", isSigning: false, isTrusted: true, relays: 2 },
        ],
      },
    });
    expect(await screen.findByText("Version 5 of the configuration is tried")).toBeTruthy();
    expect(await screen.findByText(/118 of 120 relays have a certificate/)).toBeTruthy();
  });

  it("asks whom to tell of trouble", async () => {
    const { requests } = open(AT, {
      ...answers([relay()], []),
      "GET vedette/fleet-alerts/": { body: { actions: [], kinds: [] } },
      "PUT vedette/fleet-alerts/": { body: { actions: [], kinds: [] } },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Alerts" }));
    await userEvent.click(await screen.findByLabelText("The disk of a relay fails"));
    await userEvent.click(screen.getByRole("button", { name: "Add a target" }));
    await userEvent.selectOptions(screen.getByLabelText("Kind of target 1"), "email");
    await userEvent.type(screen.getByLabelText("E-mail address"), "ops@example.org");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.body).toEqual({
        actions: [{ type: "email", to: "ops@example.org" }],
        kinds: ["dark", "behind", "unbalanced", "cloned", "incompatible"],
      }),
    );
  });

  it("replays what was set aside", async () => {
    const { requests } = open(AT, {
      ...answers([relay()], [poison]),
      "POST vedette/poison/4/replay/": { status: 204 },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Replay" }));
    await waitFor(() =>
      expect(requests.some((each) => each.url.pathname.endsWith("poison/4/replay/"))).toBe(true),
    );
  });

  it("makes a join token and shows the hub's command", async () => {
    const { requests } = open(AT, {
      ...answers([], []),
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
      addressRange: null,
    });
  });
});

describe("join tokens", () => {
  const token = {
    id: "0a1b2c3d4e5f6071",
    usesLeft: 3,
    labels: { site: "hh" },
    addressRange: "10.20.0.0/16",
    failures: 0,
    dateCreated: "2026-01-01T00:00:00Z",
    expiresAt: "2099-01-01T00:00:00Z",
  };
  const dialog = async () => {
    await userEvent.click((await screen.findAllByRole("button", { name: "Join a relay" }))[0] as HTMLElement);
    return screen.findByLabelText("From where");
  };

  it("are made for relays of some addresses, and a range that is none is told at its field", async () => {
    const { requests } = open(AT, {
      ...answers([], []),
      "GET vedette/join-tokens/": { body: [] },
      "POST vedette/join-tokens/": {
        status: 400,
        body: { detail: "not a network", field: "addressRange" },
      },
    });
    await userEvent.type(await dialog(), "10.20");
    await userEvent.click(screen.getByRole("button", { name: "Create join token", hidden: true }));
    expect(await screen.findByText("not a network")).toBeTruthy();
    expect(requests.find(({ method }) => method === "POST")?.body).toEqual({
      uses: 1,
      validForSeconds: 3600,
      labels: {},
      addressRange: "10.20",
    });
  });

  it("that are open are listed with what they allow, and ended", async () => {
    let tokens = [token];
    const { requests } = open(AT, {
      ...answers([], []),
      "GET vedette/join-tokens/": () => ({ body: tokens }),
      [`DELETE vedette/join-tokens/${token.id}/`]: () => {
        tokens = [];
        return { status: 204 };
      },
    });
    await dialog();
    expect(await screen.findByText(/3 relays from 10\.20\.0\.0\/16, site=hh/)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: `End the token ${token.id}`, hidden: true }));
    expect(await screen.findByText(/^None\. Each ends/)).toBeTruthy();
    expect(requests.some(({ method }) => method === "DELETE")).toBe(true);
  });
});
