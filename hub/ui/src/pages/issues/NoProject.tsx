/** What one begins with. */

import { Link } from "@tanstack/react-router";
import { buttonClass } from "../../ui/Button.tsx";
import { EmptyState } from "../../ui/State.tsx";

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
