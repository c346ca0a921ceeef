import { expect, it } from "vitest";
import { pick } from "./pick.ts";

it("finds by parts, and puts what begins with them first", () => {
  const names = ["Issues of web-shop", "Settings", "Shop settings", "Webhooks"];
  const check = (text: string) => pick(names, (name) => name, text);
  expect(check("")).toEqual(names);
  expect(check("shop")).toEqual(["Shop settings", "Issues of web-shop"]);
  expect(check("set")).toEqual(["Settings", "Shop settings"]);
  expect(check("shop set")).toEqual(["Shop settings"]);
  expect(check("hooks")).toEqual(["Webhooks"]);
  expect(check("nothing")).toEqual([]);
});
