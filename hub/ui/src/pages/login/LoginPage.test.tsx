import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { pageHeaders } from "../../test/issues.ts";
import { open, SESSION } from "../../test/render.tsx";
import { insidePath } from "./LoginPage.tsx";

const NOBODY = { status: 401, body: { detail: "Authentication credentials were not provided." } };

async function fill(password: string) {
  await userEvent.type(await screen.findByLabelText("E-mail"), "anna@example.org");
  await userEvent.type(screen.getByLabelText("Password"), password);
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
}

describe("signing in", () => {
  it("leads back to the very view one came from", async () => {
    const { router, requests } = open("/organizations/acme/issues?query=level:fatal&sort=freq", {
      "GET auth/": NOBODY,
      "POST auth/login/": { body: SESSION },
      "GET organizations/acme/issues/": { body: [], headers: pageHeaders(null, 0) },
    });
    await fill("secret");
    await waitFor(() => expect(router.state.location.pathname).toBe("/organizations/acme/issues"));
    expect(router.state.location.search).toMatchObject({ query: "level:fatal", sort: "freq" });
    expect(requests.find((each) => each.method === "POST")?.body).toEqual({
      email: "anna@example.org",
      password: "secret",
    });
  });

  it("says why it did not work, in the hub's words", async () => {
    open("/login", {
      "GET auth/": NOBODY,
      "POST auth/login/": { status: 401, body: { detail: "Not the right password." } },
    });
    await fill("wrong");
    expect((await screen.findByRole("alert")).textContent).toBe("Not the right password.");
  });

  it("says that the hub cannot be reached", async () => {
    open("/login", {
      "GET auth/": NOBODY,
      "POST auth/login/": () => {
        throw new TypeError("failed to fetch");
      },
    });
    await fill("secret");
    expect((await screen.findByRole("alert")).textContent).toBe("The hub cannot be reached.");
  });
});

it.each([
  [undefined, "/"],
  ["/organizations/acme/issues?query=a", "/organizations/acme/issues?query=a"],
  ["//evil.example/x", "/"],
  ["https://evil.example/", "/"],
  ["/\\evil.example", "/"],
  ["/login?next=/login", "/"],
])("never follows an address to another place: %s", (next, expected) => {
  expect(insidePath(next)).toBe(expected);
});
