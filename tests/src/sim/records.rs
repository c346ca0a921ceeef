//! Records that can be told apart.

use bytes::Bytes;
use protocol::block::{Alike, Chain, Folded, Item, Items, Part, Record, Sum, Whole};
use protocol::ids::{EventId, Lane, ProjectId, PublicKey, WholeId};
use protocol::outcome::Account;
use protocol::timestamp::Timestamp;

use crate::chance::Chance;

/// Projects that send.
pub(super) const PROJECTS: u64 = 3;

/// What a kind of item is called in each lane.
const fn kind(lane: Lane) -> &'static str {
    match lane {
        Lane::Control | Lane::ControlBacklog => "session",
        Lane::Errors | Lane::ErrorsBacklog => "event",
        Lane::Logs => "log",
        Lane::Traces => "transaction",
        Lane::Blobs => "attachment",
    }
}

/// The record `n`, which is not like any other; some errors are told with others that are.
pub(super) fn make(n: u64, lane: Lane, payload_len: usize) -> Record {
    let payload = payload(n, payload_len);
    let items = stamped(n, items(lane, n, &payload));
    if lane.live() == Lane::Errors && n.is_multiple_of(FOLDED_EVERY) {
        let alike = vec![alike(n, items.received_at)];
        return Record::Folded(Folded { items, alike });
    }
    Record::Items(items)
}

/// Of errors, one record in so many tells of several that are alike.
const FOLDED_EVERY: u64 = 4;

/// Others that are like an error, as many as a record may hold.
fn alike(n: u64, at: Timestamp) -> Alike {
    let n_alike = 1 + n / FOLDED_EVERY % (ITEMS_MAX - 1);
    Alike {
        user: None,
        remote_addr: None,
        first: at,
        last: at,
        minutes: vec![(0, u32::try_from(n_alike).unwrap_or(1))],
    }
}

/// Most parts of an item.
const PARTS_MAX: usize = 3;

/// The parts of a payload that goes by the number `upload`, and what they come to.
pub(super) fn make_parts(upload: u64, payload_len: usize) -> (Vec<Record>, Sum) {
    let payload = payload(upload, payload_len.max(1));
    let (stamp, mut parts) = (stamped(upload, Vec::new()), Vec::new());
    let mut sum = Sum {
        whole: WholeId::from_bytes(u128::from(upload).to_be_bytes()),
        parts: 0,
        bytes: payload.len() as u64,
        chain: Chain::default(),
    };
    for bytes in payload.chunks(payload.len().div_ceil(PARTS_MAX)) {
        sum.chain = sum.chain.with(bytes);
        parts.push(Record::Part(Part {
            project: stamp.project,
            event_id: stamp.event_id,
            received_at: stamp.received_at,
            whole: sum.whole,
            nth: sum.parts,
            chain: sum.chain,
            bytes: Bytes::copy_from_slice(bytes),
        }));
        sum.parts += 1;
    }
    (parts, sum)
}

/// The record `n`, which stands for parts.
pub(super) fn make_whole(n: u64, sum: Sum) -> Record {
    let items = stamped(n, items(Lane::Blobs, n, &[]));
    Record::Whole(Whole { sum, items })
}

/// Bytes that do not compress, so that sizes are what they seem.
fn payload(n: u64, len: usize) -> Vec<u8> {
    let mut chance = Chance::new(n);
    std::iter::repeat_with(|| chance.number().to_le_bytes()[0])
        .take(len)
        .collect()
}

fn stamped(n: u64, items: Vec<Item>) -> Items {
    Items {
        project: project(n),
        key: PublicKey::from_bytes([7; 16]),
        received_at: Timestamp::from_millis(1_700_000_000_000 + n.cast_signed()),
        sent_at: None,
        event_id: Some(EventId::from_bytes(u128::from(n).to_be_bytes())),
        client: None,
        remote_addr: None,
        user_agent: None,
        trace: None,
        items,
    }
}

/// Most items of a record.
pub(super) const ITEMS_MAX: u64 = 4;

/// One item; of logs, which come many at once, up to [`ITEMS_MAX`].
fn items(lane: Lane, n: u64, payload: &[u8]) -> Vec<Item> {
    let n_items = match lane {
        Lane::Logs => 1 + usize::try_from(n % ITEMS_MAX).unwrap_or_default(),
        _ => 1,
    };
    let one = |nth: usize| {
        let part = payload.iter().skip(nth).step_by(n_items);
        Item {
            kind: kind(lane).to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: part.copied().collect(),
        }
    };
    (0..n_items).map(one).collect()
}

/// Whose record `n` is.
pub(super) fn project(n: u64) -> ProjectId {
    ProjectId::new(1 + n % PROJECTS).expect("from one on")
}

/// The `n` of a record with items.
pub(super) fn number(record: &Record) -> Option<u64> {
    let items = record.items()?;
    let id = u128::from_be_bytes(*items.event_id?.as_bytes());
    u64::try_from(id).ok()
}

/// What keeping it counts.
pub(super) fn kept(record: &Record) -> Vec<(Account, u64)> {
    relay::ledger::kept(record)
}
