/** One relay: how it is, how it was, whether its accounts add up, and what can be done with it. */

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { relayQuery } from "../../api/fleet.ts";
import type { Relay } from "../../api/types.ts";
import { bitRate } from "../../lib/bit-rate.ts";
import { durabilityText, laneName, lossText, spoolShare, waitingLanes } from "../../lib/fleet.ts";
import { bytes, exact } from "../../lib/format.ts";
import { duration } from "../../lib/time.ts";
import { Facts, PageHead, Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import { Table } from "../../ui/Table.tsx";
import { Moment, TimeAgo } from "../../ui/Time.tsx";
import { useTitle } from "../../ui/title.ts";
import { CertificatePanel } from "./CertificatePanel.tsx";
import { DiagnosisPanel } from "./DiagnosisPanel.tsx";
import { EquationPanel } from "./EquationPanel.tsx";
import styles from "./Fleet.module.css";
import { HistoryPanel } from "./HistoryPanel.tsx";
import { RelayActions } from "./RelayActions.tsx";
import { DurabilityBadge, StandingBadge, shareText } from "./RelayRow.tsx";
import { TroubleNotices } from "./TroubleNotices.tsx";

const route = getRouteApi("/signed-in/organizations/$org/fleet/$relayId");

export function RelayPage() {
  const { org, relayId } = route.useParams();
  const { hours = "24" } = route.useSearch();
  const navigate = route.useNavigate();
  const relay = useQuery(relayQuery(relayId));
  useTitle(relay.data?.name ?? "Relay");
  const back = (
    <Link to="/organizations/$org/fleet" params={{ org }} className={styles.back}>
      Fleet
    </Link>
  );
  if (!relay.data) {
    return (
      <div className={styles.page}>
        {back}
        {relay.isError ? (
          <ErrorState
            error={relay.error}
            retry={() => void relay.refetch()}
            title="This relay could not be loaded"
          />
        ) : (
          <Skeleton rows={10} label="Loading the relay" />
        )}
      </div>
    );
  }
  return (
    <div className={styles.page}>
      {back}
      <PageHead
        title={
          <span className={styles.heading}>
            {relay.data.name} <StandingBadge relay={relay.data} />
            <DurabilityBadge relay={relay.data} />
          </span>
        }
        lead={<Lead relay={relay.data} />}
      >
        <RelayActions relay={relay.data} />
      </PageHead>
      <TroubleNotices relay={relay.data} />
      <HistoryPanel
        relayId={relayId}
        hours={hours}
        onHours={(chosen) => void navigate({ search: { hours: chosen }, replace: true })}
      />
      <EquationPanel relayId={relayId} />
      <div className={styles.columns}>
        <div className={styles.stack}>
          <BacklogPanel relay={relay.data} />
          <CertificatePanel relay={relay.data} />
        </div>
        <StatePanel relay={relay.data} />
      </div>
      <DiagnosisPanel relay={relay.data} />
    </div>
  );
}

function Lead({ relay }: { relay: Relay }) {
  const labels = Object.entries(relay.labels);
  return (
    <span className={styles.facts}>
      <span>
        {relay.isConnected ? "Heard " : "Last heard "}
        <TimeAgo at={relay.lastSeenAt} />
      </span>
      {relay.address ? <span>{relay.address}</span> : null}
      {relay.region ? <span>region {relay.region}</span> : null}
      {labels.map(([name, value]) => (
        <span key={name} className={styles.label}>
          {name}={value}
        </span>
      ))}
    </span>
  );
}

function BacklogPanel({ relay }: { relay: Relay }) {
  const lanes = waitingLanes(relay);
  return (
    <Panel title="Backlog" id="backlog" flush={lanes.length > 0}>
      {lanes.length === 0 ? (
        <p className={styles.quiet}>
          {relay.report
            ? "Nothing waits: everything it accepted is here."
            : "It has not said what waits in it."}
        </p>
      ) : (
        <Table
          label="Backlog by lane"
          rows={lanes}
          rowKey={(lane) => String(lane.lane)}
          columns={[
            { name: "Lane", cell: (lane) => laneName(lane.lane) },
            { name: "Records", numeric: true, cell: (lane) => exact(lane.records) },
            { name: "Size", numeric: true, cell: (lane) => bytes(lane.bytes) },
            {
              name: "Oldest",
              numeric: true,
              cell: (lane) => (lane.oldestReceivedAt ? <TimeAgo at={lane.oldestReceivedAt} /> : "–"),
            },
          ]}
        />
      )}
    </Panel>
  );
}

function StatePanel({ relay }: { relay: Relay }) {
  const report = relay.report;
  const disk = report?.disk;
  const share = spoolShare(relay);
  const offset = relay.clockOffsetMs;
  return (
    <Panel title="State" id="state">
      <Facts
        items={[
          ["Version", relay.version || "–"],
          ["Joined", <Moment key="joined" at={relay.joinedAt} />],
          ["Reported", report ? <TimeAgo key="date" at={report.date} /> : "never"],
          ["Link", report?.carrier ? report.carrier.toUpperCase() : "–"],
          ["Round trip", report ? (report.roundTripMs > 0 ? duration(report.roundTripMs) : "<1 ms") : "–"],
          ["Loss", report?.lossPpm == null ? "–" : lossText(report.lossPpm)],
          ["Rate", report ? `${bytes(report.sentPerSecond)}/s` : "–"],
          ["Bandwidth", <Bandwidth key="bandwidth" relay={relay} />],
          [
            "Clock",
            offset == null ? "–" : `${duration(offset)} ${offset < 0 ? "behind" : "ahead of"} the hub`,
          ],
          [
            "Configuration",
            report ? (report.rosterVersion ? `version ${exact(report.rosterVersion)}` : "none yet") : "–",
          ],
          [
            "Durability",
            report?.durability ? (
              <span key="durability">
                {report.durability}. {durabilityText(report.durability)}
              </span>
            ) : (
              "–"
            ),
          ],
          [
            "Spool",
            report && share !== null
              ? `${bytes(report.spoolBytes)} of ${bytes(report.spoolBytesMax)} (${shareText(share)})`
              : "–",
          ],
          ["Disk", disk?.totalBytes ? `${bytes(disk.freeBytes)} of ${bytes(disk.totalBytes)} free` : "–"],
          ["Process", report?.process ? processText(report.process) : "–"],
          ["Sync", disk ? `last ${micros(disk.syncLastUs)}, longest ${micros(disk.syncMaxUs)}` : "–"],
          [
            "Last disk error",
            disk?.lastError ? (
              <span key="error" className={styles.reason}>
                {disk.lastError} (<TimeAgo at={disk.lastErrorAt} />)
              </span>
            ) : (
              "none"
            ),
          ],
          ["Started", `${exact(relay.generation)} times under this identity`],
          ["Id", <code key="id">{relay.id}</code>],
        ]}
      />
    </Panel>
  );
}

/** What the hub allows, and what is in force there when that is something else. */
function Bandwidth({ relay }: { relay: Relay }) {
  const told = relay.link;
  const inForce = relay.report?.bandwidthMax ?? null;
  const quiet = told?.quietHours ?? [];
  const parts = [told?.bandwidthMax == null ? "no limit from here" : `at most ${bitRate(told.bandwidthMax)}`];
  if (quiet.length) parts.push(`quiet ${quiet.join(", ")} UTC`);
  if (inForce !== null && inForce !== (told?.bandwidthMax ?? null)) {
    parts.push(`${bitRate(inForce)} in force there`);
  }
  if (relay.report?.isQuiet) parts.push("quiet now");
  return parts.join("; ");
}

function processText({ cpuPermille, rssBytes }: { cpuPermille?: number | null; rssBytes: number }): string {
  const memory = `${bytes(rssBytes)} of memory`;
  return cpuPermille == null ? memory : `${(cpuPermille / 10).toFixed(1)} % of a core, ${memory}`;
}

function micros(us: number): string {
  return us < 1000 ? `${us} µs` : duration(us / 1000);
}
