import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { type Answers, open, SESSION } from "../../test/render.tsx";

const AT = "/organizations/acme/settings";
const session = {
  id: "aa",
  isCurrent: true,
  userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
  address: "10.0.0.7",
  dateCreated: "2026-01-01T00:00:00Z",
  dateLastUsed: "2026-01-02T00:00:00Z",
};
const other = { ...session, id: "bb", isCurrent: false, userAgent: "curl/8.5.0", address: "" };

const answers = (more: Answers = {}): Answers => ({
  "GET api-tokens/": { body: [] },
  "GET users/me/sessions/": { body: [session, other] },
  ...more,
});

describe("one's own account", () => {
  it("takes another name, by which the page calls one at once", async () => {
    const { requests } = open(AT, answers({ "PUT users/me/": { body: { ...SESSION, name: "Anna Moon" } } }));
    const name = await screen.findByLabelText("Name");
    await userEvent.clear(name);
    await userEvent.type(name, "Anna Moon");
    await userEvent.click(screen.getByRole("button", { name: "Change the name" }));
    expect(await screen.findByText("Others see you as Anna Moon now")).toBeTruthy();
    expect(requests.find(({ method }) => method === "PUT")?.body).toEqual({ name: "Anna Moon" });
    expect(screen.getByRole("button", { name: /account of Anna Moon/ })).toBeTruthy();
  });

  it("takes another password from who knows the one before", async () => {
    let isWrong = true;
    const { requests } = open(
      AT,
      answers({
        "PUT users/me/": () =>
          isWrong
            ? { status: 400, body: { detail: "is not the password", field: "currentPassword" } }
            : { body: { ...SESSION, csrfToken: "fresh" } },
        "POST api-tokens/": { status: 201, body: {} },
      }),
    );
    await userEvent.type(await screen.findByLabelText("Password now"), "wrong");
    await userEvent.type(screen.getByLabelText("New password"), "battery staple");
    await userEvent.click(screen.getByRole("button", { name: "Change the password" }));
    expect(await screen.findByText("This is not your password.")).toBeTruthy();
    isWrong = false;
    await userEvent.click(screen.getByRole("button", { name: "Change the password" }));
    expect(await screen.findByText(/^Your password is changed/)).toBeTruthy();
    const puts = requests.filter(({ method }) => method === "PUT");
    expect(puts[1]?.body).toEqual({ password: "battery staple", currentPassword: "wrong" });
    expect((screen.getByLabelText("New password") as HTMLInputElement).value).toBe("");
  });

  it("shows where one is signed in, and ends it elsewhere", async () => {
    const { requests } = open(AT, answers({ "DELETE users/me/sessions/bb/": { status: 204 } }));
    const table = within(await screen.findByRole("table", { name: "Sessions" }));
    expect(table.getByText("Firefox on Linux")).toBeTruthy();
    expect(table.getByText("this one")).toBeTruthy();
    await userEvent.click(table.getByRole("button", { name: "End" }));
    expect(await screen.findByText("The session has ended")).toBeTruthy();
    expect(requests.filter(({ method }) => method === "DELETE").length).toBe(1);
  });

  it("shows times in the zone that one chooses", async () => {
    open(AT, answers());
    const began = () => screen.getAllByTitle(/^2026-01-01 /)[0]?.getAttribute("title");
    await screen.findByRole("table", { name: "Sessions" });
    expect(began()).toBe("2026-01-01 00:00:00.000 UTC");
    await userEvent.selectOptions(screen.getByLabelText("Time zone"), "Asia/Tokyo");
    await waitFor(() => expect(began()).toBe("2026-01-01 09:00:00.000 UTC+9"));
    await userEvent.selectOptions(screen.getByLabelText("Time zone"), "");
    await waitFor(() => expect(began()).toBe("2026-01-01 00:00:00.000 UTC"));
  });
});
