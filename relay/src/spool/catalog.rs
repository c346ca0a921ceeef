//! What the spool holds, in memory: per lane its numbers and its segments, never a block.
//!
//! The owner changes it, readers look at it; nobody holds the lock over a call to the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use protocol::block::ItemCount;
use protocol::ids::{Lane, Seq};
use protocol::timestamp::Timestamp;

use super::balance::Delivered;
use super::cipher::Sealing;
use super::lanes::ByLane;
use super::loss::Loss;
use super::segment::{self, Extent, Summary};
use super::state::LostRange;
use super::{GapReason, LaneState};

/// All lanes.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) lanes: ByLane<Book>,
    /// Ranges without records, and why, where it is known.
    pub(super) gaps: Vec<LostRange>,
    /// What was delivered of each lane of which it is known.
    pub(super) delivered: Vec<Delivered>,
    /// Segments that nobody reads any more, but whose files are not deleted yet: they are counted as
    /// lost, or a commit left them that was given up.
    pub(super) given_away: Vec<(Lane, SegmentInfo)>,
}

/// One lane.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// The number the next record gets. Numbers below are durable.
    pub(super) next: Seq,
    /// The last number the hub has.
    pub(super) acked: Seq,
    /// The last segment, by serial, of which blocks were handed out to be sent.
    pub(super) handed: u64,
    /// Oldest first. The last one may take more blocks.
    pub(super) segments: VecDeque<SegmentInfo>,
    /// Where the last reader stopped.
    pub(super) hint: Option<Hint>,
    /// When the oldest record that the hub does not have was received.
    pub(super) oldest_received: Option<Timestamp>,
    /// The spool's age when it was committed, in milliseconds.
    pub(super) oldest_elapsed: Option<u64>,
    /// The spool's age when the hub last acknowledged something to this process, in milliseconds.
    pub(super) moved_elapsed: u64,
}

/// The frame behind the one that was read last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub(super) serial: u64,
    pub(super) next: Seq,
    pub(super) at: u64,
}

/// One segment.
#[derive(Clone, Debug)]
pub(super) struct SegmentInfo {
    pub(super) serial: u64,
    pub(super) first: Seq,
    /// The number behind the last record's; `first` while there is none.
    pub(super) next: Seq,
    pub(super) records: u64,
    /// Where frames begin.
    pub(super) start: u64,
    /// Where they end, as far as they are durable.
    pub(super) end: u64,
    /// Of the file.
    pub(super) bytes: u64,
    /// The spool's age at the last frame.
    pub(super) elapsed: u64,
    pub(super) received: Option<Timestamp>,
    /// Items, by project and category.
    pub(super) counts: Vec<ItemCount>,
    /// Takes no more blocks.
    pub(super) sealed: bool,
    /// How its blocks are encrypted, if they are.
    pub(super) sealing: Option<Sealing>,
    /// The spool's age when the hub had all of it.
    pub(super) delivered_at: Option<u64>,
    /// The good blocks of a damaged segment.
    pub(super) map: Option<Arc<Vec<Extent>>>,
    /// What of a damaged segment was handed out before the damage was found: the hub may have it.
    /// It is counted as lost when a reader asks for it again.
    pub(super) unsettled: Arc<Vec<Loss>>,
}

impl SegmentInfo {
    /// One without blocks.
    pub(super) fn new(
        serial: u64,
        first: Seq,
        start: u64,
        bytes: u64,
        sealing: Option<Sealing>,
    ) -> Self {
        Self {
            serial,
            first,
            next: first,
            records: 0,
            start,
            end: start,
            bytes,
            elapsed: 0,
            received: None,
            counts: Vec::new(),
            sealed: false,
            sealing,
            delivered_at: None,
            map: None,
            unsettled: Arc::default(),
        }
    }

    /// Whether a record is damaged here, and may be at the hub.
    pub(super) fn is_unsettled(&self, seq: Seq) -> bool {
        let mut unsettled = self.unsettled.iter();
        unsettled.any(|loss| (loss.from..loss.next).contains(&seq))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.next.0 <= self.first.0
    }

    pub(super) fn take(&mut self, summary: &Summary) {
        self.next = summary.next;
        self.records = summary.records;
        self.end = summary.end;
        self.bytes = self.bytes.max(summary.end);
        self.elapsed = summary.elapsed;
        self.received = summary.received;
        self.counts = segment::list_counts(&summary.counts);
    }
}

/// Where a number is to be looked for.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Not written yet.
    Empty,
    /// It has no record; nor have those up to this one.
    Gap(Seq),
    /// In this segment, if anywhere.
    In(SegmentInfo),
}

