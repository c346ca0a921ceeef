import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { type Answers, open } from "../../test/render.tsx";

const acme = (access: string[]) => ({ id: "1", slug: "acme", name: "Acme", orgRole: "owner", access });
const ENTRY = {
  id: "7",
  event: "project.edit",
  actor: { id: "1", name: "Anna", email: "anna@example.org", username: "anna@example.org" },
  actorLabel: "anna@example.org",
  token: { id: "2", name: "build server" },
  ipAddress: "10.0.0.7",
  targetObject: "3",
  targetKind: "project",
  targetLabel: "shop",
  note: "project.edit: project shop",
  data: { changes: { name: ["Shop", "Web Shop"] } },
  dateCreated: "2026-01-01T00:00:00Z",
};
const WORLD: Answers = {
  "GET organizations/": { body: [acme(["org:read", "org:write"])] },
  "GET organizations/acme/members/": { body: [] },
  "GET organizations/acme/audit-logs/": {
    body: { rows: [ENTRY], options: ["project.edit", "team.create"] },
  },
};

it("tells who changed what, and how it was before", async () => {
  open("/organizations/acme/settings?tab=audit", WORLD);
  const line = await screen.findByRole("button", { name: /Anna by a token project.edit shop/ });
  expect(screen.queryByText("10.0.0.7")).toBeNull();
  await userEvent.click(line);
  expect(line.getAttribute("aria-expanded")).toBe("true");
  const changes = within(screen.getByLabelText("What was changed"));
  expect(changes.getByText("Shop").tagName).toBe("DEL");
  expect(changes.getByText("Web Shop").tagName).toBe("INS");
  expect(screen.getByText("build server")).toBeTruthy();
  expect(screen.getByText("10.0.0.7")).toBeTruthy();
});

it("asks for what is chosen, and keeps it in the address", async () => {
  const { requests } = open("/organizations/acme/settings?tab=audit&actor=1", WORLD);
  await screen.findByRole("option", { name: "team.create" });
  await userEvent.selectOptions(await screen.findByLabelText("What"), "team.create");
  await waitFor(() => {
    const last = requests.filter((each) => each.url.pathname.includes("audit-logs")).at(-1);
    expect(last?.url.searchParams.get("event")).toBe("team.create");
    expect(last?.url.searchParams.get("actor")).toBe("1");
  });
});

it("is for those who may read it", async () => {
  const { requests } = open("/organizations/acme/settings?tab=audit", {
    ...WORLD,
    "GET organizations/": { body: [acme(["org:read"])] },
  });
  expect(await screen.findByText("Owners and managers may read the audit log.")).toBeTruthy();
  expect(requests.some((each) => each.url.pathname.includes("audit-logs"))).toBe(false);
});
