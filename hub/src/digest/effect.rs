//! What a record does, once it is read: events and items that are ready to be stored, counts, and
//! what is set aside.

use protocol::block::{Chain, LedgerDelta, Sum};
use protocol::ids::{Epoch, EventId, Lane, ProjectId, RelayId, Seq};
use protocol::item::Category;
use protocol::outcome::Term;

use super::folded::Like;
use crate::archive::StoredEvent;
use crate::group::{Feature, Variant};
use crate::index::Document;
use crate::removal::Removals;
use crate::store::hashes::GroupHash;
use crate::store::items::NewItem;
use crate::store::parts::{NewPart, PartsOf};

/// A record and what it does.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) relay: RelayId,
    /// Where it stands in its lane.
    pub(super) place: Place,
    /// The poison it is a replay of; then the cursor does not move.
    pub(super) replay_of: Option<i64>,
    pub(super) what: What,
}

/// A record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: Epoch,
    pub(super) lane: Lane,
    /// The last record that the entry stands for.
    pub(super) seq: Seq,
}

#[derive(Debug)]
pub(super) enum What {
    Effects(Vec<Effect>),
    Poison(Poison),
    /// Only the cursor moves.
    Skip,
}

/// What an item, or a count, does.
#[derive(Debug)]
pub(super) enum Effect {
    /// An event to store.
    Event(Box<Incoming>),
    /// Another item to store.
    Item(Box<Kept>),
    /// Items that end here for a reason.
    Count {
        project: ProjectId,
        category: Category,
        term: Term,
        reason: &'static str,
    },
    /// A piece of an item that comes later.
    Part(Box<Piece>),
    /// Counts of the relay.
    Ledger(LedgerDelta),
}

/// A record that is set aside.
#[derive(Debug)]
pub(super) struct Poison {
    pub(super) project: Option<ProjectId>,
    pub(super) reason: String,
    /// The encoded record.
    pub(super) record: Vec<u8>,
    /// Its items.
    pub(super) counts: Vec<(ProjectId, Category, i64)>,
}

/// An item that is no event, ready to be stored.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stored: StoredEvent,
    pub(super) known: NewItem,
    pub(super) category: Category,
    /// What privacy rules removed from it.
    pub(super) removals: Removals,
    /// What its parts come to, when it came in parts.
    pub(super) sum: Option<Sum>,
}

/// A piece of an item, ready to be stored.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) stored: StoredEvent,
    pub(super) known: NewPart,
}

impl Kept {
    /// Whose parts are its own.
    pub(super) fn parts_of(&self) -> Option<PartsOf> {
        Some((self.stored.relay, self.sum?.whole))
    }
}

impl Piece {
    /// What it and those before it come to.
    pub(super) fn sum_behind(&self, before: Option<Sum>) -> Sum {
        Sum {
            whole: self.known.of.1,
            parts: self.known.nth + 1,
            bytes: before.map_or(0, |sum| sum.bytes) + self.known.size,
            chain: self.known.chain,
        }
    }

    /// Whether it is the next one behind those that come to this.
    pub(super) fn follows(&self, sum: Option<Sum>) -> bool {
        let (parts, chain) = sum.map_or((0, Chain::default()), |sum| (sum.parts, sum.chain));
        self.known.nth == parts && self.known.chain == chain.with(&self.stored.payload)
    }
}

/// An event, ready to be stored.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) stored: StoredEvent,
    /// Lacks its row and issue.
    pub(super) document: Document,
    pub(super) category: Category,
    pub(super) hashes: Vec<GroupHash>,
    /// Hashes by the way of grouping before; they find an issue and are not bound.
    pub(super) previous: Vec<GroupHash>,
    pub(super) features: Vec<Feature>,
    pub(super) variants: Vec<Variant>,
    pub(super) culprit: String,
    /// JSON.
    pub(super) metadata: String,
    pub(super) priority: i64,
    /// Whom it is counted for.
    pub(super) user: Option<[u8; 8]>,
    /// The event that it is feedback about.
    pub(super) about: Option<EventId>,
    /// What privacy rules removed from it.
    pub(super) removals: Removals,
    /// Events that were told with it and are like it.
    pub(super) alike: Vec<Like>,
    /// What is stored for those, where the event itself is stored already.
    pub(super) spare: Option<Box<Self>>,
}