impl Book {
    pub(super) fn find(&self, from: Seq) -> Place {
        if from >= self.next {
            return Place::Empty;
        }
        let at = self
            .segments
            .partition_point(|segment| segment.next <= from);
        match self.segments.get(at) {
            Some(segment) if segment.first <= from => Place::In(segment.clone()),
            Some(segment) if segment.first.0 > 1 => Place::Gap(Seq(segment.first.0 - 1)),
            Some(_) | None => Place::Gap(Seq(self.next.0.saturating_sub(1))),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes of the blocks that the hub does not have. `acked_at` is where the first of them lies,
    /// as far as it was looked for: segment by serial, and place.
    pub(super) fn waiting_bytes(&self, acked_at: Option<(u64, u64)>) -> u64 {
        let behind = self
            .segments
            .iter()
            .rev()
            .take_while(|segment| segment.next > self.acked.next());
        behind
            .map(|segment| match acked_at {
                Some((serial, at)) if serial == segment.serial => segment.end.saturating_sub(at),
                _ => segment.end.saturating_sub(segment.start),
            })
            .sum()
    }

    /// The oldest segment of those not delivered that can be given away.
    ///
    /// One of which blocks were handed out and not acknowledged cannot: the hub may have them, so
    /// that nobody could say whether they were lost or applied. There are as many such segments as
    /// it takes to hold what may be under way, and the hub's next cursor settles them.
    pub(super) fn spare(&self) -> Option<&SegmentInfo> {
        self.segments.iter().find(|segment| {
            let is_under_way = segment.serial <= self.handed && segment.next > self.acked.next();
            !segment.is_empty() && !is_under_way && segment.delivered_at.is_none()
        })
    }

    pub(super) fn segment(&mut self, serial: u64) -> Option<&mut SegmentInfo> {
        self.segments
            .iter_mut()
            .find(|segment| segment.serial == serial)
    }

    pub(super) fn state(&self) -> LaneState {
        let waiting = self
            .segments
            .iter()
            .filter(|segment| segment.next.0 > self.acked.0 + 1);
        let (bytes, records) = waiting.fold((0, 0), |(bytes, records), segment| {
            let acked = (self.acked.0 + 1).saturating_sub(segment.first.0);
            let waiting = segment.records.saturating_sub(acked);
            (
                bytes + segment.end.saturating_sub(segment.start),
                records + waiting,
            )
        });
        let oldest = self
            .segments
            .iter()
            .find(|segment| segment.next.0 > self.acked.0 + 1)
            .map_or(self.next, |segment| segment.first.max(self.acked.next()));
        LaneState {
            oldest,
            next: self.next,
            acked: self.acked,
            bytes,
            records,
            oldest_received_at: self.oldest_received,
        }
    }
}

impl Catalog {
    /// Bytes of all segments.
    pub(super) fn bytes(&self) -> u64 {
        let given_away = self.given_away.iter().map(|(_, segment)| segment.bytes);
        let kept = self.lanes.0.iter().map(Book::bytes);
        kept.chain(given_away).sum()
    }

    /// Whether the file of a segment that was given away is there yet, of these numbers.
    pub(super) fn is_on_disk(&self, gap: &LostRange) -> bool {
        self.given_away.iter().any(|(lane, segment)| {
            *lane == gap.lane && segment.first <= gap.to && gap.from < segment.next
        })
    }

    /// Takes a segment from its lane: it is counted as lost, so nobody is to read it any more.
    pub(super) fn give_away(&mut self, lane: Lane, serial: u64) {
        let segments = &mut self.lanes.get_mut(lane).segments;
        let at = segments.iter().position(|segment| segment.serial == serial);
        let given = at.and_then(|at| segments.remove(at));
        self.given_away.extend(given.map(|segment| (lane, segment)));
    }

    /// Why `from` to `to` have no records, and how far that reason reaches.
    pub(super) fn reason(&self, lane: Lane, from: Seq, to: Seq) -> (Seq, GapReason) {
        let of_lane = self.gaps.iter().filter(|gap| gap.lane == lane);
        let mut reach = to;
        for gap in of_lane {
            if gap.from <= from && from <= gap.to {
                return (gap.to.min(to), gap.reason);
            }
            if gap.from > from && gap.from <= reach {
                reach = Seq(gap.from.0 - 1);
            }
        }
        let acked = self.lanes.get(lane).acked;
        if from <= acked {
            (reach.min(acked), GapReason::Acknowledged)
        } else {
            (reach, GapReason::Corrupt)
        }
    }
}
