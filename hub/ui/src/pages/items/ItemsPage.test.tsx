import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { pageHeaders } from "../../test/issues.ts";
import { item, itemDetail } from "../../test/items.ts";
import { type Answers, open, type Reply } from "../../test/render.tsx";

const AT = "/organizations/acme/items";
const LIST = "GET organizations/acme/vedette/items/";
const KINDS = "GET organizations/acme/vedette/item-kinds/";
const ONE = "GET projects/acme/1/vedette/items/1/";
const TRACE = "d1901c4e6b5d6d4cb962dc071d7b7f9e";

const answers = (more: Answers = {}): Answers => ({
  [LIST]: { body: [item(), item({ id: "2", facts: { level: "error", body: "boom" } })] },
  [KINDS]: { body: { kinds: ["log", "vendor_thing"] } },
  [ONE]: {
    body: itemDetail({
      header: { item_count: 1 },
      entry: {
        body: "slow query",
        level: "info",
        attributes: { "db.rows": { value: 7, type: "integer" } },
        errors: [{ type: "invalid_data", name: "attributes.wrong", message: "Discarded invalid value" }],
        _meta: { body: { "": { len: 9000 } } },
      },
    }),
  },
  ...more,
});

describe("the items", () => {
  it("are logs at first, each with its level and its words", async () => {
    const { requests } = open(AT, answers());
    const rows = within(await screen.findByRole("list", {}, { timeout: 5000 }));
    expect(rows.getAllByRole("listitem").map((row) => row.textContent)).toEqual([
      "01-02 00:00:10.250infoslow query",
      "01-02 00:00:10.250errorboom",
    ]);
    const asked = requests.find(({ url }) => url.pathname.endsWith("/vedette/items/"));
    expect(asked?.url.searchParams.get("kind")).toBe("log");
  });

  it("show grey rows, what is empty, and what went wrong", async () => {
    open(AT, answers({ [LIST]: () => new Promise<Reply>(() => {}) }));
    expect(await screen.findByRole("status", { name: "Loading items" })).toBeTruthy();
  });

  it("say that there are none, and how to see more where a filter hides them", async () => {
    const { router } = open(`${AT}?environment=test`, answers({ [LIST]: { body: [] } }));
    expect(await screen.findByRole("heading", { name: "No item matches" })).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Clear the filters" }));
    expect(await screen.findByRole("heading", { name: "No logs yet" })).toBeTruthy();
    expect(router.state.location.searchStr).toBe("");
  });

  it("say what the hub says when it cannot answer", async () => {
    open(AT, answers({ [LIST]: { status: 500, body: { detail: "The store is away" } } }));
    expect(await screen.findByText("The store is away")).toBeTruthy();
    expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
  });

  it("are chosen by kind, of which the hub names those it has", async () => {
    const { router } = open(AT, answers());
    const kinds = await screen.findByRole("combobox", { name: "Kind of item" });
    await screen.findByRole("option", { name: "vendor_thing" });
    expect(screen.getByRole("option", { name: "Spans (none)" })).toBeTruthy();
    await userEvent.selectOptions(kinds, "vendor_thing");
    await waitFor(() => expect(router.state.location.searchStr).toBe("?kind=vendor_thing"));
  });

  it("tell all of one in the address: attributes, corrections, its trace", async () => {
    const { router } = open(AT, answers());
    await userEvent.click(await screen.findByRole("button", { name: /slow query/ }));
    await waitFor(() => expect(router.state.location.searchStr).toBe("?item=1.1"));
    const attributes = await screen.findByRole("table", { name: "Attributes" });
    expect(attributes.textContent).toContain("db.rows (integer)7");
    expect(screen.getByText("attributes.wrong: Discarded invalid value")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: TRACE }));
    await waitFor(() => expect(router.state.location.searchStr).toBe(`?trace=${TRACE}`));
  });

  it("of a trace are those of every kind, each with its kind", async () => {
    const { requests } = open(`${AT}?trace=${TRACE}`, answers());
    const rows = within(await screen.findByRole("list"));
    expect(rows.getAllByText("Logs").length).toBe(2);
    const asked = requests.find(({ url }) => url.pathname.endsWith("/vedette/items/"));
    expect(asked?.url.searchParams.get("kind")).toBeNull();
    expect(asked?.url.searchParams.get("trace")).toBe(TRACE);
  });

  it("are walked through by keys, and the open one goes along", async () => {
    const two = { [ONE.replace("items/1", "items/2")]: { body: itemDetail({ id: "2" }) } };
    const { router } = open(AT, answers(two));
    await screen.findByRole("button", { name: /slow query/ });
    await userEvent.keyboard("j");
    await waitFor(() => expect(document.activeElement?.textContent).toContain("slow query"));
    await userEvent.keyboard("{Enter}");
    await waitFor(() => expect(router.state.location.searchStr).toBe("?item=1.1"));
    await userEvent.keyboard("j");
    await waitFor(() => expect(router.state.location.searchStr).toBe("?item=1.2"));
    await userEvent.keyboard("{Escape}");
    await waitFor(() => expect(router.state.location.searchStr).toBe(""));
  });

  it("of many are drawn by dozens, and the next ones come at the end", async () => {
    const many = Array.from({ length: 100 }, (_, i) => item({ id: String(i + 1) }));
    open(
      AT,
      answers({
        [LIST]: (url) =>
          url.searchParams.get("cursor")
            ? { body: [item({ id: "999" })], headers: pageHeaders(null, 101) }
            : { body: many, headers: pageHeaders("1:1:0", 101) },
      }),
    );
    await screen.findByRole("list");
    expect(screen.getAllByRole("listitem").length).toBeLessThan(60);
  });
});
