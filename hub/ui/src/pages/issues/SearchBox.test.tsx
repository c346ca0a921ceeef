import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { issue, pageHeaders } from "../../test/issues.ts";
import { open } from "../../test/render.tsx";
import { complete, cut } from "./SearchBox.tsx";

const AT = "/organizations/acme/issues";
const answers = {
  "GET organizations/acme/issues/": { body: [issue()], headers: pageHeaders(null, 1) },
  "GET organizations/acme/vedette/suggestions/": (url: URL) => ({
    body: {
      isComplete: true,
      leftOut: 0,
      suggestions:
        url.searchParams.get("key") === "browser"
          ? [
              { text: "Chrome", isTag: false, count: 9000 },
              { text: "Fire fox", isTag: false, count: 3 },
            ]
          : [
              { text: "level", isTag: false, count: 1200 },
              { text: "browser", isTag: true, count: 9003 },
              { text: "a b", isTag: true, count: 1 },
            ],
    },
  }),
};
const field = () => screen.findByRole("combobox", { name: "Search issues" });
const options = () => screen.queryAllByRole("option").map((option) => option.textContent);

describe("the search field", () => {
  it("offers keys, then values with how often they occur, and writes them as the search reads them", async () => {
    open(`${AT}?query=`, answers);
    const input = (await field()) as HTMLInputElement;
    await userEvent.type(input, "bro");
    await waitFor(() => expect(options()).toContain("browsertag, 9,003 events"));
    await userEvent.keyboard("{ArrowDown}{Enter}");
    expect(input.value).toBe("browser:");
    await waitFor(() => expect(options()).toEqual(["Chrome9k", "Fire fox3"]));
    await userEvent.keyboard("{ArrowDown}{ArrowDown}{Tab}");
    expect(input.value).toBe('browser:"Fire fox" ');
  });

  it("never offers keys as values, not even while the values are on their way", async () => {
    let answer = () => {};
    const late = new Promise<void>((done) => {
      answer = done;
    });
    const duplicate = [
      { text: "level", isTag: true, count: 1200 },
      { text: "level", isTag: false, count: 1200 },
      { text: "shelf", isTag: true, count: 3 },
      { text: "shelf", isTag: false, count: 3 },
    ];
    open(`${AT}?query=`, {
      ...answers,
      "GET organizations/acme/vedette/suggestions/": async (url: URL) => {
        if (url.searchParams.get("key") !== "browser")
          return { body: { isComplete: true, leftOut: 0, suggestions: duplicate } };
        await late;
        return {
          body: {
            isComplete: true,
            leftOut: 0,
            suggestions: [{ text: "Chrome", isTag: false, count: 9000 }],
          },
        };
      },
    });
    const input = (await field()) as HTMLInputElement;
    await userEvent.type(input, "shelf");
    await waitFor(() => expect(options()).toEqual(["shelf3 events"]));
    await userEvent.clear(input);
    await userEvent.type(input, "browser:");
    expect(options()).toEqual([]);
    answer();
    await waitFor(() => expect(options()).toEqual(["Chrome9k"]));
  });

  it("remembers what was searched for", async () => {
    const { router } = open(`${AT}?query=`, answers);
    const input = (await field()) as HTMLInputElement;
    await userEvent.type(input, "boom{Enter}");
    await waitFor(() => expect(router.state.location.search).toMatchObject({ query: "boom" }));
    await userEvent.clear(input);
    await waitFor(() => expect(options()[0]).toBe("boomrecent"));
  });

  it("underlines what the hub cannot read, and says why", async () => {
    open(`${AT}?query=ü (boom`, {
      ...answers,
      "GET organizations/acme/issues/": {
        status: 400,
        body: { detail: "close the parenthesis", span: [3, 4] },
      },
    });
    const input = await field();
    await waitFor(() => expect(document.querySelector("u")?.textContent).toBe("("));
    const about = document.getElementById(input.getAttribute("aria-describedby") ?? "");
    expect(about?.textContent).toBe("close the parenthesis");
  });
});

describe("a completion", () => {
  it("takes the place of what was typed, and leaves the rest", () => {
    const key = { what: "key", part: "lev", from: 4, to: 7 } as const;
    expect(complete("abc lev:error", key, "level:")).toEqual(["abc level:error", 10]);
    const value = { what: "value", key: "level", part: "e", from: 6, to: 7 } as const;
    expect(complete("level:e) x", value, "error")).toEqual(["level:error) x", 11]);
    expect(complete("level:e", value, "error")).toEqual(["level:error ", 12]);
    const item = { ...value, from: 7, to: 8, inList: true } as const;
    expect(complete("level:[e", item, "error")).toEqual(["level:[error", 12]);
    expect(complete("abc", null, "x")).toEqual(["abc", 3]);
  });

  it("counts the hub's bytes", () => {
    expect(cut("ü (x", [3, 4])).toEqual(["ü ", "(", "x"]);
    expect(cut("abc", [9, 9])).toEqual(["abc", "", ""]);
  });
});
