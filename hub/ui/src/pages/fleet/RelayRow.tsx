/** One relay in the table: every figure, and colour only where something is worth a look. */

import { Link } from "@tanstack/react-router";
import { memo, type ReactNode } from "react";
import type { Relay } from "../../api/types.ts";
import {
  backlogBytes,
  conditionWord,
  durabilityText,
  isDurable,
  laneName,
  laneShort,
  lossText,
  oldestWaiting,
  remedy,
  spoolShare,
  standing,
  waitingLanes,
} from "../../lib/fleet.ts";
import { bytes, count, exact, percentText } from "../../lib/format.ts";
import { age, duration } from "../../lib/time.ts";
import { Badge, type Tone } from "../../ui/Badge.tsx";
import { cx } from "../../ui/classes.ts";
import { TimeAgo, useNow } from "../../ui/Time.tsx";
import styles from "./RelayTable.module.css";

interface Props {
  org: string;
  relay: Relay;
  index: number;
  current: boolean;
  onFocus: (id: string) => void;
}

/** Differences below this are noise of the measurement. */
const CLOCK_OFF_MS = 2000;
/** Loss beyond one in a hundred slows the link down. */
const LOSS_BAD_PPM = 10_000;
/** A backlog older than this is worth a look. */
const OLD_MS = 5 * 60_000;
/** A spool so full soon pushes something out. */
const FULL = 0.8;
/** Lanes that have room in a row. */
const LANES_SHOWN = 3;

export function StandingBadge({ relay }: { relay: Relay }) {
  const word = standing(relay);
  const tone: Record<typeof word, Tone> = {
    connected: "ok",
    away: "warning",
    drained: "neutral",
    revoked: "danger",
  };
  return <Badge tone={tone[word]}>{word}</Badge>;
}

/** What a 200 promises there; loud where that is less than a disk. */
export function DurabilityBadge({ relay }: { relay: Relay }) {
  const durability = relay.report?.durability;
  if (!durability) return null;
  return (
    <Badge tone={isDurable(durability) ? "neutral" : "warning"} title={durabilityText(durability)}>
      {durability}
    </Badge>
  );
}

export function ConditionBadges({ relay }: { relay: Relay }) {
  return relay.conditions.map((condition) => (
    <Badge
      key={condition.kind}
      tone={condition.kind === "dark" || condition.kind === "behind" ? "warning" : "danger"}
      title={condition.detail}
    >
      {conditionWord(condition.kind)}
    </Badge>
  ));
}

export const RelayRow = memo(function RelayRow({ org, relay, index, current, onFocus }: Props) {
  const report = relay.report;
  const offset = relay.clockOffsetMs ?? 0;
  const share = spoolShare(relay);
  const labels = Object.entries(relay.labels);
  const oldest = oldestWaiting(relay);
  const loss = report?.lossPpm;
  // The trouble ends after a day, the mark when somebody has seen to it.
  const cloned = relay.clonedAt && !relay.conditions.some((condition) => condition.kind === "cloned");
  const cell = (name: keyof typeof styles, label: string, content: ReactNode, bad = false) => (
    <td className={cx(styles[name], styles.cell, bad && styles.bad)}>
      <span className={styles.phoneLabel}>{label}</span>
      {content}
    </td>
  );
  return (
    <tr
      aria-rowindex={index + 2}
      className={cx(styles.row, current && styles.current)}
      data-relay={relay.id}
      onFocus={() => onFocus(relay.id)}
    >
      <td className={styles.name}>
        <div className={styles.line}>
          <Link
            to="/organizations/$org/fleet/$relayId"
            params={{ org, relayId: relay.id }}
            className={styles.title}
          >
            {relay.name}
          </Link>
          {standing(relay) === "connected" ? (
            <span className={styles.dot} role="img" aria-label="connected" title="connected" />
          ) : (
            <StandingBadge relay={relay} />
          )}
          <DurabilityBadge relay={relay} />
          <ConditionBadges relay={relay} />
          {cloned ? (
            <Badge tone="danger" title={remedy("cloned") ?? undefined}>
              cloned
            </Badge>
          ) : null}
        </div>
        <div className={styles.labels}>
          {labels.length === 0
            ? (relay.address ?? "no labels")
            : labels.map(([k, v]) => `${k}=${v}`).join("  ")}
        </div>
      </td>
      {cell("region", "Region", relay.region ?? "–")}
      {cell("version", "Version", relay.version || "–")}
      {cell(
        "link",
        "Link",
        report && relay.isConnected ? (
          <>
            {report.carrier ? <span className={styles.carrier}>{report.carrier}</span> : null}
            {report.roundTripMs > 0 ? duration(report.roundTripMs) : "<1 ms"}
          </>
        ) : (
          "–"
        ),
      )}
      {cell("loss", "Loss", loss == null ? "–" : lossText(loss), (loss ?? 0) > LOSS_BAD_PPM)}
      {cell("rate", "Rate", report && relay.isConnected ? `${bytes(report.sentPerSecond)}/s` : "–")}
      {cell("backlog", "Backlog", <Backlog relay={relay} />)}
      {cell("oldest", "Oldest", <Age since={oldest} />, oldest !== null && Date.now() - oldest > OLD_MS)}
      {cell("seen", "Seen", <TimeAgo at={relay.lastSeenAt} short />)}
      {cell(
        "config",
        "Config",
        report ? (report.rosterVersion === 0 ? "none" : exact(report.rosterVersion)) : "–",
      )}
      {cell(
        "clock",
        "Clock",
        relay.clockOffsetMs == null ? "–" : `${offset < 0 ? "−" : "+"}${duration(offset)}`,
        Math.abs(offset) > CLOCK_OFF_MS,
      )}
      {cell(
        "disk",
        "Spool",
        share === null || !report ? (
          "–"
        ) : (
          <span title={`${bytes(report.spoolBytes)} of ${bytes(report.spoolBytesMax)}`}>
            {shareText(share)}
          </span>
        ),
        share !== null && share > FULL,
      )}
    </tr>
  );
});

/** A share of what is used: something never shows as nothing. */
export function shareText(share: number): string {
  const percent = Math.round(share * 100);
  return percentText(share > 0 && percent === 0 ? null : percent);
}

function Age({ since }: { since: number | null }) {
  const now = useNow();
  return since === null ? "–" : <span>{age(since, Math.max(now, Date.now() - 10_000))}</span>;
}

function Backlog({ relay }: { relay: Relay }) {
  const now = useNow();
  const lanes = waitingLanes(relay);
  if (!relay.report) return "–";
  if (lanes.length === 0) return <span className={styles.quiet}>empty</span>;
  const more = lanes.length - LANES_SHOWN;
  const text = (lane: (typeof lanes)[number]) =>
    `${laneName(lane.lane)}: ${exact(lane.records)} records, ${bytes(lane.bytes)}, the oldest for ${age(lane.oldestReceivedAt, now)}`;
  return (
    <span className={styles.lanes} title={lanes.map(text).join("\n")}>
      <b>{bytes(backlogBytes(relay))}</b>
      {lanes.slice(0, LANES_SHOWN).map((lane) => (
        <span key={lane.lane} className={styles.lane}>
          <i>{laneShort(lane.lane)}</i> {count(lane.records)} · {age(lane.oldestReceivedAt, now)}
        </span>
      ))}
      {more > 0 ? <span className={styles.lane}>+{more}</span> : null}
      <span className="visually-hidden">{lanes.map(text).join("; ")}</span>
    </span>
  );
}
