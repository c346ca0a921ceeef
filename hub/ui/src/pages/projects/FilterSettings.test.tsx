import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { type Answers, open } from "../../test/render.tsx";

const OPTIONS = { "filters:log_messages": "", "filters:trace_metric_names": "" };
const WORLD: Answers = {
  "GET projects/acme/shop/": { body: { id: "1", slug: "shop", name: "Shop", options: OPTIONS } },
  "GET projects/acme/shop/filters/": { body: [{ id: "legacy-browsers", active: ["default"] }] },
  "GET vedette/projects/acme/shop/intake/": {
    body: { generic: [], samplingRules: [], quotas: [], spikeProtection: false, relays: 1 },
  },
  "PUT projects/acme/shop/filters/legacy-browsers/": { status: 204, body: null },
  "PUT projects/acme/shop/": { body: { id: "1", slug: "shop", name: "Shop", options: OPTIONS } },
};

it("filters logs by their message, metrics by their name, and the browsers that nobody uses", async () => {
  const { requests } = open("/organizations/acme/projects/shop/settings?tab=filters", WORLD);
  const usual = (await screen.findByLabelText(/Those nobody uses/)) as HTMLInputElement;
  expect(usual.checked).toBe(true);
  await userEvent.click(screen.getByLabelText("Internet Explorer 11"));
  const change = () => requests.find((each) => each.method === "PUT")?.body;
  await waitFor(() => expect(change()).toEqual({ subfilters: ["default", "ie11"] }));
  await userEvent.type(screen.getByLabelText("Messages of logs"), "GET /healthz*");
  await userEvent.type(screen.getByLabelText("Names of metrics"), "debug.*");
  await userEvent.click(screen.getAllByRole("button", { name: "Save" })[0] as HTMLElement);
  const options = { "filters:log_messages": "GET /healthz*", "filters:trace_metric_names": "debug.*" };
  await waitFor(() =>
    expect(requests.filter((each) => each.method === "PUT").at(-1)?.body).toEqual({ options }),
  );
});
