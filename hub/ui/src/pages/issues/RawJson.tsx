/** The event as the API gives it, to read, copy, or keep as a file; and as text for people. */

import { useMemo, useState } from "react";
import type { EventDetail } from "../../api/types.ts";
import type { Breadcrumb, ExceptionValue, RequestData } from "../../lib/event-shape.ts";
import { markdown } from "../../lib/markdown.ts";
import { Button } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { Panel } from "../../ui/Panel.tsx";
import styles from "./EventPanel.module.css";

export function RawJson({ event }: { event: EventDetail }) {
  const [shown, setShown] = useState(false);
  const text = useMemo(() => (shown ? JSON.stringify(event, null, 2) : ""), [event, shown]);
  const save = () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(event, null, 2)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${event.eventID}.json`;
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Panel
      id="json"
      title="The event as a document"
      flush
      actions={
        <>
          <Copy text={() => toMarkdown(event)} label="Copy the event as Markdown" words="Markdown" />
          <Copy text={() => JSON.stringify(event, null, 2)} label="Copy the event as JSON" words="JSON" />
          <Button small kind="quiet" icon="download" onClick={save}>
            Download
          </Button>
          <Button small kind="quiet" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? "Hide" : "Show"}
          </Button>
        </>
      }
    >
      {shown ? <pre className={styles.json}>{text}</pre> : null}
    </Panel>
  );
}

function toMarkdown(event: EventDetail): string {
  const data = (type: string) => event.entries.find((entry) => entry.type === type)?.data;
  const values = <T,>(type: string) =>
    ((data(type) as { values?: (T | null)[] } | undefined)?.values ?? []).filter((value): value is T & {} =>
      Boolean(value),
    );
  const tag = (key: string) => event.tags.find((each) => each.key === key)?.value;
  return markdown({
    title: event.title,
    facts: [
      ["Culprit", event.culprit],
      ["Event", event.eventID],
      ["Happened", event.dateCreated],
      ["Environment", tag("environment")],
      ["Release", event.release?.version],
      ["Platform", event.platform],
      ["Transaction", tag("transaction")],
    ],
    message: (data("message") as { formatted?: string } | undefined)?.formatted ?? "",
    exceptions: values<ExceptionValue>("exception"),
    breadcrumbs: values<Breadcrumb>("breadcrumbs"),
    request: (data("request") as RequestData | undefined) ?? null,
  });
}
