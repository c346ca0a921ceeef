/** Settings of one project. */

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { projectQuery } from "../../api/projects.ts";
import type { ProjectTab } from "../../routes.tsx";
import { buttonClass } from "../../ui/Button.tsx";
import { PageHead } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { Tabs } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import { FilterSettings } from "./FilterSettings.tsx";
import { GeneralSettings } from "./GeneralSettings.tsx";
import { GroupingSettings } from "./GroupingSettings.tsx";
import { KeySettings } from "./KeySettings.tsx";
import { OwnershipSettings } from "./OwnershipSettings.tsx";
import { PrivacySettings } from "./PrivacySettings.tsx";
import styles from "./Settings.module.css";

const FROM = "/signed-in/organizations/$org/projects/$slug/settings";

export function ProjectSettingsPage() {
  const { org, slug } = useParams({ from: FROM });
  const { tab = "general" } = useSearch({ from: FROM });
  const navigate = useNavigate();
  const project = useQuery(projectQuery(org, slug));
  useTitle(`Settings of ${slug}`);
  if (project.isError && !project.data) {
    return (
      <ErrorState
        error={project.error}
        title="This project could not be loaded"
        retry={() => void project.refetch()}
      />
    );
  }
  if (!project.data) return <Skeleton rows={6} label="Loading the project" />;
  return (
    <div className={styles.page}>
      <PageHead title={project.data.slug} lead="Settings of the project">
        <Link
          to="/organizations/$org/alerts"
          params={{ org }}
          search={{ project: [slug] }}
          className={buttonClass()}
        >
          Alerts
        </Link>
        <Link to="/organizations/$org/projects/$slug/start" params={{ org, slug }} className={buttonClass()}>
          Set up an SDK
        </Link>
      </PageHead>
      <Tabs<ProjectTab>
        label="Settings"
        value={tab}
        onChange={(next) =>
          void navigate({ to: ".", search: { tab: next === "general" ? undefined : next } })
        }
        tabs={[
          { value: "general", label: "General" },
          { value: "keys", label: "Keys" },
          { value: "grouping", label: "Grouping" },
          { value: "ownership", label: "Ownership" },
          { value: "privacy", label: "Privacy" },
          { value: "filters", label: "Filters and limits" },
        ]}
      >
        <div className={styles.panel}>
          {tab === "general" ? (
            <GeneralSettings key={project.data.slug} org={org} project={project.data} />
          ) : tab === "keys" ? (
            <KeySettings org={org} slug={slug} />
          ) : tab === "grouping" ? (
            <GroupingSettings key={project.data.slug} org={org} slug={slug} />
          ) : tab === "ownership" ? (
            <OwnershipSettings key={project.data.slug} org={org} slug={slug} />
          ) : tab === "filters" ? (
            <FilterSettings key={project.data.slug} org={org} project={project.data} />
          ) : (
            <PrivacySettings key={project.data.slug} org={org} project={project.data} />
          )}
        </div>
      </Tabs>
    </div>
  );
}
