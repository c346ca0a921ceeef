/** The pages that the navigation leads to. */

import type { ShortcutId } from "../../lib/shortcuts.ts";
import type { IconName } from "../../ui/icons.tsx";

interface Place {
  id: ShortcutId<"places">;
  to: string;
  name: string;
  icon: IconName;
}

export const PLACES = [
  { id: "issues", to: "/organizations/$org/issues", name: "Issues", icon: "issues" },
  { id: "feedback", to: "/organizations/$org/feedback", name: "Feedback", icon: "feedback" },
  { id: "items", to: "/organizations/$org/items", name: "Items", icon: "items" },
  { id: "releases", to: "/organizations/$org/releases", name: "Releases", icon: "releases" },
  { id: "projects", to: "/organizations/$org/projects", name: "Projects", icon: "projects" },
  { id: "fleet", to: "/organizations/$org/fleet", name: "Fleet", icon: "fleet" },
  { id: "outcomes", to: "/organizations/$org/outcomes", name: "Outcomes", icon: "filter" },
  { id: "privacy", to: "/organizations/$org/privacy", name: "Privacy", icon: "shield" },
  { id: "alerts", to: "/organizations/$org/alerts", name: "Alerts", icon: "alerts" },
  { id: "settings", to: "/organizations/$org/settings", name: "Settings", icon: "settings" },
] as const satisfies readonly Place[];
