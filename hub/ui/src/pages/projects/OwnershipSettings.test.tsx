import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { type Answers, open } from "../../test/render.tsx";
import { letters } from "../../ui/settled.ts";

const OWNERSHIP = {
  raw: "",
  fallthrough: true,
  isActive: true,
  autoAssignment: "Auto Assign to Issue Owner",
  codeownersAutoSync: true,
  schema: { $version: 1, rules: [] },
};
const WORLD: Answers = {
  "GET projects/acme/shop/": { body: { id: "1", slug: "shop", name: "Shop" } },
  "GET projects/acme/shop/ownership/": { body: OWNERSHIP },
  "GET projects/acme/shop/codeowners/": { body: [] },
};

it("says whom the rules name while they are written, and where they are wrong", async () => {
  const { requests } = open("/organizations/acme/projects/shop/settings?tab=ownership", {
    ...WORLD,
    "POST vedette/projects/acme/shop/ownership/try/": (_, init) => {
      const { raw } = JSON.parse(String(init?.body)) as { raw: string };
      return raw.includes("nobody")
        ? {
            status: 400,
            body: { detail: "line 1: nobody is neither an e-mail address nor #team", span: [5, 11] },
          }
        : {
            body: {
              eventId: "0123456789abcdef",
              rule: { matcher: { type: "path", pattern: "*.py" }, owners: [], line: 1 },
              owners: [{ type: "team", id: "1", name: "Web" }],
              unknown: ["gone@example.org"],
              source: "rule",
            },
          };
    },
    "PUT projects/acme/shop/ownership/": { body: { ...OWNERSHIP, raw: "*.py #web" } },
  });
  const rules = (await screen.findByLabelText("Rules")) as HTMLTextAreaElement;
  await userEvent.type(rules, "*.py nobody");
  expect((await screen.findByRole("alert")).textContent).toContain("line 1");
  await userEvent.click(screen.getByRole("button", { name: "Show the place" }));
  expect([rules.selectionStart, rules.selectionEnd]).toEqual([5, 11]);
  await userEvent.clear(rules);
  await userEvent.type(rules, "*.py #web");
  expect(await screen.findByText("team Web")).toBeTruthy();
  expect(screen.getByText(/Nobody here is called gone@example.org/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() =>
    expect(requests.find((each) => each.method === "PUT")?.body).toEqual({ raw: "*.py #web" }),
  );
});

it("lets one choose to whom issues are given by themselves", async () => {
  let saved = { ...OWNERSHIP, autoAssignment: "Auto Assign to Suspect Commits" };
  const { requests } = open("/organizations/acme/projects/shop/settings?tab=ownership", {
    ...WORLD,
    "PUT projects/acme/shop/ownership/": (_, init) => {
      saved = { ...saved, ...(JSON.parse(String(init?.body)) as Partial<typeof saved>) };
      return { body: saved };
    },
    "GET projects/acme/shop/ownership/": () => ({ body: saved }),
  });
  const ways = (await screen.findByLabelText("Assign issues by themselves")) as HTMLSelectElement;
  expect(ways.selectedOptions[0]?.textContent).toMatch(/^To whose commit/);
  for (const [label, value] of [
    ["To nobody", "Turn off Auto-Assignment"],
    ["To their owner, by the rules", "Auto Assign to Issue Owner"],
    [/^To whose commit/, "Auto Assign to Suspect Commits"],
  ] as const) {
    await userEvent.selectOptions(ways, screen.getByRole("option", { name: label }));
    await waitFor(() => expect(ways.value).toBe(value));
    const put = requests.filter((each) => each.method === "PUT").at(-1);
    expect(put?.body).toEqual({ autoAssignment: value });
  }
});

it("finds the letter of a byte", () => {
  expect(letters("ä.py x", 3)).toBe(2);
  expect(letters("a\nb", 2)).toBe(2);
});
