/** API tokens of the signed-in user. */

import { queryOptions } from "@tanstack/react-query";
import { get, request } from "./client.ts";
import type { ApiToken } from "./types.ts";

export const tokensQuery = queryOptions({
  queryKey: ["api-tokens"],
  queryFn: ({ signal }) => get<ApiToken[]>("api-tokens/", { signal }),
});

export async function createToken(body: { name: string; scopes: string[] }) {
  return (await request<ApiToken>("POST", "api-tokens/", { body })).data;
}

export async function revokeToken(id: string) {
  await request("DELETE", "api-tokens/", { body: { tokenId: id }, query: { tokenId: id } });
}
