import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { type Answers, open } from "../../test/render.tsx";

const ACME = {
  id: "1",
  slug: "acme",
  name: "Acme",
  orgRole: "manager",
  access: ["member:read", "member:write", "member:admin", "team:read", "team:write", "project:write"],
};
const person = (id: string, name: string, orgRole: string, more = {}) => ({
  id,
  email: `${name.toLowerCase()}@example.org`,
  name,
  orgRole,
  role: orgRole,
  pending: false,
  expired: false,
  inviteStatus: "approved",
  dateCreated: "2026-01-01T00:00:00Z",
  teams: ["web"],
  teamRoles: [],
  user: { id, name, email: "", username: "" },
  ...more,
});
const WEB = {
  id: "3",
  slug: "web",
  name: "Web",
  dateCreated: "2026-01-01T00:00:00Z",
  isMember: false,
  teamRole: null,
  hasAccess: true,
  isPending: false,
  memberCount: 2,
  projects: [{ id: "1", slug: "shop", name: "Shop", platform: "python" }],
};
const WORLD: Answers = {
  "GET organizations/": { body: [ACME] },
  "GET organizations/acme/members/": {
    body: [person("1", "Anna", "manager"), person("2", "Otto", "owner"), person("3", "Ida", "member")],
  },
  "GET organizations/acme/teams/": { body: [WEB] },
};

describe("members", () => {
  it("have a role that is changed at once, but for those above oneself", async () => {
    const { requests } = open("/organizations/acme/settings?tab=members", {
      ...WORLD,
      "PUT organizations/acme/members/3/": { body: person("3", "Ida", "admin") },
    });
    await userEvent.selectOptions(await screen.findByLabelText("Role of ida@example.org"), "admin");
    await waitFor(() =>
      expect(requests.find((each) => each.method === "PUT")?.body).toEqual({ orgRole: "admin" }),
    );
    expect(screen.queryByLabelText("Role of otto@example.org")).toBeNull();
    const options = within(screen.getByLabelText("Role of ida@example.org")).getAllByRole("option");
    expect(options.map((each) => each.textContent)).toEqual(["member", "admin", "manager"]);
  });

  it("are invited with a link that is shown once", async () => {
    const link = "http://hub/invitation?token=abc";
    const { requests } = open("/organizations/acme/settings?tab=members", {
      ...WORLD,
      "POST organizations/acme/members/": {
        status: 201,
        body: person("9", "jo", "member", { pending: true, inviteLink: link, inviteSent: false }),
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Invite" }));
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.type(dialog.getByLabelText("E-mail"), "jo@example.org");
    await userEvent.click(await dialog.findByLabelText("#web"));
    await userEvent.click(dialog.getByRole("button", { name: "Invite" }));
    expect(await screen.findByText(link)).toBeTruthy();
    expect(requests.find((each) => each.method === "POST")?.body).toEqual({
      email: "jo@example.org",
      orgRole: "member",
      teams: ["web"],
    });
  });
});

describe("teams", () => {
  it("are joined, and filled by who may", async () => {
    const { requests } = open("/organizations/acme/settings?tab=teams", {
      ...WORLD,
      "POST organizations/acme/members/me/teams/web/": { status: 201, body: WEB },
      "DELETE organizations/acme/members/3/teams/web/": { body: WEB },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Join" }));
    await waitFor(() => expect(requests.some((each) => each.method === "POST")).toBe(true));
    expect(screen.queryByRole("button", { name: "Delete #web" })).toBeNull();
    await userEvent.click(screen.getByRole("button", { name: "Manage" }));
    const dialog = within(await screen.findByRole("dialog"));
    await userEvent.click(await dialog.findByLabelText("Ida"));
    await waitFor(() => expect(requests.some((each) => each.method === "DELETE")).toBe(true));
  });
});

it("an invitation is taken up with a name and a password", async () => {
  const { requests, router } = open("/invitation?token=abc", {
    "GET auth/": { status: 401, body: {} },
    "POST auth/invitation/": { body: { id: "9", email: "jo@example.org", name: "Jo", csrfToken: "x" } },
  });
  await userEvent.type(await screen.findByLabelText("Name"), "Jo");
  await userEvent.type(screen.getByLabelText("Password"), "correct horse");
  await userEvent.click(screen.getByRole("button", { name: "Set the password and sign in" }));
  await waitFor(() => expect(router.state.location.pathname).not.toBe("/invitation"));
  expect(requests.find((each) => each.method === "POST")?.body).toEqual({
    token: "abc",
    name: "Jo",
    password: "correct horse",
  });
});
