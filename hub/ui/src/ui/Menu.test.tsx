import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { findTyped, Menu, MenuItem } from "./Menu.tsx";

it("finds a choice of many by the letters of its name", async () => {
  const pick = vi.fn();
  render(
    <Menu name="Project" label="All projects">
      {() =>
        ["all", "cart", "catalog", "shop"].map((name) => (
          <MenuItem key={name} onSelect={() => pick(name)}>
            {name}
          </MenuItem>
        ))
      }
    </Menu>,
  );
  await userEvent.click(screen.getByRole("button", { name: "Project" }));
  const focused = () => document.activeElement?.textContent;
  expect(focused()).toBe("all");
  await userEvent.keyboard("cat");
  expect(focused()).toBe("catalog");
  await userEvent.keyboard("{Home}{End}");
  expect(focused()).toBe("shop");
  await userEvent.keyboard("{Enter}");
  expect(pick).toHaveBeenCalledWith("shop");
});

it("takes a letter that is typed again as the wish for the next", () => {
  const names = ["all", "cart", "catalog", "web cart"];
  expect(findTyped(names, "c", 0)).toBe(1);
  expect(findTyped(names, "cc", 1)).toBe(2);
  expect(findTyped(names, "ccc", 2)).toBe(1);
  expect(findTyped(names, "web c", 0)).toBe(3);
  expect(findTyped(names, "talog", 0)).toBe(2);
  expect(findTyped(names, "zzz", 2)).toBe(2);
});
