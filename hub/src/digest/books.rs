//! What is booked of each lane in one transaction: the hub's side of the comparison with relays.
//!
//! What always holds: an item is added here where it is counted, not where it arrives, and the
//! sums are written in the transaction of the lane's cursor. So they say what the hub has, not
//! what it was sent.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};

use protocol::ids::{Epoch, Lane, ProjectId, RelayId, Seq};
use protocol::item::Category;
use protocol::outcome::{LaneDigest, Term};

use super::effect::Entry;
use crate::store::books::BookRow;
use crate::store::{Store, StoreError};

/// A lane of one life of a relay's spool.
pub(super) type LaneOf = (RelayId, Epoch, Lane);

/// The digest of each lane behind each record.
pub(super) type Digests = HashMap<(LaneOf, Seq), LaneDigest>;

#[derive(Debug, Default)]
pub(super) struct Books {
    /// `None` where it is not known from the first record on.
    digests: BTreeMap<LaneOf, Option<LaneDigest>>,
    sums: BTreeMap<(LaneOf, ProjectId, Category, Term), i64>,
    behind: Digests,
}

impl Books {
    /// The books of the lanes that these entries move.
    pub(super) async fn open(store: &Store, entries: &[Entry]) -> Result<Self, StoreError> {
        let mut books = Self::default();
        for entry in entries.iter().filter(|entry| entry.replay_of.is_none()) {
            let lane = lane_of(entry);
            if let MapEntry::Vacant(vacant) = books.digests.entry(lane) {
                vacant.insert(store.lane_digest(lane.0, lane.1, lane.2).await?);
            }
        }
        Ok(books)
    }

    /// Adds items that end in a term.
    pub(super) fn add(
        &mut self,
        entry: &Entry,
        project: ProjectId,
        category: Category,
        term: Term,
        n: i64,
    ) {
        let lane = lane_of(entry);
        *self
            .sums
            .entry((lane, project, category, term))
            .or_default() += n;
        if entry.replay_of.is_none()
            && let Some(Some(digest)) = self.digests.get_mut(&lane)
        {
            digest.add(project, category, n.cast_unsigned());
        }
    }

    /// Takes back items that were set aside: they are tried again.
    pub(super) fn take_back(
        &mut self,
        entry: &Entry,
        project: ProjectId,
        category: Category,
        n: i64,
    ) {
        let key = (lane_of(entry), project, category, Term::Rejected);
        *self.sums.entry(key).or_default() -= n;
    }

    /// Remembers how the lane stands behind this entry.
    pub(super) fn close(&mut self, entry: &Entry) {
        let lane = lane_of(entry);
        if let Some(Some(digest)) = self.digests.get(&lane) {
            self.behind.insert((lane, entry.place.seq), *digest);
        }
    }

    /// How a lane stands.
    pub(super) fn digest(&self, lane: LaneOf) -> Option<LaneDigest> {
        self.digests.get(&lane).copied().flatten()
    }

    /// What is to be written.
    pub(super) fn rows(&self) -> Vec<BookRow> {
        let row = |(key, n): (&(LaneOf, ProjectId, Category, Term), &i64)| BookRow {
            relay: key.0.0,
            epoch: key.0.1,
            lane: key.0.2,
            project: key.1,
            category: key.2,
            term: key.3,
            quantity: *n,
        };
        self.sums.iter().map(row).collect()
    }

    /// How the lanes stand behind each of the entries.
    pub(super) fn into_digests(self) -> Digests {
        self.behind
    }
}

const fn lane_of(entry: &Entry) -> LaneOf {
    (entry.relay, entry.place.epoch, entry.place.lane)
}
