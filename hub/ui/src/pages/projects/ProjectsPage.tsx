/** All projects, with what the last day brought. */

import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { projectsQuery } from "../../api/projects.ts";
import type { Project } from "../../api/types.ts";
import { Sparkline } from "../../charts/Sparkline.tsx";
import { exact } from "../../lib/format.ts";
import { NoProject } from "../../parts/NoProject.tsx";
import { buttonClass } from "../../ui/Button.tsx";
import { Icon } from "../../ui/icons.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Projects.module.css";
import { PLATFORMS } from "./snippets.ts";

export function ProjectsPage() {
  useTitle("Projects");
  const { org } = useParams({ from: "/signed-in/organizations/$org/projects" });
  const projects = useQuery(projectsQuery(org));
  return (
    <>
      <PageHead title="Projects">
        <Link to="/organizations/$org/projects/new" params={{ org }} className={buttonClass("primary")}>
          <Icon name="plus" />
          New project
        </Link>
      </PageHead>
      {projects.isError ? (
        <ErrorState error={projects.error} retry={() => void projects.refetch()} />
      ) : !projects.data ? (
        <Skeleton rows={4} label="Loading projects" />
      ) : projects.data.length === 0 ? (
        <NoProject org={org} />
      ) : (
        <ul className={styles.cards}>
          {projects.data.map((project) => (
            <ProjectCard key={project.id} org={org} project={project} />
          ))}
        </ul>
      )}
    </>
  );
}

function ProjectCard({ org, project }: { org: string; project: Project }) {
  const points = project.stats ?? [];
  const total = points.reduce((sum, [, n]) => sum + n, 0);
  const platform = PLATFORMS.find((each) => each.value === project.platform)?.label ?? project.platform;
  return (
    <li className={styles.card}>
      <div className={styles.cardHead}>
        <div className={styles.cardName}>
          <Link to="/organizations/$org/issues" params={{ org }} search={{ project: [project.id] }}>
            {project.slug}
          </Link>
          <span>{platform}</span>
        </div>
        <Link
          to="/organizations/$org/projects/$slug/settings"
          params={{ org, slug: project.slug }}
          className={buttonClass("quiet", true)}
          aria-label={`Settings of ${project.slug}`}
        >
          <Icon name="settings" size={14} />
          Settings
        </Link>
      </div>
      {project.firstEvent ? (
        <div className={styles.cardChart}>
          <Sparkline points={points} width={220} height={34} />
          <span>
            <strong>{exact(total)}</strong> events in 24 hours
          </span>
        </div>
      ) : (
        <Link
          to="/organizations/$org/projects/$slug/start"
          params={{ org, slug: project.slug }}
          className={styles.waiting}
        >
          Waiting for the first event: set it up
          <Icon name="right" size={14} />
        </Link>
      )}
    </li>
  );
}
