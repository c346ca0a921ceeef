//! From a record to what it will do, without looking at anything but the record.
//!
//! This is the costly half, and it runs on several threads. It never fails: what cannot be read,
//! or makes a part panic, becomes an entry that sets the record aside.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use protocol::block::{self, FOLDED_MAX, Folded, Head, Items, LedgerDelta, Record, Sum};
use protocol::ids::RelayId;
use protocol::item::{Category, ItemKind};
use protocol::outcome::{Reason, Term, reason};
use protocol::timestamp::Timestamp;
use protocol::wire;
use sha2::{Digest as _, Sha256};

use super::effect::{Effect, Entry, Incoming, Kept, Place, Poison, What};
use super::folded::{self, By};
use super::rulebook::RuleBook;
use super::stored::{event_of, item_receipt, piece, place, receipt, stored};
use super::{document, keep};
use crate::archive::StoredEvent;
use crate::geo::Places;
use crate::group::{self, Rules};
use crate::normalise::{self, NormaliseError};
use crate::removal;

/// Longest reason kept with a record that is set aside, in bytes.
const REASON_BYTES_MAX: usize = 500;

/// What records are read beside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside<'b> {
    /// The relay they came from.
    pub(super) relay: RelayId,
    /// When they arrived.
    pub(super) arrived_at: Timestamp,
    /// How far the relay's clock was ahead of the hub's then.
    pub(super) relay_offset_millis: i64,
    /// What projects set about grouping.
    pub(super) rules: &'b RuleBook,
    /// Where addresses are.
    pub(super) places: &'b Places,
}

impl Beside<'_> {
    /// How far the relay's clock was ahead when it took these items.
    pub(super) fn offset_of(&self, items: &Items) -> i64 {
        normalise::relay_offset(items.received_at, self.arrived_at, self.relay_offset_millis)
    }
}

/// Every record of a block, in order. A block that cannot be read is set aside as a whole.
pub(super) fn block(beside: Beside<'_>, head: &Head, bytes: &[u8]) -> Vec<Entry> {
    let relay = beside.relay;
    let place = |seq| Place {
        epoch: head.epoch,
        lane: head.lane,
        seq,
    };
    let records = match block::open(bytes) {
        Ok((_, records)) => records,
        Err(error) => {
            let counts = head.counts.iter();
            let poison = Poison {
                project: None,
                reason: reason_of(&error),
                record: bytes.to_vec(),
                counts: counts
                    .map(|count| (count.project, count.category, signed(count.n)))
                    .collect(),
            };
            return vec![Entry {
                relay,
                place: place(head.last_seq()),
                replay_of: None,
                what: What::Poison(poison),
            }];
        }
    };
    let mut seq = head.first_seq;
    let mut entries = Vec::with_capacity(records.len());
    for one in records {
        entries.push(Entry {
            relay,
            place: place(seq),
            replay_of: None,
            what: record(beside, one),
        });
        seq = seq.next();
    }
    entries
}

/// What a record does.
pub(super) fn record(beside: Beside<'_>, record: Record) -> What {
    let (items, sum) = match &record {
        Record::Ledger(_) | Record::Part(_) => return effect_alone(beside, record),
        Record::Items(items) => (items, None),
        Record::Folded(folded) => (&folded.items, None),
        Record::Whole(whole) => (&whole.items, Some(whole.sum)),
    };
    // Each of its users is read as an event of theirs, so that a record of very many costs too much.
    if let Record::Folded(folded) = &record
        && folded.count() > FOLDED_MAX as u64
    {
        let n = folded.count();
        let why = format!("it tells of {n} events, and {FOLDED_MAX} are allowed");
        return What::Poison(set_aside(&record, why));
    }
    let attempt = catch_unwind(AssertUnwindSafe(|| match &record {
        Record::Folded(folded) => effects_of_folded(beside, folded),
        _ => effects(beside, items, sum),
    }));
    match attempt {
        Ok(Ok(effects)) => What::Effects(effects),
        Ok(Err(error)) => What::Poison(set_aside(&record, reason_of(&error))),
        // The panic's words may hold what the record holds; the hook has logged where it was.
        Err(_) => What::Poison(set_aside(
            &record,
            "a part of the digest panicked".to_owned(),
        )),
    }
}

/// What a record without items does.
fn effect_alone(beside: Beside<'_>, record: Record) -> What {
    let effect = match record {
        Record::Ledger(delta) => Effect::Ledger(delta),
        Record::Part(part) => Effect::Part(Box::new(piece(beside.relay, part))),
        Record::Items(_) | Record::Whole(_) | Record::Folded(_) => return What::Skip,
    };
    What::Effects(vec![effect])
}

/// An entry of a record that is set aside.
pub(super) fn set_aside(record: &Record, reason: String) -> Poison {
    let items = record.items();
    let counts = record.counts();
    let counts = counts.map(|count| (count.project, count.category, signed(count.n)));
    Poison {
        project: items.map(|items| items.project),
        reason,
        record: wire::encode_msgpack(record).unwrap_or_default(),
        counts: counts.collect(),
    }
}

/// An error and its causes in one line, for operators to read; it is kept with the record, not
/// logged.
pub(super) fn reason_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    cut(text)
}

fn cut(mut text: String) -> String {
    let end = text.floor_char_boundary(REASON_BYTES_MAX);
    text.truncate(end);
    text
}

