//! What the spool's items came to: delivered or waiting, by project and category.
//!
//! What was delivered is summed up when a cursor moves, from the frames it moves over, and written
//! with the cursor, so that a crash cannot part the two. The hub sums up what it books in the same
//! transaction as its cursor; where both cursors are equal, so must the sums be. What waits is
//! counted from what the segments hold, not from what is left of other sums: so the equation
//! *accepted = delivered + dropped + waiting* can fail, and then says where.
//!
//! What it never does: guess. Where it cannot be known what was delivered (the state was lost, the
//! hub has records that we lost), the lane is not compared any more in this life of the spool.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use protocol::block::{self, ItemCount, Record};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::{Counts, LaneDigest};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::catalog::SegmentInfo;
use super::cipher::Access;
use super::command::Command;
use super::disk::File;
use super::format;
use super::loss::Loss;
use super::owner::Owner;
use super::recover::open_segment;
use super::segment::{self, Extent, ItemCounts};
use super::state::State;
use super::{Spool, SpoolError};
use crate::ledger::{self, Equation};

/// Items of a lane that the hub has acknowledged, since the spool was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Which lane.
    pub lane: Lane,
    /// Up to this record.
    pub upto: Seq,
    /// All of them in one number.
    pub digest: LaneDigest,
    /// All of them by project and category.
    pub sums: Vec<ItemCount>,
}

impl Delivered {
    /// A lane of which nothing was delivered.
    const fn none(lane: Lane) -> Self {
        Self {
            lane,
            upto: Seq(0),
            digest: LaneDigest(0),
            sums: Vec::new(),
        }
    }

    fn add(&mut self, upto: Seq, items: &ItemCounts) {
        let mut sums = ItemCounts::new();
        segment::add_counts(&mut sums, &self.sums);
        for ((project, category), n) in items {
            self.digest.add(*project, *category, *n);
            *sums.entry((*project, *category)).or_default() += n;
        }
        self.sums = segment::list_counts(&sums);
        self.upto = upto;
    }
}

/// The relay's accounts as of one moment.
#[derive(Clone, Debug, Default)]
pub struct Balance {
    /// The moment, by the relay's clock.
    pub at: Timestamp,
    /// The ledger's sums, losses that are not yet written down included.
    pub totals: Counts,
    /// Items that were delivered, over all lanes.
    pub delivered: Vec<ItemCount>,
    /// Items that were not, over all lanes.
    pub waiting: Vec<ItemCount>,
    /// Whether what was delivered is known of every lane.
    pub is_whole: bool,
    /// Bytes of the filesystem.
    pub disk_bytes: u64,
    /// Bytes of it that are free.
    pub disk_free: u64,
}

impl Balance {
    /// The equation of each project and category.
    #[must_use]
    pub fn equations(&self) -> BTreeMap<ledger::Line, Equation> {
        let one = |count: &ItemCount| ((Some(count.project), count.category), count.n);
        let delivered = self.delivered.iter().map(one);
        ledger::equations(&self.totals, delivered, self.waiting.iter().map(one))
    }
}

/// How far a lane's cursor is into the segment it stands in.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk {
    serial: u64,
    /// Where the first frame begins that is not delivered entirely.
    at: u64,
    upto: Seq,
    /// Items of the segment up to there.
    counts: ItemCounts,
}

impl State {
    /// What is known to be delivered of a lane.
    fn delivered(&self, lane: Lane, upto: Seq) -> Option<Delivered> {
        let found = self.delivered.iter().find(|one| one.lane == lane);
        match found {
            Some(found) => (found.upto == upto).then(|| found.clone()),
            None => (upto == Seq(0)).then(|| Delivered::none(lane)),
        }
    }

    fn set_delivered(&mut self, lane: Lane, delivered: Option<Delivered>) {
        self.delivered.retain(|one| one.lane != lane);
        self.delivered.extend(delivered);
    }
}

impl Owner {
    /// Where the cursors are.
    pub(super) fn cursors(&mut self) -> [Seq; Lane::ALL.len()] {
        Lane::ALL.map(|lane| self.state.cursor(lane).acked)
    }

