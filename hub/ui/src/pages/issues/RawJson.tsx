/** The event as the API gives it, to read, search, copy, or keep as a file. */

import { useMemo, useState } from "react";
import type { EventDetail } from "../../api/types.ts";
import { Button } from "../../ui/Button.tsx";
import { Copy } from "../../ui/Copy.tsx";
import { FindText } from "../../ui/FindText.tsx";
import { Panel } from "../../ui/Panel.tsx";
import { save } from "../../ui/save.ts";

export function RawJson({ event }: { event: EventDetail }) {
  const [shown, setShown] = useState(false);
  const text = useMemo(() => (shown ? JSON.stringify(event, null, 2) : ""), [event, shown]);
  return (
    <Panel
      id="json"
      title="The event as JSON"
      flush
      actions={
        <>
          <Copy text={() => JSON.stringify(event, null, 2)} label="Copy the event as JSON" words="Copy" />
          <Button
            small
            kind="quiet"
            icon="download"
            onClick={() => save(`${event.eventID}.json`, "application/json", JSON.stringify(event, null, 2))}
          >
            Download
          </Button>
          <Button small kind="quiet" aria-expanded={shown} onClick={() => setShown(!shown)}>
            {shown ? "Hide" : "Show"}
          </Button>
        </>
      }
    >
      {shown ? <FindText text={text} label="the event as JSON" /> : null}
    </Panel>
  );
}
