//! An item as it is stored, with all that is known of its receipt.

use bytes::Bytes;
use protocol::block::{self, Items, Part, Sum};
use protocol::ids::{EventId, PublicKey, RelayId};
use protocol::item::ItemKind;
use sha2::{Digest as _, Sha256};

use super::effect::Piece;
use super::prepare::Beside;
use crate::archive::{Place as Located, StoredEvent};
use crate::normalise::{self, Receipt};
use crate::store::items::NewItem;
use crate::store::parts::NewPart;

/// The kind that the bodies of pieces are kept under.
const PART: &str = "part of an item";

/// What the normaliser is told of a stored event's receipt.
#[must_use]
pub fn receipt(stored: &StoredEvent) -> Receipt<'_> {
    Receipt {
        event_id: stored.event_id,
        kind: ItemKind::from_name(&stored.kind),
        received_at: stored.received_at,
        relay_offset_millis: stored.relay_offset_millis,
        sent_at: stored.sent_at,
        client: stored.client.as_deref(),
        remote_addr: stored.remote_addr.as_deref(),
        place: stored.place.as_ref().map(place),
        user_agent: stored.user_agent.as_deref(),
        header: &stored.header,
    }
}

/// What the normaliser is told of the receipt of an item that is not stored yet.
pub(super) fn item_receipt<'i>(
    beside: Beside<'_>,
    items: &'i Items,
    item: &'i block::Item,
    kind: &ItemKind,
) -> Receipt<'i> {
    Receipt {
        event_id: items.event_id.unwrap_or(EventId::from_bytes([0; 16])),
        kind: kind.clone(),
        received_at: items.received_at,
        relay_offset_millis: beside.offset_of(items),
        sent_at: items.sent_at,
        client: items.client.as_deref(),
        remote_addr: items.remote_addr.as_deref(),
        place: None,
        user_agent: items.user_agent.as_deref(),
        header: &item.header,
    }
}

pub(super) fn place(place: &Located) -> normalise::Place<'_> {
    normalise::Place {
        country_code: place.country_code.as_deref(),
        region: place.region.as_deref(),
        subdivision: place.subdivision.as_deref(),
        city: place.city.as_deref(),
    }
}

/// A piece's body lies beside those of items; nothing but its item leads to it.
pub(super) fn piece(relay: RelayId, part: Part) -> Piece {
    let event_id = part.event_id.unwrap_or(part.whole.into());
    let known = NewPart {
        project: part.project,
        of: (relay, part.whole),
        nth: part.nth,
        event_id,
        chain: part.chain,
        size: part.bytes.len() as u64,
    };
    let stored = StoredEvent {
        project: part.project,
        event_id,
        relay,
        key: PublicKey::from_bytes([0; 16]),
        received_at: part.received_at,
        sent_at: None,
        client: None,
        remote_addr: None,
        user_agent: None,
        trace: None,
        kind: PART.to_owned(),
        header: Bytes::from_static(b"{}"),
        payload: part.bytes,
        relay_offset_millis: 0,
        place: None,
        alike: Vec::new(),
        stands_in: false,
    };
    Piece { stored, known }
}

/// The event that an item's body is kept under: what belongs to none is found by its parts.
pub(super) fn event_of(known: &NewItem, sum: Option<Sum>) -> Option<EventId> {
    known.event_id.or(sum.map(|sum| sum.whole.into()))
}

/// All of an item, as it is kept.
pub(super) fn stored(
    beside: Beside<'_>,
    items: &Items,
    item: &block::Item,
    event_id: Option<EventId>,
) -> StoredEvent {
    StoredEvent {
        project: items.project,
        event_id: event_id.unwrap_or_else(|| made_id(beside.relay, items, item)),
        relay: beside.relay,
        key: items.key,
        received_at: items.received_at,
        sent_at: items.sent_at,
        client: items.client.clone(),
        remote_addr: items.remote_addr.clone(),
        user_agent: items.user_agent.clone(),
        trace: items.trace.clone(),
        kind: item.kind.clone(),
        header: item.header.clone(),
        payload: item.payload.clone(),
        relay_offset_millis: beside.offset_of(items),
        place: None,
        alike: Vec::new(),
        stands_in: false,
    }
}

/// An id for an event that came without: the same each time the record comes.
fn made_id(relay: RelayId, items: &Items, item: &block::Item) -> EventId {
    let mut hasher = Sha256::new();
    hasher.update(relay.as_bytes());
    hasher.update(items.received_at.as_millis().to_le_bytes());
    hasher.update(&item.payload);
    let digest: [u8; 32] = hasher.finalize().into();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest) {
        *to = from;
    }
    EventId::from_bytes(id)
}
