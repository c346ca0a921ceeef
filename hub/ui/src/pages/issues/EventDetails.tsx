/** What of an event is below its trace: what led to it, and what was around it. */

import type { EventDetail } from "../../api/types.ts";
import type { Breadcrumb, RequestData } from "../../lib/event-shape.ts";
import { Attachments } from "./Attachments.tsx";
import { Breadcrumbs } from "./Breadcrumbs.tsx";
import { Contexts } from "./Contexts.tsx";
import { find, valuesMeta } from "./event-entries.ts";
import { Grouping } from "./Grouping.tsx";
import { RawJson } from "./RawJson.tsx";
import { RequestPanel } from "./RequestPanel.tsx";

interface Props {
  org: string;
  /** Slug or id of the project. */
  project: string;
  event: EventDetail;
}

export function EventDetails({ org, project, event }: Props) {
  const crumbs = find<{ values?: (Breadcrumb | null)[] }>(event, "breadcrumbs");
  const request = find<RequestData>(event, "request");
  return (
    <>
      {crumbs?.data.values?.length ? (
        <Breadcrumbs
          key={`crumbs-${event.eventID}`}
          crumbs={crumbs.data.values}
          at={event.dateCreated}
          meta={valuesMeta(crumbs.meta)}
        />
      ) : null}
      {request ? <RequestPanel request={request.data} meta={request.meta} /> : null}
      <Attachments org={org} project={project} event={event} />
      <Contexts org={org} event={event} />
      <Grouping event={event} />
      <RawJson event={event} />
    </>
  );
}
