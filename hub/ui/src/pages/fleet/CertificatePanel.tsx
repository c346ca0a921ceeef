/** The certificate a relay uses: which, until when, who signed it, and what to do when it is late. */

import { useQuery } from "@tanstack/react-query";
import { authoritiesQuery } from "../../api/fleet.ts";
import type { Authority, Relay } from "../../api/types.ts";
import { plural } from "../../lib/format.ts";
import { Badge, type Tone } from "../../ui/Badge.tsx";
import { Facts, Panel } from "../../ui/Panel.tsx";
import { Notice } from "../../ui/State.tsx";
import { Moment, TimeAgo } from "../../ui/Time.tsx";
import styles from "./Fleet.module.css";

interface Look {
  tone: Tone;
  word: string;
  remedy?: string;
}

const STATES: Record<string, Look> = {
  valid: { tone: "ok", word: "valid" },
  renewing: { tone: "info", word: "renewing" },
  late: {
    tone: "warning",
    word: "renewal is late",
    remedy:
      "It renews over the link. See whether it is connected; on its host, `vedette-relay doctor` says what is in the way.",
  },
  ended: {
    tone: "danger",
    word: "ended",
    remedy:
      "As soon as it reaches the hub, its key gets another certificate. Where that has happened too often, join it again: `vedette-relay join HUB TOKEN --force`.",
  },
  unknown: { tone: "neutral", word: "not known yet" },
};

export function CertificatePanel({ relay }: { relay: Relay }) {
  const authorities = useQuery(authoritiesQuery);
  const certificate = relay.certificate;
  const state: Look =
    relay.state === "revoked"
      ? { tone: "danger", word: "revoked" }
      : (STATES[certificate.state] ?? { tone: "neutral", word: certificate.state });
  return (
    <Panel
      id="certificate"
      title={
        <>
          Certificate <Badge tone={state.tone}>{state.word}</Badge>
        </>
      }
    >
      {state.remedy ? (
        <div className={styles.within}>
          <Notice tone={certificate.state === "ended" ? "danger" : "warning"}>
            <Marked text={state.remedy} />
          </Notice>
        </div>
      ) : null}
      <Facts
        items={[
          ["Serial", certificate.serial ? <code key="serial">{certificate.serial}</code> : "–"],
          ["Renewed", certificate.issuedAt ? <Moment key="issued" at={certificate.issuedAt} /> : "–"],
          ["Valid until", certificate.endsAt ? <Moment key="ends" at={certificate.endsAt} /> : "–"],
          [
            "Ends",
            certificate.endsAt ? <TimeAgo key="left" at={certificate.endsAt} /> : "shown when it connects",
          ],
          ["Signed by", <Signer key="signer" relay={relay} authorities={authorities.data} />],
          [
            "Exchanged late",
            certificate.recoveries === 0
              ? "never since it last renewed in time"
              : `${plural(certificate.recoveries, "time")} since it last renewed in time`,
          ],
        ]}
      />
    </Panel>
  );
}

function Signer({ relay, authorities }: { relay: Relay; authorities: Authority[] | undefined }) {
  const { authority, isAuthorityCurrent } = relay.certificate;
  if (!authority) return "–";
  const known = authorities?.find((each) => each.key === authority);
  return (
    <span className={styles.reason}>
      {isAuthorityCurrent
        ? "the authority that signs now"
        : known?.isTrusted
          ? "the authority before; it follows with its next renewal"
          : "a former authority; it follows with its next renewal"}{" "}
      <code title={authority}>{authority.slice(0, 16)}</code>
    </span>
  );
}

/** Text with commands between backticks. */
export function Marked({ text }: { text: string }) {
  return text.split("`").map((part, i) => (i % 2 ? <code key={i}>{part}</code> : part));
}
