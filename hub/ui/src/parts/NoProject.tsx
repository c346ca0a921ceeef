/** What one begins with: a project, and its first event. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { projectsQuery } from "../api/projects.ts";
import { buttonClass } from "../ui/Button.tsx";
import { EmptyState } from "../ui/State.tsx";

export function NoProject({ org }: { org: string }) {
  return (
    <EmptyState
      icon="projects"
      title="Start with a project"
      action={
        <Link to="/organizations/$org/projects/new" params={{ org }} className={buttonClass("primary")}>
          New project
        </Link>
      }
    >
      A project is one application. It has a key, and every error that is sent with that key shows up here.
    </EmptyState>
  );
}

/** What says that there is nothing yet; where there is no project either, the way on. */
export function NothingYet({ org, children }: { org: string; children: ReactNode }) {
  const { data: projects } = useQuery(projectsQuery(org));
  return projects?.length === 0 ? <NoProject org={org} /> : children;
}

/** The same of errors: where no project has had any, how the first gets here. */
export function NoErrorYet({ org, children }: { org: string; children: ReactNode }) {
  const { data: projects = [] } = useQuery(projectsQuery(org));
  const [first] = projects;
  if (!first || projects.some((each) => each.firstEvent)) return children;
  return (
    <EmptyState
      icon="projects"
      title="Waiting for the first error"
      action={
        <Link
          to="/organizations/$org/projects/$slug/start"
          params={{ org, slug: first.slug }}
          className={buttonClass("primary")}
        >
          Set up {first.slug}
        </Link>
      }
    >
      Point an SDK at the project's DSN: the first error shows up here by itself.
    </EmptyState>
  );
}
