//! Records as JSON lines.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::block::{self, Folded, Item, Items, LedgerDelta, Record};
use protocol::ids::{Lane, ProjectId, Seq};
use protocol::timestamp::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::spool::GapReason;
use crate::spool::inspect::{InspectError, Inspector, Piece};

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    lane: &'static str,
    seq: u64,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum What<'a> {
    Envelope(Envelope<'a>),
    Ledger(Ledger),
    Part(OnePart<'a>),
    Whole(OneWhole<'a>),
    Folded(OneFolded<'a>),
    Gap(Gap),
}

/// A piece of what is too large for one record.
#[derive(Serialize)]
struct OnePart<'a> {
    project: u64,
    whole: String,
    nth: u32,
    payload: Payload<'a>,
}

/// What pieces are of.
#[derive(Serialize)]
struct OneWhole<'a> {
    whole: String,
    parts: u32,
    bytes: u64,
    envelope: Envelope<'a>,
}

/// Events that are alike: one of them, and what sets the others apart.
#[derive(Serialize)]
struct OneFolded<'a> {
    events: u64,
    alike: Vec<OneAlike<'a>>,
    envelope: Envelope<'a>,
}

#[derive(Serialize)]
struct OneAlike<'a> {
    events: u64,
    user: Option<Payload<'a>>,
    remote_addr: Option<&'a str>,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    project: u64,
    key: String,
    received_at: String,
    sent_at: Option<String>,
    event_id: Option<String>,
    client: Option<&'a str>,
    remote_addr: Option<&'a str>,
    user_agent: Option<&'a str>,
    trace: Option<Payload<'a>>,
    items: Vec<OneItem<'a>>,
}

#[derive(Serialize)]
struct OneItem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    header: Payload<'a>,
    payload: Payload<'a>,
}

/// JSON as it stands; anything else in base64.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Bytes { base64: String },
}

#[derive(Serialize)]
struct Ledger {
    at: String,
    counts: Vec<Count>,
}

#[derive(Serialize)]
struct Count {
    project: Option<u64>,
    category: &'static str,
    term: &'static str,
    reason: String,
    n: u64,
}

#[derive(Serialize)]
struct Gap {
    to: u64,
    reason: GapReason,
}

/// Prints the records of lanes, most important first, each in its order.
pub(super) fn print(
    inspector: &Inspector,
    lanes: &[Lane],
    limit: Option<u64>,
    all: bool,
    out: &mut dyn Write,
) -> Result<(), InspectError> {
    let mut left = limit.unwrap_or(u64::MAX);
    for lane in Lane::ALL.into_iter().filter(|lane| lanes.contains(lane)) {
        let from = if all {
            Seq(1)
        } else {
            inspector.acked(lane).next()
        };
        let walked = inspector.walk(lane, from, &mut |piece| {
            if left == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            print_piece(lane, from, piece, &mut left, out)
        });
        match walked {
            Err(InspectError::Visit(_)) if left == 0 => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(())
}

fn print_piece(
    lane: Lane,
    from: Seq,
    piece: Piece<'_>,
    left: &mut u64,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (first, records) = match piece {
        Piece::Gap(gap) => {
            let (to, reason) = (gap.to.0, gap.reason);
            return line(lane, gap.from.0, What::Gap(Gap { to, reason }), out);
        }
        Piece::Block { head, bytes } => {
            let (_, records) = block::open(bytes).map_err(io::Error::other)?;
            (head.first_seq.0, records)
        }
    };
    for (seq, record) in (first..).zip(&records) {
        if *left == 0 {
            break;
        }
        if seq < from.0 {
            continue;
        }
        let what = match record {
            Record::Items(items) => What::Envelope(envelope(items)),
            Record::Ledger(delta) => What::Ledger(ledger(delta)),
            Record::Part(part) => What::Part(OnePart {
                project: part.project.get(),
                whole: part.whole.to_string(),
                nth: part.nth,
                payload: payload(&part.bytes),
            }),
            Record::Whole(whole) => What::Whole(OneWhole {
                whole: whole.sum.whole.to_string(),
                parts: whole.sum.parts,
                bytes: whole.sum.bytes,
                envelope: envelope(&whole.items),
            }),
            Record::Folded(folded) => What::Folded(self::folded(folded)),
        };
        line(lane, seq, what, out)?;
        *left -= 1;
    }
    Ok(())
}

fn line(lane: Lane, seq: u64, what: What<'_>, out: &mut dyn Write) -> io::Result<()> {
    let lane = lane.name();
    serde_json::to_writer(&mut *out, &Line { lane, seq, what })?;
    out.write_all(b"\n")
}

fn envelope(items: &Items) -> Envelope<'_> {
    Envelope {
        project: items.project.get(),
        key: items.key.to_string(),
        received_at: items.received_at.to_rfc3339(),
        sent_at: items.sent_at.map(Timestamp::to_rfc3339),
        event_id: items.event_id.map(|id| id.to_string()),
        client: items.client.as_deref(),
        remote_addr: items.remote_addr.as_deref(),
        user_agent: items.user_agent.as_deref(),
        trace: items.trace.as_deref().map(payload),
        items: items.items.iter().map(item).collect(),
    }
}

fn folded(folded: &Folded) -> OneFolded<'_> {
    let alike = folded.alike.iter().map(|alike| OneAlike {
        events: alike.count(),
        user: alike.user.as_deref().map(payload),
        remote_addr: alike.remote_addr.as_deref(),
        first: alike.first.to_rfc3339(),
        last: alike.last.to_rfc3339(),
    });
    OneFolded {
        events: folded.count(),
        alike: alike.collect(),
        envelope: envelope(&folded.items),
    }
}

fn item(item: &Item) -> OneItem<'_> {
    OneItem {
        kind: &item.kind,
        header: payload(&item.header),
        payload: payload(&item.payload),
    }
}

fn payload(bytes: &[u8]) -> Payload<'_> {
    // A line break within would end the line.
    let json = serde_json::from_slice::<&RawValue>(bytes).ok();
    match json.filter(|json| !json.get().contains(['\n', '\r'])) {
        Some(json) => Payload::Json(json),
        None => Payload::Bytes {
            base64: STANDARD.encode(bytes),
        },
    }
}

fn ledger(delta: &LedgerDelta) -> Ledger {
    let counts = delta.counts.iter().map(|(account, n)| Count {
        project: account.project.map(ProjectId::get),
        category: account.category.name(),
        term: account.term.name(),
        reason: account.reason.clone().into_owned(),
        n: *n,
    });
    Ledger {
        at: delta.at.to_rfc3339(),
        counts: counts.collect(),
    }
}
