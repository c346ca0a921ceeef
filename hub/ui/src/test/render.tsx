/** Renders a page at an address, against answers given by path. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { vi } from "vitest";
import { makeRouter } from "../routes.tsx";
import { Toasts } from "../ui/Toasts.tsx";

export interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export type Answers = Record<
  string,
  Reply | ((url: URL, init: RequestInit | undefined) => Reply | Promise<Reply>)
>;

export const SESSION = {
  id: "1",
  name: "Anna Sol",
  email: "anna@example.org",
  csrfToken: "csrf",
  version: "0.1.0",
};

const BASE: Answers = {
  "GET auth/": { body: SESSION },
  "GET organizations/": { body: [{ id: "1", slug: "acme", name: "Acme" }] },
  "GET organizations/acme/projects/": {
    body: [
      {
        id: "1",
        slug: "shop",
        name: "Shop",
        platform: "python",
        dateCreated: "",
        firstEvent: "2026-01-01T00:00:00Z",
      },
    ],
  },
  "GET organizations/acme/environments/": { body: [{ id: "1", name: "production" }] },
};

/** Every request that was made, as "METHOD path?query". */
export interface World {
  requests: { method: string; url: URL; body: unknown; headers: Headers }[];
  router: ReturnType<typeof makeRouter>;
}

export function open(path: string, answers: Answers = {}): World {
  const all = { ...BASE, ...answers };
  const requests: World["requests"] = [];
  vi.stubGlobal("fetch", async (input: URL | string, init?: RequestInit) => {
    const url = new URL(String(input));
    const method = init?.method ?? "GET";
    const body = typeof init?.body === "string" ? (JSON.parse(init.body) as unknown) : undefined;
    requests.push({ method, url, body, headers: new Headers(init?.headers) });
    const answer = all[`${method} ${url.pathname.replace(/^\/api\/0\//, "")}`];
    const reply = typeof answer === "function" ? await answer(url, init) : answer;
    if (!reply) return Response.json({ detail: "The requested resource does not exist" }, { status: 404 });
    const status = reply.status ?? 200;
    return new Response(reply.body === undefined ? null : JSON.stringify(reply.body), {
      status,
      headers: { "Content-Type": "application/json", ...reply.headers },
    });
  });
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = makeRouter(queryClient, createMemoryHistory({ initialEntries: [path] }));
  render(
    <QueryClientProvider client={queryClient}>
      <Toasts>
        <RouterProvider router={router} />
      </Toasts>
    </QueryClientProvider>,
  );
  return { requests, router };
}
