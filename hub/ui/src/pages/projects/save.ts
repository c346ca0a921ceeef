/** Saves a project's settings, and says so. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { settingsAsRulesKey } from "../../api/privacy.ts";
import { projectKey, projectsKey, updateProject } from "../../api/projects.ts";
import type { ProjectChange, ProjectDetail } from "../../api/types.ts";
import { useToast } from "../../ui/Toasts.tsx";

export function useSaveProject(org: string, slug: string, onSaved?: (project: ProjectDetail) => void) {
  const client = useQueryClient();
  const toast = useToast();
  return useMutation({
    mutationFn: (change: ProjectChange) => updateProject(org, slug, change),
    onSuccess: (project) => {
      client.setQueryData(projectKey(org, project.slug), project);
      void client.invalidateQueries({ queryKey: projectsKey(org) });
      void client.invalidateQueries({ queryKey: settingsAsRulesKey(org) });
      toast({ text: "Saved" });
      onSaved?.(project);
    },
  });
}
