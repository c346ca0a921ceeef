/** The running hub and relay, a browser before them, and what every step must not do. */

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";

/** What `make demo` writes when everything serves. */
export interface Connection {
  hub_url: string;
  relay_url: string;
  dsn: string;
  organization: string;
  project: string;
  project_id: string | number;
  admin_email: string;
  admin_password: string;
  api_token: string;
}

export function connection(): Connection {
  const path = process.env.VEDETTE_CONNECTION;
  if (!path || !existsSync(path)) {
    throw new Error("VEDETTE_CONNECTION must name the connection.json of a running hub and relay");
  }
  return JSON.parse(readFileSync(path, "utf8")) as Connection;
}

export const THEMES = ["light", "dark"] as const;
export const SIZES = [
  { name: "1440", width: 1440, height: 900 },
  { name: "390", width: 390, height: 844 },
] as const;

/** Each theme at each size. */
export const EVERY_LOOK = THEMES.flatMap((theme) =>
  SIZES.map((size) => ({ theme, size, look: `${theme} at ${size.name}` })),
);

const SCREENSHOTS = resolve(process.env.VEDETTE_SCREENSHOTS ?? "../../target/ui-screenshots");

function launch(): Promise<Browser> {
  const flags = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  if (process.getuid?.() === 0) flags.push("--no-sandbox");
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: flags,
  });
}

/** Whoever is not signed in gets 401 from here, and the browser writes that into its console. */
const EXPECTED = /\/api\/0\/auth\/(login\/)?$/;

export interface Visit {
  context: BrowserContext;
  page: Page;
  /** Console errors and warnings, page errors, requests to other origins, what bars people. Must stay empty. */
  complaints: string[];
  shoot: (name: string) => Promise<void>;
}

export interface Look {
  theme: (typeof THEMES)[number];
  size: (typeof SIZES)[number];
}

/** What one looks at where it is not about looks. */
export const PLAIN: Look = { theme: "light", size: SIZES[0] };

/** A browser for the tests of a file. */
export function browserFor(at: Connection) {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser?.close());
  return {
    visit: (look: Look) => visit(browser, at.hub_url, look),
    /** Takes the steps, and fails on whatever the browser complained about that is not allowed. */
    async calmly(look: Look, steps: (it: Visit) => Promise<void>, allowed?: RegExp) {
      const here = await visit(browser, at.hub_url, look);
      try {
        await steps(here);
        expect(here.complaints.filter((complaint) => !allowed?.test(complaint))).toEqual([]);
      } finally {
        await here.context.close();
      }
    },
  };
}

async function visit(browser: Browser, hub: string, { theme, size }: Look): Promise<Visit> {
  const isPhone = size.width < 500;
  const context = await browser.newContext({
    baseURL: hub,
    viewport: { width: size.width, height: size.height },
    colorScheme: theme,
    isMobile: isPhone,
    hasTouch: isPhone,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  const origin = new URL(hub).origin;
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type()) || EXPECTED.test(message.location().url)) return;
    complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== origin)
      complaints.push(`foreign request: ${request.url()}`);
  });
  mkdirSync(SCREENSHOTS, { recursive: true });
  const shoot = async (name: string) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > size.width) complaints.push(`${name} is ${wide} pixels wide and scrolls sideways`);
    for (const bar of await bars(page)) complaints.push(`${name}: ${bar}`);
    await page.screenshot({ path: resolve(SCREENSHOTS, `${name}-${size.name}-${theme}.png`) });
  };
  return { context, page, complaints, shoot };
}

/** What keeps people from using the page, by the rules of axe: only what is serious or worse. */
async function bars(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof axe }).axe.run(document, {
      resultTypes: ["violations"],
    });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id} at ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  });
}

export async function signIn(page: Page, at: Connection, path = "/"): Promise<void> {
  await page.goto(path);
  await page.getByRole("heading", { name: "Sign in to Vedette" }).waitFor();
  await page.getByLabel("E-mail").fill(at.admin_email);
  await page.getByLabel("Password").fill(at.admin_password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}
