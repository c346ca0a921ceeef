import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";

interface Schema {
  properties?: Record<string, unknown>;
}

it("has the types of the hub's description; run `npm run schema` when it has changed", () => {
  const description = JSON.parse(readFileSync(resolve("../openapi.json"), "utf8")) as {
    paths: Record<string, unknown>;
    components: { schemas: Record<string, Schema> };
  };
  const types = readFileSync(resolve("src/api/schema.gen.ts"), "utf8");
  const missing = Object.keys(description.paths).filter((path) => !types.includes(`"${path}"`));
  for (const [name, schema] of Object.entries(description.components.schemas)) {
    const start = types.search(new RegExp(`^ {8}${name}: `, "m"));
    if (start < 0) missing.push(name);
    const rest = types.slice(start);
    const body = rest.slice(0, rest.slice(1).search(/^ {8}\S/m) + 1 || undefined);
    for (const property of Object.keys(schema.properties ?? {})) {
      if (
        !body.includes(`${property}:`) &&
        !body.includes(`${property}?:`) &&
        !body.includes(`"${property}"`)
      ) {
        missing.push(`${name}.${property}`);
      }
    }
  }
  expect(missing).toEqual([]);
});