fn effects(
    beside: Beside<'_>,
    items: &Items,
    sum: Option<Sum>,
) -> Result<Vec<Effect>, NormaliseError> {
    let rules = beside.rules.of(items.project);
    let mut effects = Vec::with_capacity(items.items.len());
    let mut has_event = false;
    for item in &items.items {
        let kind = ItemKind::from_name(&item.kind);
        let category = kind.category();
        let (term, reason) = match kind {
            event if event.is_event() => {
                if has_event {
                    (Term::Invalid, reason::DUPLICATE_ITEM)
                } else {
                    has_event = true;
                    let stored = stored(beside, items, item, items.event_id);
                    match digested(stored, category, &rules, beside.places) {
                        Ok(event) => {
                            effects.push(Effect::Event(Box::new(event)));
                            continue;
                        }
                        // What browsers send is anybody's; nothing that is mended here makes it one.
                        Err(NormaliseError::NoSecurityReport) => {
                            (Term::Invalid, reason::SECURITY_REPORT)
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            // Its counts came as ledger records; the report itself has no further use.
            ItemKind::ClientReport => (Term::Applied, reason::NONE),
            _ => {
                let receipt = item_receipt(beside, items, item, &kind);
                match keep::known(items, item, &kind, &receipt) {
                    Ok(mut known) => {
                        if let Some(sum) = sum {
                            known.size = sum.bytes;
                            // Its parts can be one item's alone.
                            known.identity.get_or_insert(*sum.whole.as_bytes());
                        }
                        let kept = Kept {
                            sum,
                            removals: removal::of_item(&kind, item),
                            stored: stored(beside, items, item, event_of(&known, sum)),
                            known,
                            category,
                        };
                        effects.push(Effect::Item(Box::new(kept)));
                        continue;
                    }
                    Err(ending) => ending,
                }
            }
        };
        effects.push(Effect::Count {
            project: items.project,
            category,
            term,
            reason,
        });
    }
    Ok(effects)
}

/// What events do that are told as one.
fn effects_of_folded(beside: Beside<'_>, folded: &Folded) -> Result<Vec<Effect>, NormaliseError> {
    let items = &folded.items;
    let rules = beside.rules.of(items.project);
    let mut effects = Vec::new();
    for item in &items.items {
        let by = By {
            category: ItemKind::from_name(&item.kind).category(),
            rules: &rules,
            places: beside.places,
        };
        let stored = stored(beside, items, item, items.event_id);
        let events = folded::apart(stored, &folded.alike, by)?;
        effects.extend(
            events
                .into_iter()
                .map(|event| Effect::Event(Box::new(event))),
        );
    }
    Ok(effects)
}

/// Normalises and groups a stored event, and what was told with it.
pub(super) fn digested(
    stored: StoredEvent,
    category: Category,
    rules: &Rules,
    places: &Places,
) -> Result<Incoming, NormaliseError> {
    let by = By {
        category,
        rules,
        places,
    };
    let mut event = alone(stored, by)?;
    event.alike = folded::again(&event, by)?;
    Ok(event)
}

/// Normalises and groups a stored event. A place that is found is kept with it, so that the event
/// reads the same when the file of places is another.
pub(super) fn alone(mut stored: StoredEvent, by: By<'_>) -> Result<Incoming, NormaliseError> {
    let mut event = normalise::normalise(&stored.payload, &receipt(&stored))?;
    let address = event
        .user
        .as_ref()
        .and_then(|user| user.ip_address.as_deref());
    let found = address
        .filter(|_| stored.place.is_none())
        .and_then(|address| by.places.find(address));
    if let Some(found) = &found {
        event.locate(&place(found));
    }
    let grouping = group::group_by(&event, by.rules);
    group::mark(&mut event, by.rules);
    let document = document::of(&event, &grouping, stored.project);
    let metadata = serde_json::to_string(&grouping.metadata).unwrap_or_else(|_| "{}".to_owned());
    let user = event.user_key().map(user_hash);
    let about = event.facts.feedback_about;
    let notes = event.sent_meta.as_ref();
    let removals = notes.map(|notes| removal::of_notes(notes.get()));
    drop(event);
    stored.place = found.or(stored.place);
    Ok(Incoming {
        stored,
        document,
        category: by.category,
        hashes: grouping.hashes,
        previous: grouping.previous,
        features: grouping.features,
        variants: grouping.variants,
        culprit: grouping.culprit,
        metadata,
        priority: i64::from(grouping.metadata.initial_priority.number()),
        user,
        about,
        removals: removals.unwrap_or_default(),
        alike: Vec::new(),
        spare: None,
    })
}

/// The first eight bytes of SHA-256: enough to tell the users of one issue apart.
fn user_hash(key: &str) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let mut hash = [0; 8];
    for (to, from) in hash.iter_mut().zip(digest) {
        *to = from;
    }
    hash
}

/// A ledger record's counts, each with the hour it belongs to.
pub(super) fn ledger_hour(delta: &LedgerDelta, now: Timestamp) -> i64 {
    // A relay's clock may be wrong by years; such counts are booked when they arrive.
    const TRUSTED_HOURS: i64 = 90 * 24;
    let hour = delta.at.hour();
    if (now.hour() - TRUSTED_HOURS..=now.hour() + 1).contains(&hour) {
        hour
    } else {
        now.hour()
    }
}

/// A reason that SDKs or relays gave, within its limit.
pub(super) fn bounded(reason: &Reason) -> Reason {
    const BYTES_MAX: usize = 64;
    match reason.get(..reason.floor_char_boundary(BYTES_MAX)) {
        Some(short) if short.len() < reason.len() => Cow::Owned(short.to_owned()),
        _ => reason.clone(),
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
