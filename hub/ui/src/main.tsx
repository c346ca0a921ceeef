/** Providers and the router; nothing else. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./styles/reset.css";
import "./styles/tokens.css";
import { ApiError, onUnauthenticated } from "./api/client.ts";
import { sessionQuery } from "./api/session.ts";
import { makeRouter } from "./routes.tsx";
import { Toasts } from "./ui/Toasts.tsx";

const RETRIES_MAX = 2;

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // An answer is an answer; only a missing one is asked for again.
      retry: (failures, error) =>
        failures < RETRIES_MAX && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      refetchOnWindowFocus: true,
    },
  },
});

const router = makeRouter(queryClient);

onUnauthenticated(() => {
  queryClient.setQueryData(sessionQuery.queryKey, null);
  const here = router.state.location;
  if (!here.pathname.endsWith("/login")) {
    void router.navigate({ to: "/login", search: { next: here.href }, replace: true });
  }
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <Toasts>
          <RouterProvider router={router} />
        </Toasts>
      </QueryClientProvider>
    </StrictMode>,
  );
}
