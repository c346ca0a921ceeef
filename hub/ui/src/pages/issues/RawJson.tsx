/** The event as the API gives it: to read, copy, or keep as a file. */

import { useMemo, useState } from "react";
import type { EventDetail } from "../../api/types.ts";
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
      title="JSON"
      flush
      actions={
        <>
          <Copy text={() => JSON.stringify(event, null, 2)} label="Copy the event as JSON" words="Copy" />
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
