/** Who is signed in. */

import { queryOptions } from "@tanstack/react-query";
import { ApiError, get, request, setCsrfToken } from "./client.ts";
import type { Organization, Session, User } from "./types.ts";

/** The user's fields stand at the top, as Sentry's clients expect, or under `user`. */
type AuthBody = Partial<User> & { user?: User | null; csrfToken?: string; version?: string };

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      return adopt(await get<AuthBody>("auth/", { signal, quiet401: true }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 5 * 60_000,
});

export async function login(email: string, password: string): Promise<Session> {
  const { data } = await request<AuthBody>("POST", "auth/login/", {
    body: { email, password },
    quiet401: true,
  });
  return adopt(data);
}

export async function logout(): Promise<void> {
  await request("DELETE", "auth/", { quiet401: true });
}

function adopt(body: AuthBody): Session {
  const user = body.user ?? (body as User);
  const session: Session = {
    user: { id: user.id, email: user.email, name: user.name || user.email },
    csrfToken: body.csrfToken ?? "",
    version: body.version ?? "",
  };
  setCsrfToken(session.csrfToken);
  return session;
}

export const organizationsQuery = queryOptions({
  queryKey: ["organizations"],
  queryFn: ({ signal }) => get<Organization[]>("organizations/", { signal }),
  staleTime: 5 * 60_000,
});
