/** Which event is shown, and the way to the others. */

import type { EventFilter } from "../../api/issues.ts";
import type { EventDetail } from "../../api/types.ts";
import { middle } from "../../lib/format.ts";
import { absolute } from "../../lib/time.ts";
import { Button, groupClass, IconButton } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { TimeAgo } from "../../ui/Time.tsx";
import styles from "./EventNav.module.css";

interface Props {
  event: EventDetail | undefined;
  busy: boolean;
  filter: EventFilter;
  /** The event and its issue as Markdown. */
  markdown: () => Promise<string>;
  onGo: (event: string | null) => void;
  onClear: () => void;
}

/** Tags worth a place above the trace, in this order. */
const SHOWN_TAGS = [
  "environment",
  "release",
  "transaction",
  "server_name",
  "handled",
  "browser",
  "runtime",
  "os",
];
const SHOWN_MAX = 5;

export function EventNav({ event, busy, filter, markdown, onGo, onClear }: Props) {
  const { query, environment, start, end } = filter;
  const tags = SHOWN_TAGS.flatMap((key) => event?.tags.filter((tag) => tag.key === key) ?? []).slice(
    0,
    SHOWN_MAX,
  );
  return (
    <div className={styles.bar}>
      <div className={styles.what}>
        <div className={styles.line}>
          <span className={styles.id}>
            Event <code title={event?.eventID}>{event ? event.eventID.slice(0, 8) : "…"}</code>
          </span>
          {event ? <Copy text={event.eventID} label="Copy the event id" /> : null}
          {event ? (
            <>
              <span className={styles.time}>
                <TimeAgo at={event.dateCreated} />
              </span>
              <Copy text={markdown} label="Copy the issue as Markdown" words="Markdown" />
            </>
          ) : null}
        </div>
        {tags.length ? (
          <ul className={styles.tags} aria-label="Tags of this event">
            {tags.map(({ key, value }) => (
              <li key={key} title={`${key}: ${value}`}>
                <span>{key}</span> {middle(value, 36)}
              </li>
            ))}
          </ul>
        ) : null}
      </div>
      {query || environment?.length || start || end ? (
        <div className={styles.filter}>
          <span>
            Only events
            {query ? (
              <>
                {" "}
                with <code>{query}</code>
              </>
            ) : null}
            {environment?.length
              ? ` of ${environment.map((name) => name || "no environment").join(", ")}`
              : null}
            {start ? ` since ${absolute(start).slice(0, 16)}` : null}
            {end ? ` until ${absolute(end).slice(0, 16)}` : null}
          </span>
          <IconButton small icon="close" label="Show all events" onClick={onClear} />
        </div>
      ) : null}
      <nav className={groupClass} aria-label="Events" aria-busy={busy}>
        <Button
          small
          icon="first"
          title="Oldest event  {"
          aria-label="Oldest event"
          disabled={!event?.previousEventID}
          onClick={() => onGo("oldest")}
        />
        <Button
          small
          icon="left"
          title="Older event  ["
          disabled={!event?.previousEventID}
          onClick={() => onGo(event?.previousEventID ?? null)}
        >
          Older
        </Button>
        <Button
          small
          title="Newer event  ]"
          disabled={!event?.nextEventID}
          onClick={() => onGo(event?.nextEventID ?? null)}
        >
          Newer
        </Button>
        <Button
          small
          icon="last"
          title="Latest event  }"
          aria-label="Latest event"
          disabled={!event?.nextEventID}
          onClick={() => onGo("latest")}
        />
      </nav>
    </div>
  );
}
