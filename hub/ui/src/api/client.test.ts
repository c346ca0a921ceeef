import { describe, expect, it } from "vitest";
import { apiUrl, toError } from "./client.ts";
import { parseLinks } from "./page.ts";

describe("errors", () => {
  it.each([
    [400, { detail: "no", span: [2, 5] }, "no"],
    [400, { detail: { code: "sudo", message: "sign in again" } }, "sign in again"],
    [400, { slug: ["is taken"] }, "slug: is taken"],
    [400, { nonFieldErrors: ["both are missing"] }, "both are missing"],
    [500, "<html>", "The hub answered with an error (500)."],
    [404, null, "There is nothing here."],
  ])("of status %i with %j say %s", (status, body, message) => {
    expect(toError(status, body).message).toBe(message);
  });

  it("carry the part of the request that is wrong", () => {
    expect(toError(400, { detail: "no", span: [2, 5] }).span).toEqual([2, 5]);
    const taken = toError(400, { detail: "slug: taken", field: "slug" });
    expect([taken.message, taken.fields]).toEqual(["slug: taken", { slug: "taken" }]);
  });
});

it("reads both relations and believes only results=true", () => {
  const header =
    '</a?x=1,2&cursor=1:0:1>; rel="previous"; results="false"; cursor="1:0:1", ' +
    '</a?cursor=9:0:0>; rel="next"; results="true"; cursor="9:0:0"';
  expect(parseLinks(header)).toEqual({ previous: null, next: "9:0:0" });
  expect(parseLinks(null)).toEqual({ previous: null, next: null });
  expect(parseLinks("nonsense")).toEqual({ previous: null, next: null });
});

it("repeats lists, leaves out what is empty, and keeps an empty query", () => {
  const url = apiUrl(
    "organizations/acme/issues/",
    { id: ["1", "2"], cursor: "", query: "", end: undefined },
    ["query"],
  );
  expect(url.search).toBe("?id=1&id=2&query=");
});
