/** Who is told of what: rules per project, and what became of every notification. */

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { projectsQuery } from "../../api/projects.ts";
import { NoProject } from "../../parts/NoProject.tsx";
import { Menu, MenuItem } from "../../ui/Menu.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Alerts.module.css";
import { Notifications } from "./Notifications.tsx";
import { Rules } from "./Rules.tsx";

const FROM = "/signed-in/organizations/$org/alerts";

export function AlertsPage() {
  useTitle("Alerts");
  const { org } = useParams({ from: FROM });
  const { project: wanted = [] } = useSearch({ from: FROM });
  const navigate = useNavigate();
  const projects = useQuery(projectsQuery(org));
  if (projects.isError) return <ErrorState error={projects.error} retry={() => void projects.refetch()} />;
  if (!projects.data) return <Skeleton rows={5} label="Loading projects" />;
  const project =
    projects.data.find((each) => wanted.includes(each.slug) || wanted.includes(each.id)) ?? projects.data[0];
  if (!project) {
    return <NoProject org={org} />;
  }
  return (
    <div className={styles.page}>
      <PageHead
        title="Alerts"
        lead="One useful message per problem, and a record of every one that was sent."
      >
        <Menu name={`Project: ${project.slug}`} label={project.slug} align="end">
          {(close) =>
            projects.data.map((each) => (
              <MenuItem
                key={each.id}
                checked={each.id === project.id}
                onSelect={() => {
                  close();
                  void navigate({ to: ".", search: { project: [each.id] } });
                }}
              >
                {each.slug}
              </MenuItem>
            ))
          }
        </Menu>
      </PageHead>
      <Rules key={project.slug} org={org} slug={project.slug} />
      <Notifications org={org} slug={project.slug} />
    </div>
  );
}
