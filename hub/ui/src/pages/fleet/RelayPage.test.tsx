import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import type { Equation, Relay } from "../../api/types.ts";
import { equation, history, line, relay } from "../../test/relays.ts";
import { open } from "../../test/render.tsx";

const AT = "/organizations/acme/fleet/a1";

const answers = (one: Relay, ledger: Equation = equation()) => ({
  "GET vedette/relays/a1/": { body: one },
  "GET vedette/relays/a1/ledger/": { body: ledger },
  "GET vedette/relays/a1/history/": { body: history() },
  "PUT vedette/relays/a1/": { body: one },
  "DELETE vedette/relays/a1/": { status: 204 },
});

describe("a relay", () => {
  it("shows how it is, how it was, and that its accounts add up", async () => {
    open(AT, answers(relay({ isConnected: true })));
    expect(await screen.findByRole("heading", { name: /ship-1/ })).toBeTruthy();
    expect(await screen.findByRole("img", { name: /^Backlog: 11 KiB now, at most 11 KiB/ })).toBeTruthy();
    expect(await screen.findByRole("img", { name: /^Packets lost: nothing yet/ })).toBeTruthy();
    const table = await screen.findByRole("table", { name: "Ledger by project and category" });
    expect(within(table).getByText("adds up")).toBeTruthy();
    const page = document.body.textContent?.replace(/\s+/g, " ") ?? "";
    for (const part of [
      "5,000 received = 4,990 accepted + 10 refused",
      "4,990 accepted = 3,148 delivered + 2 dropped + 1,840 waiting",
      "10 error refused: rate limited (shop)",
      "14 GiB of 32 GiB free",
      "last 900 µs, longest 48 ms",
      "fsync",
    ]) {
      expect(page).toContain(part);
    }
  });

  it("names what is missing, to the unit and where", async () => {
    const short = line({ shortAtHub: 1, isBalanced: false });
    open(AT, answers(relay(), equation({ isBalanced: false, deficit: 1, lines: [short] })));
    expect(await screen.findByText("off by 1 item")).toBeTruthy();
    expect(screen.getByText("1 item missing at the hub")).toBeTruthy();
  });

  it("says when relay and hub are still finding out what differs", async () => {
    open(AT, answers(relay(), equation({ isBalanced: false, isBeingCompared: true })));
    expect(await screen.findByText(/accounts are being asked for/)).toBeTruthy();
  });

  it("shows another time when asked, and keeps it in the address", async () => {
    const { requests, router } = open(AT, answers(relay()));
    await userEvent.click(await screen.findByRole("button", { name: "Week" }));
    await waitFor(() => expect(router.state.location.href).toContain("hours=168"));
    await waitFor(() =>
      expect(requests.some((each) => each.url.searchParams.get("hours") === "168")).toBe(true),
    );
  });

  it("says what is not known of a relay that never reported", async () => {
    const never = { ...equation(), date: null, epoch: null, lines: [] };
    open(AT, {
      ...answers(relay({ report: null, backlog: [], lastSeenAt: null }), never),
      "GET vedette/relays/a1/history/": { body: history(0) },
    });
    expect(await screen.findByText("It has not told its accounts yet.")).toBeTruthy();
    expect(await screen.findByText("It has not said what waits in it.")).toBeTruthy();
    expect(await screen.findByText(/Nothing was heard of it in this time/)).toBeTruthy();
  });

  it("renames, labels and drains without asking, and asks before it revokes", async () => {
    const { requests } = open(AT, answers(relay()));
    const sent = (method: string) =>
      requests.filter((each) => each.method === method).map((each) => each.body);
    await userEvent.click(await screen.findByRole("button", { name: "Rename" }));
    await userEvent.clear(screen.getByLabelText("Name"));
    await userEvent.type(screen.getByLabelText("Name"), "ship-9");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(sent("PUT")).toEqual([{ name: "ship-9" }]));
    await userEvent.click(await screen.findByRole("button", { name: "Label" }));
    await userEvent.type(screen.getByLabelText("Labels"), " site=hh");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() => expect(sent("PUT").at(-1)).toEqual({ labels: { region: "sea", site: "hh" } }));
    await userEvent.click(screen.getByRole("button", { name: "Drain" }));
    await waitFor(() => expect(sent("PUT").at(-1)).toEqual({ state: "drained" }));
    await userEvent.click(screen.getByRole("button", { name: "Revoke" }));
    expect(sent("DELETE")).toEqual([]);
    await userEvent.click(await screen.findByRole("button", { name: "Revoke the relay" }));
    await waitFor(() => expect(sent("DELETE")).toHaveLength(1));
  });

  it("says why it cannot be shown", async () => {
    open(AT, {});
    expect(await screen.findByRole("heading", { name: "This relay could not be loaded" })).toBeTruthy();
  });
});
