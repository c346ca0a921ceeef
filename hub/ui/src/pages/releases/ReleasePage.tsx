/** One release: what it brought, what it is made of, where it was deployed, and what can be done with it. */

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { previousQuery, releaseQuery } from "../../api/releases.ts";
import type { ReleaseOfList } from "../../api/types.ts";
import { exact } from "../../lib/format.ts";
import { Badge } from "../../ui/Badge.tsx";
import { buttonClass } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { Facts, PageHead, Panel } from "../../ui/Panel.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State.tsx";
import { Moment, TimeAgo } from "../../ui/Time.tsx";
import { useTitle } from "../../ui/title.ts";
import { CommitsPanel, FilesPanel } from "./CommitsPanel.tsx";
import { DeploysPanel } from "./DeploysPanel.tsx";
import { NewIssuesPanel } from "./NewIssuesPanel.tsx";
import { ReleaseActions } from "./ReleaseActions.tsx";
import styles from "./Releases.module.css";
import { allIssuesTerm, cameOn, issuesSearch, shortName } from "./release-text.ts";

const route = getRouteApi("/signed-in/organizations/$org/releases/$version");

export function ReleasePage() {
  const { org, version } = route.useParams();
  const { data: release, error, refetch } = useQuery(releaseQuery(org, version));
  useTitle(release ? shortName(release) : "Release");
  const back = (
    <Link to="/organizations/$org/releases" params={{ org }} className={styles.back}>
      Releases
    </Link>
  );
  if (!release) {
    return (
      <div className={styles.page}>
        {back}
        {error && "status" in error && error.status === 404 ? (
          <NotKept org={org} version={version} />
        ) : error ? (
          <ErrorState error={error} retry={() => void refetch()} title="This release could not be loaded" />
        ) : (
          <Skeleton rows={10} label="Loading the release" />
        )}
      </div>
    );
  }
  const of = { org, version };
  return (
    // What is open of one release is not open of the next.
    <div key={version} className={styles.page}>
      {back}
      <PageHead
        title={
          <span className={styles.heading}>
            {version}
            {release.status === "archived" ? <Badge>archived</Badge> : null}
          </span>
        }
        lead={<Lead release={release} />}
      >
        <ReleaseActions org={org} release={release} />
      </PageHead>
      <div className={styles.columns}>
        <div className={styles.stack}>
          <NewIssuesPanel {...of} n={release.newGroups} />
          <CommitsPanel {...of} n={release.commitCount} />
          {release.commitCount > 0 ? <FilesPanel {...of} /> : null}
        </div>
        <div className={styles.stack}>
          <FactsPanel org={org} release={release} />
          <DeploysPanel {...of} n={release.deployCount} />
        </div>
      </div>
    </div>
  );
}

/** Events may name what the hub does not keep. */
function NotKept({ org, version }: { org: string; version: string }) {
  return (
    <EmptyState
      icon="releases"
      title="The hub keeps no release of this name"
      action={
        <Link
          to="/organizations/$org/issues"
          params={{ org }}
          search={issuesSearch(allIssuesTerm(version))}
          className={buttonClass("plain")}
        >
          Issues with events of it
        </Link>
      }
    >
      <p>
        <code className={styles.version}>{version}</code>
      </p>
      <p>
        It was removed, or came when events named more new releases within an hour than are noted. Events that
        name it are kept all the same.
      </p>
    </EmptyState>
  );
}

function Lead({ release }: { release: ReleaseOfList }) {
  const { how, at } = cameOn(release);
  return (
    <span className={styles.facts}>
      <span>
        {how.charAt(0).toUpperCase() + how.slice(1)} <TimeAgo at={at} />
      </span>
      {release.projects.map(({ id, slug, newGroups }) => (
        <span key={id}>
          {slug}
          {release.projects.length > 1 && newGroups > 0 ? `: ${exact(newGroups)} new` : null}
        </span>
      ))}
    </span>
  );
}

function FactsPanel({ org, release }: { org: string; release: ReleaseOfList }) {
  const { data: previous } = useQuery(previousQuery(org, release.version));
  return (
    <Panel title="Facts" id="facts">
      <Facts
        items={[
          [
            "Version",
            <span key="version" className={styles.hash}>
              <code>{release.version}</code>
              <Copy text={release.version} label="Copy the version" />
            </span>,
          ],
          ["Released", release.dateReleased ? <Moment key="at" at={release.dateReleased} /> : "not yet"],
          ...(release.dateStarted
            ? ([["Begun", <Moment key="begun" at={release.dateStarted} />]] as const)
            : []),
          ["Made", <Moment key="made" at={release.dateCreated} />],
          ["First event", release.firstEvent ? <Moment key="first" at={release.firstEvent} /> : "none yet"],
          ["Last event", release.lastEvent ? <TimeAgo key="last" at={release.lastEvent} /> : "none yet"],
          ["Projects", release.projects.map(({ slug }) => slug).join(", ") || "–"],
          ...(release.ref ? ([["Reference", <code key="ref">{release.ref}</code>]] as const) : []),
          ...(release.url ? ([["Address", <Address key="url" url={release.url} />]] as const) : []),
          ...(previous
            ? ([
                [
                  "Commits before",
                  <Link
                    key="previous"
                    to="/organizations/$org/releases/$version"
                    params={{ org, version: previous.version }}
                    title={previous.version}
                  >
                    {shortName(previous)}
                  </Link>,
                ],
              ] as const)
            : []),
        ]}
      />
    </Panel>
  );
}

/** It came from outside: only what leads to a page becomes a link. */
function Address({ url }: { url: string }) {
  if (!/^https?:\/\//i.test(url)) return <span>{url}</span>;
  return (
    <a href={url} rel="noreferrer" target="_blank">
      {url}
    </a>
  );
}
