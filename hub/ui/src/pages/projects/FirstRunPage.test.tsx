import { screen, waitFor } from "@testing-library/react";
import { expect, it } from "vitest";
import { type Answers, open } from "../../test/render.tsx";

const AT = "/organizations/acme/projects/shop/start";
const dsn = { public: "http://0123@relay.example/1" };
const PROJECT: Answers = {
  "GET projects/acme/shop/": { body: { id: "1", slug: "shop", name: "Shop", platform: "python" } },
  "GET projects/acme/shop/keys/": { body: [{ id: "0123", isActive: true, dsn }] },
  "GET organizations/acme/issues/": { body: [] },
};

it("shows where to send, and that nobody takes it while no relay has joined", async () => {
  const { requests } = open(AT, { ...PROJECT, "GET vedette/relays/": { body: [] } });
  expect(await screen.findByText(dsn.public)).toBeTruthy();
  const link = await screen.findByRole("link", { name: "Join a relay" });
  expect(link.getAttribute("href")).toBe("/organizations/acme/fleet");
  await waitFor(() => expect(requests.some(({ url }) => url.pathname.endsWith("/issues/"))).toBe(true));
});

it("says nothing of relays to whoever may not see them", async () => {
  const no = { status: 403, body: { detail: "no" } };
  const { requests } = open(AT, { ...PROJECT, "GET vedette/relays/": no });
  expect(await screen.findByText(dsn.public)).toBeTruthy();
  await waitFor(() => expect(requests.some(({ url }) => url.pathname.endsWith("/relays/"))).toBe(true));
  expect(screen.queryByRole("link", { name: "Join a relay" })).toBeNull();
});
