/** Fails when the first load, or a page beyond it, grows over its budget. Run after the build. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_MAX = 180 * 1024;
const PAGE_MAX = 30 * 1024;

const dist = new URL("../dist/", import.meta.url);
const read = (file) => readFileSync(fileURLToPath(new URL(file, dist)));
const manifest = JSON.parse(read(".vite/manifest.json").toString());
const size = (file) => gzipSync(read(file), { level: 9 }).length;

/** A chunk with everything it imports at once. */
function files(key, seen = new Set()) {
  if (seen.has(key)) return [];
  seen.add(key);
  const chunk = manifest[key];
  return [chunk.file, ...(chunk.css ?? []), ...(chunk.imports ?? []).flatMap((next) => files(next, seen))];
}

const sum = (list) => [...new Set(list)].reduce((total, file) => total + size(file), 0);
const say = (line) => process.stdout.write(`${line}\n`);
const kib = (n) => `${(n / 1024).toFixed(1)} KiB`.padStart(10);

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const first = [...new Set(files(entry))];
// The list of issues is where everyone arrives, so it counts as part of the first load.
const landing = Object.keys(manifest).find((key) => key.endsWith("/IssueListPage.tsx"));
const firstLoad = sum([...first, ...files(landing), "index.html", "theme.js", "favicon.svg"]);

say(`${kib(firstLoad)}  first load, of ${kib(FIRST_LOAD_MAX).trim()}`);
let isOver = false;
for (const key of Object.keys(manifest).filter((each) => manifest[each].isDynamicEntry)) {
  // A part of a page comes when the page is there.
  const by = Object.keys(manifest).filter((each) => manifest[each].dynamicImports?.includes(key));
  const pages = by.filter((each) => manifest[each].isDynamicEntry);
  const loaded = new Set([
    ...first,
    ...(pages.length === by.length ? pages.flatMap((each) => files(each)) : []),
  ]);
  const own = sum(files(key).filter((file) => !loaded.has(file)));
  isOver ||= own > PAGE_MAX;
  say(`${kib(own)}  ${key.replace("src/pages/", "")}${own > PAGE_MAX ? "  over its budget" : ""}`);
}
if (isOver) {
  say(`a page is over its budget of ${kib(PAGE_MAX).trim()}`);
  process.exit(1);
}
if (firstLoad > FIRST_LOAD_MAX) {
  say(`the first load is over its budget by ${kib(firstLoad - FIRST_LOAD_MAX).trim()}`);
  process.exit(1);
}
