/** Who is signed in. */

import { queryOptions } from "@tanstack/react-query";
import { ApiError, get, request, setCsrfToken } from "./client.ts";
import type { Organization, Session, SessionBody } from "./types.ts";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return adopt(await get<SessionBody>("auth/", { signal, quiet401: true }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 5 * 60_000,
});

export async function login(email: string, password: string): Promise<Session> {
  const { data } = await request<SessionBody>("POST", "auth/login/", {
    body: { email, password },
    quiet401: true,
  });
  return adopt(data);
}

/** Takes an invitation up: the account has this name and password from then on. */
export async function acceptInvitation(body: { token: string; name: string; password: string }) {
  return adopt((await request<SessionBody>("POST", "auth/invitation/", { body, quiet401: true })).data);
}

export async function logout(): Promise<void> {
  await request("DELETE", "auth/", { quiet401: true });
}

function adopt(body: SessionBody): Session {
  const session: Session = {
    user: { id: body.id, email: body.email, name: body.name || body.email },
    csrfToken: body.csrfToken,
    version: body.version,
  };
  setCsrfToken(session.csrfToken);
  return session;
}

export const organizationsQuery = queryOptions({
  queryKey: ["organizations"],
  queryFn: ({ signal }) => get<Organization[]>("organizations/", { signal }),
  staleTime: 5 * 60_000,
});