    /// Sums up what the cursors have moved over since they were at `before`.
    pub(super) fn deliver(&mut self, before: [Seq; Lane::ALL.len()]) {
        for (lane, from) in Lane::ALL.into_iter().zip(before) {
            let upto = self.state.cursor(lane).acked;
            if upto <= from {
                continue;
            }
            let known = self.state.delivered(lane, from);
            let was_known = known.is_some();
            // Beyond the next number the hub has records that we have not.
            let is_ours = upto < self.shared.catalog().lanes.get(lane).next;
            let passed = self.passed(lane, from, upto).filter(|_| is_ours);
            let delivered = known.zip(passed).map(|(mut delivered, passed)| {
                delivered.add(upto, &passed);
                delivered
            });
            if was_known && delivered.is_none() {
                tracing::warn!(%lane, upto = upto.0, "spool: what the hub has of this lane is not known, and not compared");
            }
            self.state.set_delivered(lane, delivered);
        }
    }

    /// Begins to walk anew, after cursors that were not written.
    pub(super) fn forget_walks(&mut self) {
        for writer in &mut self.writers.0 {
            writer.walk = Walk::default();
        }
    }

    /// The items of the records behind `from`, up to `upto`; `None` when the disk does not tell.
    fn passed(&mut self, lane: Lane, from: Seq, upto: Seq) -> Option<ItemCounts> {
        let mut items = ItemCounts::new();
        for info in self.segments(lane, from, upto) {
            let before = self.walk(lane, &info, from)?;
            let behind = self.walk(lane, &info, upto)?;
            for (account, n) in behind {
                let had = before.get(&account).copied().unwrap_or_default();
                *items.entry(account).or_default() += n.saturating_sub(had);
            }
        }
        Some(items)
    }

    /// The segments with records behind `from`, up to `upto`.
    fn segments(&self, lane: Lane, from: Seq, upto: Seq) -> Vec<SegmentInfo> {
        let catalog = self.shared.catalog();
        let segments = catalog.lanes.get(lane).segments.iter();
        segments
            .filter(|info| !info.is_empty() && info.next > from.next() && info.first <= upto)
            .cloned()
            .collect()
    }

    /// The items of a segment up to a record. Goes on where it was the last time.
    fn walk(&mut self, lane: Lane, info: &SegmentInfo, upto: Seq) -> Option<ItemCounts> {
        if upto < info.first {
            return Some(ItemCounts::new());
        }
        let walk = &self.writers.get(lane).walk;
        let goes_on = walk.serial == info.serial && walk.upto <= upto && info.map.is_none();
        if goes_on && walk.upto == upto {
            return Some(walk.counts.clone());
        }
        let mut walk = if goes_on {
            walk.clone()
        } else {
            Walk {
                serial: info.serial,
                at: info.start,
                ..Walk::default()
            }
        };
        let (dir, epoch) = (&self.shared.dir, self.shared.epoch);
        let file = open_segment(self.disk(), dir, lane, epoch, info).ok()?;
        let access = self.shared.keys.access(info.sealing.as_ref());
        let frames = Frames {
            file: &*file,
            epoch,
            lane,
            access: &access,
        };
        match &info.map {
            Some(map) => frames.go_by_map(&mut walk, map, &info.unsettled, upto),
            None => frames.go(&mut walk, info.end, upto),
        }
        .ok()??;
        walk.upto = upto;
        let counts = walk.counts.clone();
        self.writers.get_mut(lane).walk = walk;
        Some(counts)
    }

    /// Draws up the accounts, and shows them to whoever does not want to wait.
    pub(super) fn draw_up(&mut self) -> Arc<Balance> {
        let balance = Arc::new(self.balance());
        self.shared.balance().clone_from(&balance);
        balance
    }

    /// The accounts now.
    fn balance(&mut self) -> Balance {
        let mut balance = Balance {
            at: self.time.now(),
            totals: self.ledger.totals(),
            is_whole: true,
            ..Balance::default()
        };
        let pending = self.state.pending.iter().flat_map(|one| &one.counts);
        for (account, n) in pending {
            *balance.totals.entry(account.clone()).or_default() += n;
        }
        let (mut delivered, mut waiting) = (ItemCounts::new(), ItemCounts::new());
        for lane in Lane::ALL {
            let acked = self.state.cursor(lane).acked;
            match self.state.delivered(lane, acked) {
                Some(known) => segment::add_counts(&mut delivered, &known.sums),
                None => balance.is_whole = false,
            }
            for info in self.segments(lane, acked, Seq(u64::MAX)) {
                let Some(gone) = self.walk(lane, &info, acked) else {
                    balance.is_whole = false;
                    continue;
                };
                for count in &info.counts {
                    let account = (count.project, count.category);
                    let gone = gone.get(&account).copied().unwrap_or_default();
                    *waiting.entry(account).or_default() += count.n.saturating_sub(gone);
                }
            }
        }
        balance.delivered = segment::list_counts(&delivered);
        waiting.retain(|_, n| *n > 0);
        balance.waiting = segment::list_counts(&waiting);
        if let Ok(space) = self.disk().space(&self.shared.dir) {
            (balance.disk_bytes, balance.disk_free) = (space.total, space.free);
        }
        balance
    }
}

