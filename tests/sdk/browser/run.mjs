// Raises an error in a real Chromium through the real browser SDK.
// Usage: SENTRY_DSN=… node browser/run.mjs MARK — prints the event id.
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import esbuild from 'esbuild';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const settings = JSON.stringify({ dsn: process.env.SENTRY_DSN, mark: process.argv[2] });
const bundle = await esbuild.build({
  entryPoints: [path.join(here, 'app.js')],
  bundle: true,
  write: false,
  format: 'iife',
});
const page = `<!doctype html><title>shop</title><script>window.SETTINGS=${settings}</script><script src="/app.js"></script>`;

const server = http.createServer((request, response) => {
  const isScript = request.url === '/app.js';
  response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
  response.end(isScript ? bundle.outputFiles[0].text : page);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  console.log(await tab.evaluate(() => window.pay()));
} finally {
  await browser.close();
  server.close();
}
