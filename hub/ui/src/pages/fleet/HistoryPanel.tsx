/** How a relay was: backlog, deliveries, losses and the link, over an hour, a day or a week. */

import { useQuery } from "@tanstack/react-query";
import { relayHistoryQuery } from "../../api/fleet.ts";
import { TimeChart } from "../../charts/TimeChart.tsx";
import { lossText } from "../../lib/fleet.ts";
import { bytes, count, exact } from "../../lib/format.ts";
import { duration } from "../../lib/time.ts";
import { HOURS, type Hours } from "../../routes.tsx";
import { Button } from "../../ui/Button.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import styles from "./Fleet.module.css";

const NAMES: Record<Hours, string> = { "1": "Hour", "24": "Day", "168": "Week" };

interface Props {
  relayId: string;
  hours: Hours;
  onHours: (hours: Hours) => void;
}

export function HistoryPanel({ relayId, hours, onHours }: Props) {
  const history = useQuery(relayHistoryQuery(relayId, hours));
  const data = history.data;
  return (
    <Panel
      id="history"
      title="History"
      actions={
        <fieldset className={styles.choice} aria-label="Time shown">
          {HOURS.map((each) => (
            <Button
              key={each}
              small
              kind={each === hours ? "primary" : "quiet"}
              aria-pressed={each === hours}
              onClick={() => onHours(each)}
            >
              {NAMES[each]}
            </Button>
          ))}
        </fieldset>
      }
    >
      {!data ? (
        history.isError ? (
          <ErrorState
            error={history.error}
            retry={() => void history.refetch()}
            title="The history could not be loaded"
          />
        ) : (
          <Skeleton rows={5} label="Loading the history" />
        )
      ) : data.times.length === 0 ? (
        <p className={styles.quiet}>
          Nothing was heard of it in this time. A row is written for every five minutes that it reports.
        </p>
      ) : (
        <Charts data={data} hours={hours} now={Math.floor(history.dataUpdatedAt / 1000)} />
      )}
    </Panel>
  );
}

interface ChartsProps {
  data: {
    step: number;
    times: number[];
    backlogBytes: number[];
    backlogRecords: number[];
    delivered: number[];
    dropped: number[];
    roundTripMs: number[];
    lossPpm: (number | null)[];
    sentPerSecond: number[];
  };
  hours: Hours;
  now: number;
}

function Charts({ data, hours, now }: ChartsProps) {
  const common = { times: data.times, from: now - Number(hours) * 3600, to: now, step: data.step };
  const items = (n: number) => (n < 10_000 ? exact(n) : count(n));
  const dropped = data.dropped.some((n) => n > 0);
  return (
    <div className={styles.charts}>
      <TimeChart label="Backlog" values={data.backlogBytes} format={bytes} {...common} />
      <TimeChart label="Items delivered" values={data.delivered} format={items} kind="bars" {...common} />
      <TimeChart label="Round trip" values={data.roundTripMs} format={duration} {...common} />
      <TimeChart label="Rate" values={data.sentPerSecond} format={(n) => `${bytes(n)}/s`} {...common} />
      <TimeChart label="Packets lost" values={data.lossPpm} format={lossText} {...common} />
      <TimeChart
        label="Items lost"
        values={data.dropped}
        format={items}
        kind="bars"
        tone={dropped ? "danger" : "accent"}
        {...common}
      />
    </div>
  );
}
