/** Files that came with the event, with a look into those that can be looked into. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import {
  attachmentBytesQuery,
  attachmentsQuery,
  attachmentUrl,
  VIEWED_BYTES_MAX,
} from "../../api/attachments.ts";
import type { Attachment, EventDetail } from "../../api/types.ts";
import { dataUrl, imageType, pretty, readText, viewOf } from "../../lib/attachment.ts";
import type { ExceptionValue, Json, Thread } from "../../lib/event-shape.ts";
import { bytes, plural } from "../../lib/format.ts";
import { name } from "../../lib/stack.ts";
import { Button, buttonClass } from "../../ui/Button.tsx";
import { FindText } from "../../ui/FindText.tsx";
import { Icon } from "../../ui/icons.tsx";
import { Facts, Panel } from "../../ui/Panel.tsx";
import { ErrorState, Skeleton } from "../../ui/State.tsx";
import styles from "./Attachments.module.css";

interface Props {
  org: string;
  /** Slug or id. */
  project: string;
  event: EventDetail;
}

export function Attachments({ org, project, event }: Props) {
  const files = useQuery(attachmentsQuery(org, project, event.eventID));
  const [open, setOpen] = useState<string | null>(null);
  if (files.isError) {
    return (
      <Panel id="attachments" title="Attachments" flush>
        <ErrorState
          error={files.error}
          title="The attachments could not be loaded"
          retry={() => void files.refetch()}
        />
      </Panel>
    );
  }
  // Most events have none, and a panel that says so would be in the way.
  if (!files.data?.length) return null;
  return (
    <Panel
      id="attachments"
      title={
        <>
          Attachments <span className={styles.n}>{files.data.length}</span>
        </>
      }
      flush
    >
      <ul>
        {files.data.map((file) => (
          <li key={file.id} className={styles.file}>
            <div className={styles.line}>
              <Icon name="file" size={14} />
              <span className={styles.name}>{file.name || "(no name)"}</span>
              <span className={styles.about}>
                {file.type.replace(/^event\./, "")}, {file.mimetype}, {bytes(file.size)}
              </span>
              <span className={styles.actions}>
                {viewOf(file) ? (
                  <Button
                    small
                    kind="quiet"
                    aria-expanded={open === file.id}
                    aria-label={`${open === file.id ? "Hide" : "Show"} ${file.name}`}
                    onClick={() => setOpen(open === file.id ? null : file.id)}
                  >
                    {open === file.id ? "Hide" : "Show"}
                  </Button>
                ) : null}
                <a
                  className={buttonClass("quiet", true)}
                  href={attachmentUrl(org, project, event.eventID, file.id)}
                  download={file.name || file.id}
                  aria-label={`Download ${file.name}`}
                >
                  <Icon name="download" size={14} /> Download
                </a>
              </span>
            </div>
            {open === file.id ? (
              <div className={styles.view}>
                <Viewer org={org} project={project} event={event} file={file} />
              </div>
            ) : null}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Viewer({ org, project, event, file }: Props & { file: Attachment }) {
  if (viewOf(file) === "dump") return <Dump event={event} />;
  return <Content org={org} project={project} event={event} file={file} />;
}

function Content({ org, project, event, file }: Props & { file: Attachment }) {
  const content = useQuery(attachmentBytesQuery(org, project, event.eventID, file.id));
  if (content.isError) {
    return (
      <ErrorState
        error={content.error}
        title="The file could not be read"
        retry={() => void content.refetch()}
      />
    );
  }
  if (!content.data) return <Skeleton rows={4} label={`Loading ${file.name}`} />;
  const cut =
    file.size > VIEWED_BYTES_MAX ? `The first ${bytes(VIEWED_BYTES_MAX)} of ${bytes(file.size)}.` : "";
  const image = imageType(content.data);
  if (image && !cut) {
    return <img className={styles.image} src={dataUrl(content.data, image)} alt={file.name} />;
  }
  const text = readText(content.data);
  if (text === null) {
    return (
      <p className={styles.none}>
        This is neither text nor an image that can be shown. Download it to see it.
      </p>
    );
  }
  return (
    <>
      {cut ? <p className={styles.none}>{cut}</p> : null}
      <FindText text={pretty(text)} label={file.name} />
    </>
  );
}

/** What the hub read out of a crash dump stands in the event; a person need not know the format. */
function Dump({ event }: { event: EventDetail }) {
  const data = (type: string) =>
    event.entries.find((entry) => entry.type === type)?.data as
      | Record<string, Json[] | undefined>
      | undefined;
  const exception = (data("exception")?.values as (ExceptionValue | null)[] | undefined)?.at(-1);
  const threads = ((data("threads")?.values ?? []) as (Thread | null)[]).filter(Boolean) as Thread[];
  const crashed = threads.find((thread) => thread.crashed);
  const images = data("debugmeta")?.images ?? [];
  const context = (key: string) => (event.contexts as Record<string, Record<string, Json> | null>)[key];
  const os = context("os");
  const facts: (readonly [string, string])[] = [
    ["Reason", exception ? [name(exception), exception.value].filter(Boolean).join(": ") : "not known"],
    ["Crashed thread", crashed ? String(crashed.name ?? crashed.id ?? "without a name") : "not known"],
    ["Threads", plural(threads.length, "thread")],
    ["Program images", plural(images.length, "image")],
    ...(os?.name ? [["System", [os.name, os.version].filter(Boolean).join(" ")] as const] : []),
  ];
  return (
    <div className={styles.facts}>
      <Facts items={facts} />
    </div>
  );
}
