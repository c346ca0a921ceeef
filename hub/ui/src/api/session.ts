/** Who is signed in. */

import { queryOptions } from "@tanstack/react-query";
import { ApiError, get, request, setCsrfToken } from "./client.ts";
import type { Organization, OwnSession, Session, SessionBody } from "./types.ts";

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

/** Changes the name; or the password, which ends every other session. */
export async function changeAccount(body: {
  name?: string;
  password?: string;
  currentPassword?: string;
}): Promise<Session> {
  return adopt((await request<SessionBody>("PUT", "users/me/", { body })).data);
}

/** Where the signed-in user is signed in. */
export const ownSessionsQuery = queryOptions({
  queryKey: ["own-sessions"],
  queryFn: ({ signal }) => get<OwnSession[]>("users/me/sessions/", { signal }),
});

export async function endSession(id: string): Promise<void> {
  await request("DELETE", `users/me/sessions/${id}/`);
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
