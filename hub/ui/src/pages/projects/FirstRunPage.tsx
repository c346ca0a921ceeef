/** From a key to the first event: what to paste, and the wait until it arrives. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { relaysQuery } from "../../api/fleet.ts";
import { issuesQuery } from "../../api/issues.ts";
import { keysQuery, projectQuery } from "../../api/projects.ts";
import { buttonClass } from "../../ui/Button.tsx";
import { Code, CodeLine } from "../../ui/Code.tsx";
import { PageHead, Panel } from "../../ui/Panel.tsx";
import { ErrorState, Notice, Skeleton } from "../../ui/State.tsx";
import { Tabs } from "../../ui/Tabs.tsx";
import { useTitle } from "../../ui/title.ts";
import styles from "./Projects.module.css";
import { snippetFor, snippets } from "./snippets.ts";

const LOOK_EVERY_MS = 2000;
/** Long enough to read that it worked. */
const MOVE_ON_MS = 1500;

export function FirstRunPage() {
  const { org, slug } = useParams({ from: "/signed-in/organizations/$org/projects/$slug/start" });
  const project = useQuery(projectQuery(org, slug));
  useTitle(`Set up ${slug}`);
  const keys = useQuery(keysQuery(org, slug));
  const [chosen, setChosen] = useState<string | null>(null);

  if (project.isError) return <ErrorState error={project.error} retry={() => void project.refetch()} />;
  if (keys.isError) return <ErrorState error={keys.error} retry={() => void keys.refetch()} />;
  if (!project.data || !keys.data) return <Skeleton rows={6} label="Loading the project" />;

  const dsn = keys.data.find((key) => key.isActive)?.dsn.public;
  const tab = chosen ?? snippetFor(project.data.platform);
  const all = snippets(dsn ?? "");
  const snippet = all.find((each) => each.id === tab) ?? all[0];
  return (
    <div className={styles.start}>
      <PageHead
        title={`Set up ${project.data.name}`}
        lead="Any Sentry SDK works. Paste this into the application and run it once: the error appears here."
      >
        <Link
          to="/organizations/$org/projects/$slug/settings"
          params={{ org, slug }}
          search={{ tab: "keys" }}
          className={buttonClass()}
        >
          Keys
        </Link>
      </PageHead>
      <NoRelay org={org} />
      <Arrival org={org} projectId={project.data.id} />
      <Panel title="DSN">
        {dsn ? (
          <div className={styles.dsn}>
            <CodeLine text={dsn} label="Copy the DSN" />
          </div>
        ) : (
          <Notice tone="warning">
            Every key of this project is switched off. Switch one on in its settings.
          </Notice>
        )}
      </Panel>
      {dsn && snippet ? (
        <Panel>
          <Tabs
            label="Language"
            value={snippet.id}
            onChange={setChosen}
            tabs={all.map((each) => ({ value: each.id, label: each.label }))}
          >
            <div className={styles.snippet}>
              <Code text={snippet.install} label="Copy the install command" title="Install" />
              <Code
                text={snippet.code}
                label="Copy the code"
                title={snippet.file}
                language={snippet.language}
              />
            </div>
          </Tabs>
        </Panel>
      ) : null}
    </div>
  );
}

/** Without a relay nobody takes what is sent to a DSN; whoever may not see the fleet is told nothing. */
function NoRelay({ org }: { org: string }) {
  const { data: relays } = useQuery({ ...relaysQuery, retry: false });
  if (relays?.length !== 0) return null;
  return (
    <Notice tone="warning">
      No relay has joined this hub, so that nobody takes what is sent to the DSN.{" "}
      <Link to="/organizations/$org/fleet" params={{ org }}>
        Join a relay
      </Link>{" "}
      first.
    </Notice>
  );
}

function Arrival({ org, projectId }: { org: string; projectId: string }) {
  const navigate = useNavigate();
  const { data } = useInfiniteQuery({
    ...issuesQuery(org, { query: "", sort: "date", project: [projectId], environment: [] }),
    refetchInterval: LOOK_EVERY_MS,
  });
  const items = data?.pages[0]?.items;
  const issue = items?.[0];
  // Whoever opens this page for a project that has events came to read, not to be sent away.
  const hadSome = useRef<boolean | null>(null);
  if (items && hadSome.current === null) hadSome.current = items.length > 0;

  useEffect(() => {
    if (!issue || hadSome.current !== false) return;
    const timer = setTimeout(
      () => void navigate({ to: "/organizations/$org/issues/$issueId", params: { org, issueId: issue.id } }),
      MOVE_ON_MS,
    );
    return () => clearTimeout(timer);
  }, [issue, navigate, org]);

  return (
    <div className={styles.wait} role="status">
      <span className={issue ? `${styles.pulse} ${styles.arrived}` : styles.pulse} aria-hidden="true" />
      <span>{issue ? <>The first event is here: {issue.title}</> : "Waiting for the first event…"}</span>
      {issue ? (
        <Link
          to="/organizations/$org/issues/$issueId"
          params={{ org, issueId: issue.id }}
          className={buttonClass("primary", true)}
        >
          Open the issue
        </Link>
      ) : null}
    </div>
  );
}
