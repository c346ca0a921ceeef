import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { open } from "../../test/render.tsx";

const AT = "/organizations/acme/outcomes";
const PATH = "GET organizations/acme/stats_v2/";
const INTERVALS = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"];

const group = (by: Record<string, unknown>, values: number[]) => ({
  by,
  totals: { "sum(quantity)": values.reduce((a, b) => a + b, 0) },
  series: { "sum(quantity)": values },
});

/** Answers as the hub does: by the dimension that is asked for. */
const answer = (url: URL) => {
  const by = url.searchParams.getAll("groupBy")[1] ?? "reason";
  const groups =
    by === "project"
      ? [
          group({ outcome: "accepted", project: 1 }, [5, 0]),
          group({ outcome: "invalid", project: null }, [2, 0]),
        ]
      : [
          group({ outcome: "accepted", reason: "none" }, [5, 0]),
          group({ outcome: "filtered", reason: "web-crawlers" }, [0, 1200]),
          group({ outcome: "rate_limited", reason: "spike_protection" }, [0, 3]),
        ];
  return { body: { start: INTERVALS[0], end: INTERVALS[1], intervals: INTERVALS, groups } };
};

describe("outcomes", () => {
  it("counts transactions for as many as they stand for, and says how many were kept", async () => {
    const row = { transaction: "/pay", "count()": 1000, "epm()": 0.7, "failure_rate()": 0.004, "p50()": 120 };
    const meta = { dataScanned: "full", accuracy: { sampleCount: [{ "count()": 200 }] } };
    const totals = { data: [{ ...row, "p95()": 2500 }], meta };
    open(AT, { [PATH]: answer, "GET organizations/acme/events/": { body: totals } });
    const table = await screen.findByRole("table", { name: "Transactions" }, { timeout: 5000 });
    const cells = within(table).getAllByRole("cell");
    expect(cells.map((cell) => cell.textContent).slice(0, 4)).toEqual(["/pay", "1,000", "200", "0.70"]);
    expect(cells.map((cell) => cell.textContent).slice(4)).toEqual(["0.4%", "120 ms", "2.50 s"]);
    expect(screen.getByText(/counts for as many as it stands for/)).toBeTruthy();
  });

  it("shows sums over time, a row for each reason, and that there was a spike", async () => {
    const spike = {
      id: "1",
      projectId: "1",
      projectSlug: "shop",
      refused: 1203,
      dateBegan: INTERVALS[1],
      dateSeen: INTERVALS[1],
      dateEnded: null,
    };
    open(AT, { [PATH]: answer, "GET vedette/organizations/acme/spikes/": { body: [spike] } });
    const chart = await screen.findByRole(
      "img",
      { name: "Outcomes over time: 1,208 items" },
      { timeout: 5000 },
    );
    expect(chart.querySelectorAll("path").length).toBe(4);
    const legend = screen.getByRole("list", { name: "Outcomes" });
    expect(
      within(legend)
        .getAllByRole("listitem")
        .map((item) => item.textContent),
    ).toEqual(["Accepted 5", "Filtered 1,200", "Rate limited 3"]);
    const table = screen.getByRole("table", { name: "Outcomes by reason" });
    expect(within(table).getByText("web-crawlers").closest("tr")?.textContent).toContain("1,200");
    expect(screen.getByRole("note").textContent).toContain("refused 3 errors");
    const spikes = await screen.findByRole("list", { name: "Spikes" });
    expect(spikes.textContent).toMatch(/^shop: 1,203 errors refused, .* – now$/);
  });

  it("asks anew for another range and another dimension, which stand in the address", async () => {
    const { router, requests } = open(AT, { [PATH]: answer });
    await userEvent.click(await screen.findByRole("button", { name: "Week" }, { timeout: 5000 }));
    await userEvent.click(await screen.findByRole("button", { name: "Project" }));
    const table = await screen.findByRole("table", { name: "Outcomes by project" });
    expect(within(table).getByText("shop")).toBeTruthy();
    expect(within(table).getByText("no known project")).toBeTruthy();
    expect(router.state.location.search).toEqual({ statsPeriod: "7d", by: "project" });
    const last = requests.filter((request) => request.url.pathname.endsWith("stats_v2/")).at(-1);
    expect(last?.url.searchParams.get("interval")).toBe("6h");
  });

  it("says that nothing was counted", async () => {
    open(AT, { [PATH]: { body: { start: "", end: "", intervals: INTERVALS, groups: [] } } });
    expect(
      await screen.findByRole("heading", { name: "Nothing in this time" }, { timeout: 5000 }),
    ).toBeTruthy();
  });

  it("says why outcomes cannot be shown", async () => {
    open(AT, { [PATH]: { status: 500, body: { detail: "The store is away" } } });
    expect(await screen.findByText("The store is away", {}, { timeout: 5000 })).toBeTruthy();
    expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
  });
});
