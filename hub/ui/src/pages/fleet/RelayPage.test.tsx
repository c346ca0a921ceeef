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
  "GET vedette/authorities/": { body: [] },
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

  it("is asked how it is by a click, and not before", async () => {
    const { requests } = open(AT, {
      ...answers(relay({ isConnected: true })),
      "GET vedette/relays/a1/diagnosis/": {
        body: {
          spool: { lanes: 10 },
          findings: [
            { what: "ledger", grade: "well", found: "every item is accounted for", remedy: null },
            { what: "disk", grade: "wrong", found: "a sync takes 3 s", remedy: "move `spool.dir`" },
          ],
        },
      },
    });
    const button = await screen.findByRole("button", { name: "Ask the relay" });
    const asked = () => requests.some((each) => each.url.pathname.endsWith("/diagnosis/"));
    expect(asked()).toBe(false);
    await userEvent.click(button);
    expect(await screen.findByText("lanes")).toBeTruthy();
    expect(screen.getByText(/a sync takes 3 s/)).toBeTruthy();
    expect(screen.getByText("spool.dir")).toBeTruthy();
    expect(screen.getByText("Well: ledger.")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Ask again" })).toBeTruthy();
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

  it.each([
    [relay({ state: "drained" }), /records still wait in it/],
    [relay({ state: "drained", isConnected: true, backlog: [] }), /Nothing waits in it any more/],
  ])("says of a drained relay what is left, and when it can be revoked", async (drained, expected) => {
    open(AT, answers(drained));
    expect(await screen.findByText(expected)).toBeTruthy();
  });

  it("sets bandwidth and quiet hours, and takes them away", async () => {
    const own = relay({ link: { bandwidthMax: 187_500, quietHours: ["22:00-06:00"] } });
    const { requests } = open(AT, {
      ...answers(own),
      "PUT vedette/relays/a1/link/": { body: own.link },
      "DELETE vedette/relays/a1/link/": { status: 204 },
    });
    expect(await screen.findByText("at most 1.5 Mbit/s; quiet 22:00-06:00 UTC")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Bandwidth" }));
    const rate = screen.getByLabelText<HTMLInputElement>("At most");
    expect(rate.value).toBe("1.5");
    await userEvent.clear(rate);
    await userEvent.type(rate, "64");
    await userEvent.selectOptions(screen.getByLabelText("Unit"), "kbit/s");
    await userEvent.type(screen.getByLabelText("Quiet hours"), " 12:00-13:00");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.body).toEqual({
        bandwidthMax: 8000,
        quietHours: ["22:00-06:00", "12:00-13:00"],
      }),
    );
    await userEvent.click(await screen.findByRole("button", { name: "Bandwidth" }));
    await userEvent.click(screen.getByRole("button", { name: "Remove the limits" }));
    await waitFor(() => expect(requests.some((each) => each.method === "DELETE")).toBe(true));
  });

  it("shows what is wrong with a bandwidth beside its field", async () => {
    const { requests } = open(AT, {
      ...answers(relay()),
      "PUT vedette/relays/a1/link/": {
        status: 400,
        body: { detail: "spans of the day such as 22:00-06:00", field: "quietHours" },
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Bandwidth" }));
    const rate = screen.getByLabelText("At most");
    await userEvent.type(rate, "fast");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    expect(rate.getAttribute("aria-invalid")).toBe("true");
    expect(requests.some((each) => each.method === "PUT")).toBe(false);
    await userEvent.clear(rate);
    await userEvent.type(screen.getByLabelText("Quiet hours"), "late");
    await userEvent.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByText("spans of the day such as 22:00-06:00")).toBeTruthy();
    expect(screen.getByLabelText("Quiet hours").getAttribute("aria-invalid")).toBe("true");
  });

  it("shows the certificate, who signed it, and what to do when its renewal is late", async () => {
    const late = {
      ...relay().certificate,
      state: "late",
      isAuthorityCurrent: false,
      recoveries: 2,
    };
    open(AT, {
      ...answers(relay({ certificate: late })),
      "GET vedette/authorities/": {
        body: [{ key: late.authority, isSigning: false, isTrusted: true, relays: 1 }],
      },
    });
    expect(await screen.findByText("renewal is late")).toBeTruthy();
    expect(screen.getByText("4a5b0c")).toBeTruthy();
    expect(await screen.findByText(/the authority before; it follows/)).toBeTruthy();
    expect(screen.getByText("2 times since it last renewed in time")).toBeTruthy();
    expect(screen.getAllByText("vedette-relay doctor").length).toBeGreaterThan(0);
  });

  it("tells a clone apart, says what to do, and takes the mark off when asked", async () => {
    const cloned = relay({
      clonedAt: "2026-01-01T00:00:00Z",
      clonedAddresses: ["10.0.0.1:9", "10.0.0.2:9"],
    });
    const { requests } = open(AT, answers(cloned));
    expect(await screen.findByText(/10\.0\.0\.1:9 and 10\.0\.0\.2:9/)).toBeTruthy();
    expect(screen.getByText("vedette-relay join HUB TOKEN --force")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Take the mark off" }));
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.body).toEqual({ clearClone: true }),
    );
  });

  it("is loud about a 200 that promises less than a disk", async () => {
    const report = relay().report;
    if (!report) throw new Error("it has one");
    open(AT, answers(relay({ report: { ...report, durability: "memory" } })));
    expect(await screen.findByTitle(/a crash loses events/)).toBeTruthy();
    expect(screen.getByText("1.2 % of a core, 24 MiB of memory")).toBeTruthy();
  });

  it("says why it cannot be shown", async () => {
    open(AT, {});
    expect(await screen.findByRole("heading", { name: "This relay could not be loaded" })).toBeTruthy();
  });
});
