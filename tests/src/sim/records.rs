//! Records that can be told apart.

use bytes::Bytes;
use protocol::block::{Item, Items, Record};
use protocol::ids::{EventId, Lane, ProjectId, PublicKey};
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

/// The record `n`, which is not like any other.
pub(super) fn make(n: u64, lane: Lane, payload_len: usize) -> Record {
    let mut chance = Chance::new(n);
    // Bytes that do not compress, so that sizes are what they seem.
    let payload: Vec<u8> = std::iter::repeat_with(|| chance.number().to_le_bytes()[0])
        .take(payload_len)
        .collect();
    Record::Items(Items {
        project: project(n),
        key: PublicKey::from_bytes([7; 16]),
        received_at: Timestamp::from_millis(1_700_000_000_000 + n.cast_signed()),
        sent_at: None,
        event_id: Some(EventId::from_bytes(u128::from(n).to_be_bytes())),
        client: None,
        remote_addr: None,
        user_agent: None,
        trace: None,
        items: items(lane, n, &payload),
    })
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
