/** What the signed-in user may do in an organization. The hub decides; this only hides what it would refuse. */

import { useQuery } from "@tanstack/react-query";
import { organizationsQuery } from "../../api/session.ts";

export const ROLES = ["member", "admin", "manager", "owner"] as const;

export function useMay(org: string) {
  const { data: organizations = [] } = useQuery(organizationsQuery);
  const here = organizations.find((each) => each.slug === org);
  const rank = ROLES.indexOf((here?.orgRole ?? "member") as (typeof ROLES)[number]);
  return {
    may: (scope: string) => here?.access?.includes(scope) ?? false,
    /** The roles that are not above one's own. */
    roles: ROLES.slice(0, rank + 1),
  };
}
