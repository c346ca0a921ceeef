//! Splits what is kept by lane into records.

use bytes::Bytes;
use protocol::auth::{CLIENT_BYTES_MAX, Credentials};
use protocol::block::{Item, Items, Record, Sum};
use protocol::envelope::Envelope;
use protocol::ids::{EventId, Lane};
use protocol::item::{Category, ItemKind};
use protocol::privacy::{Payload, Scrubber};
use serde::Deserialize;

use super::items::{self, PAYLOAD_BYTES_MAX, Peek};
use super::{Request, Target, parts};

/// Longest `User-Agent` that is kept, in bytes.
const USER_AGENT_BYTES_MAX: usize = 512;

/// An item that is kept.
pub(super) struct Kept {
    pub(super) lane: Lane,
    pub(super) category: Category,
    pub(super) item: Item,
    /// What its parts come to, when they are in the spool already.
    pub(super) sum: Option<Sum>,
}

impl Kept {
    fn kind(&self) -> ItemKind {
        ItemKind::from_name(&self.item.kind)
    }
}

/// A record without items: what all records of an envelope share.
pub(super) fn stamp(
    request: &Request,
    credentials: &Credentials,
    target: &Target,
    envelope: &Envelope,
    event_id: Option<EventId>,
) -> Items {
    let scrubber = &target.scrubber;
    let client = credentials.client.clone();
    let client = client.or_else(|| envelope.header.sdk.as_ref().and_then(sdk_name));
    let withhold_address = target.withhold_address || items::hides_address(envelope);
    let remote_addr = request.remote_addr.filter(|_| !withhold_address);
    let trace = envelope.header.trace.as_ref();
    Items {
        project: target.project,
        key: credentials.key,
        received_at: request.received_at,
        sent_at: envelope.header.sent_at,
        event_id,
        client: client.map(|text| clean(scrubber, text, CLIENT_BYTES_MAX)),
        remote_addr: remote_addr.map(|addr| addr.to_string()),
        user_agent: request
            .user_agent
            .clone()
            .map(|text| clean(scrubber, text, USER_AGENT_BYTES_MAX)),
        trace: trace.and_then(|trace| {
            let scrubbed = scrubber.scrub_json(trace, Payload::Header).ok()?;
            Some(owned(&scrubbed.payload))
        }),
        items: Vec::new(),
    }
}

/// One record per lane, or more where they would be too large for a block; what is too large alone
/// becomes records of its own, its parts first.
pub(super) fn split(stamp: &Items, kept: Vec<Kept>) -> Vec<(Lane, Record)> {
    let mut records: Vec<(Lane, Items, usize)> = Vec::new();
    let mut large = Vec::new();
    let has_root = kept.iter().any(|kept| items::is_root(&kept.kind()));
    for one in kept {
        let is_beside = has_root && one.kind() == ItemKind::Feedback;
        let Kept {
            lane, item, sum, ..
        } = one;
        if is_beside {
            large.push((lane, Record::Items(of_its_own(stamp, item))));
            continue;
        }
        if let Some(sum) = sum {
            large.push((lane, parts::whole_of(stamp, item, sum)));
            continue;
        }
        // The headers of many small items come to something too.
        let n_bytes = item.payload.len() + item.header.len();
        if n_bytes > PAYLOAD_BYTES_MAX {
            large.extend(
                parts::of(stamp, item)
                    .into_iter()
                    .map(|record| (lane, record)),
            );
            continue;
        }
        let open = records
            .iter_mut()
            .rfind(|(known, _, total)| *known == lane && *total + n_bytes <= PAYLOAD_BYTES_MAX);
        match open {
            Some((_, items, total)) => {
                items.items.push(item);
                *total += n_bytes;
            }
            None => {
                let mut items = stamp.clone();
                items.items.push(item);
                records.push((lane, items, n_bytes));
            }
        }
    }
    let records = records.into_iter();
    records
        .map(|(lane, items, _)| (lane, Record::Items(items)))
        .chain(large)
        .collect()
}

/// Feedback that comes with an event is one too, and of another id.
fn of_its_own(stamp: &Items, item: Item) -> Items {
    let given = Peek::at(&item.payload).and_then(|peek| peek.event_id());
    let given = given.filter(|given| Some(*given) != stamp.event_id);
    Items {
        event_id: Some(given.unwrap_or_else(items::random_id)),
        items: vec![item],
        ..stamp.clone()
    }
}

fn clean(scrubber: &Scrubber, mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    let mut text = scrubber.scrub_text(&text).unwrap_or(text);
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// A copy, so that a few bytes do not hold the whole body in memory.
fn owned(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// `name/version` of the envelope header's `sdk`.
fn sdk_name(sdk: &Bytes) -> Option<String> {
    #[derive(Deserialize)]
    struct Sdk {
        name: String,
        version: Option<String>,
    }
    let Sdk { name, version } = serde_json::from_slice(sdk).ok()?;
    Some(match version {
        Some(version) => format!("{name}/{version}"),
        None => name,
    })
}