/// The frames of one segment.
struct Frames<'a> {
    file: &'a dyn File,
    epoch: Epoch,
    lane: Lane,
    access: &'a Access,
}

impl Frames<'_> {
    /// Walks on to `upto`; `None` where a frame is not as written.
    fn go(&self, walk: &mut Walk, end: u64, upto: Seq) -> io::Result<Option<()>> {
        // Of the frame the walk stopped in, a part may be counted already.
        let counted = walk.upto;
        while walk.at < end {
            let Some(head) = segment::frame_head(self.file, walk.at)? else {
                return Ok(None);
            };
            if head.first_seq > upto {
                break;
            }
            let extent = Extent::of(&head, walk.at);
            let is_whole = head.first_seq > counted && head.next_seq().0 <= upto.0 + 1;
            let meta_at = walk.at + format::HEAD_LEN as u64;
            let meta = segment::read_range(self.file, meta_at, head.meta_len as usize)?;
            match format::read_counts(&meta).filter(|_| is_whole) {
                Some(counts) => segment::add_counts(&mut walk.counts, &counts),
                None if self.add_block(walk, &extent, counted, upto)?.is_none() => return Ok(None),
                None => {}
            }
            if head.next_seq().0 > upto.0 + 1 {
                break;
            }
            walk.at += head.frame_len();
        }
        Ok(Some(()))
    }

    /// As [`Frames::go`] for a damaged segment, of which the good blocks are known, and what was
    /// under way before it was damaged: that was delivered, if the hub is past it.
    fn go_by_map(
        &self,
        walk: &mut Walk,
        map: &[Extent],
        unsettled: &[Loss],
        upto: Seq,
    ) -> io::Result<Option<()>> {
        for loss in unsettled.iter().take_while(|loss| loss.from <= upto) {
            match &loss.counts {
                Some(counts) if loss.next <= upto.next() => {
                    segment::add_counts(&mut walk.counts, counts);
                }
                _ => return Ok(None),
            }
        }
        for extent in map.iter().take_while(|extent| extent.first <= upto) {
            if self.add_block(walk, extent, Seq(0), upto)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Adds the items of a block's records behind `from`, up to `upto`.
    fn add_block(
        &self,
        walk: &mut Walk,
        extent: &Extent,
        from: Seq,
        upto: Seq,
    ) -> io::Result<Option<()>> {
        let block = segment::read_block(self.file, extent, self.epoch, self.lane, self.access)?;
        let Some((head, bytes)) = block else {
            return Ok(None);
        };
        if head.first_seq > from && head.last_seq() <= upto {
            segment::add_counts(&mut walk.counts, &head.counts);
            return Ok(Some(()));
        }
        let Ok((_, records)) = block::open(&bytes) else {
            return Ok(None);
        };
        let numbered = (head.first_seq.0..).zip(&records);
        let wanted = numbered.filter(|(seq, _)| *seq > from.0 && *seq <= upto.0);
        wanted.for_each(|(_, record): (u64, &Record)| {
            segment::add_record(&mut walk.counts, record);
        });
        Ok(Some(()))
    }
}

impl Spool {
    /// What the hub has acknowledged of a lane; `None` when that is not known.
    #[must_use]
    pub fn delivered(&self, lane: Lane) -> Option<Delivered> {
        let catalog = self.shared.catalog();
        let found = catalog.delivered.iter().find(|one| one.lane == lane);
        match found {
            Some(found) => Some(found.clone()),
            None => (catalog.lanes.get(lane).acked == Seq(0)).then(|| Delivered::none(lane)),
        }
    }

    /// The accounts as of one moment between two commits.
    ///
    /// # Errors
    /// [`SpoolError::Closed`].
    pub async fn balance(&self) -> Result<Arc<Balance>, SpoolError> {
        let permit = self.controls.acquire().await;
        let permit = permit.map_err(|_| SpoolError::Closed)?;
        let (done, answer) = oneshot::channel();
        self.send(Command::Balance { done })?;
        let balance = answer.await.map_err(|_| SpoolError::Closed);
        drop(permit);
        balance
    }

    /// The accounts as they were last drawn up, some seconds ago.
    #[must_use]
    pub fn last_balance(&self) -> Arc<Balance> {
        Arc::clone(&self.shared.balance())
    }
}
