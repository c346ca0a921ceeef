//! What there is: segments and lanes.

use std::io;
use std::path::PathBuf;

use protocol::ids::{Epoch, Lane, Seq};
use protocol::timestamp::Timestamp;
use serde::Serialize;

use super::super::disk::File;
use super::super::segment::{self, Summary};
use super::super::{format, quarantine};
use super::{InspectError, Inspector, SegmentFile, as_hex, as_name, if_there};

/// The spool at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// Its directory.
    pub dir: PathBuf,
    /// Its life.
    #[serde(serialize_with = "as_hex")]
    pub epoch: Epoch,
    /// Whether a relay has it open.
    pub is_running: bool,
    /// Every lane that was ever used, most important first.
    pub lanes: Vec<LaneRow>,
    /// Every segment, by lane, oldest first.
    pub segments: Vec<SegmentRow>,
    /// Damaged segments that are kept aside.
    pub quarantined: u64,
    /// Their bytes.
    pub quarantined_bytes: u64,
}

/// A lane.
#[derive(Clone, Debug, Serialize)]
pub struct LaneRow {
    /// Which.
    #[serde(serialize_with = "as_name")]
    pub lane: Lane,
    /// The last number the hub has.
    pub acked: Seq,
    /// The number the next record gets.
    pub next: Seq,
    /// Records the hub does not have.
    pub waiting: u64,
    /// Bytes of its segments.
    pub bytes: u64,
    /// When the oldest of what waits was received, as far as segments tell.
    pub oldest_received_at: Option<Timestamp>,
}

/// A segment.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentRow {
    /// Its file, within the spool's directory.
    pub file: PathBuf,
    /// Its lane.
    #[serde(serialize_with = "as_name")]
    pub lane: Lane,
    /// Its number in the order segments were made.
    pub serial: u64,
    /// Its first record.
    pub first: Seq,
    /// The number behind its last record.
    pub next: Seq,
    /// Records.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// When its oldest record was received.
    pub received_at: Option<Timestamp>,
    /// How long the spool has been open since its last record, in milliseconds.
    pub age_ms: u64,
    /// How it is.
    pub state: SegmentState,
    /// The name of the key it is encrypted with, if it is.
    pub key: Option<String>,
}

/// How a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentState {
    /// It takes blocks.
    Active,
    /// It takes no more.
    Sealed,
    /// The hub has all of it; it goes as soon as there is a next one.
    Delivered,
    /// Something in it is damaged and set aside.
    Damaged,
    /// Its header cannot be read, or is another version's or spool's.
    Unreadable,
}

impl SegmentState {
    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Sealed => "sealed",
            Self::Delivered => "delivered",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Inspector {
    /// Lists segments and lanes. Of sealed segments header and footer are read.
    ///
    /// # Errors
    /// [`InspectError::Read`].
    pub fn list(&self) -> Result<Listing, InspectError> {
        let mut segments = Vec::new();
        let mut lanes = Vec::new();
        for lane in Lane::ALL {
            let mut rows = Vec::new();
            for file in self.segments(lane)? {
                let row = self.row(&file).map_err(|source| self.error(source))?;
                rows.extend(row);
            }
            let row = self.lane_row(lane, &rows);
            if row.next > Seq(1) || !rows.is_empty() {
                lanes.push(row);
            }
            segments.extend(rows);
        }
        let kept = quarantine::count(&*self.disk, &self.dir);
        let (quarantined, quarantined_bytes) = kept.map_err(|source| self.error(source))?;
        Ok(Listing {
            dir: self.dir.clone(),
            epoch: self.state.epoch,
            is_running: self.is_running,
            lanes,
            segments,
            quarantined,
            quarantined_bytes,
        })
    }

    fn lane_row(&self, lane: Lane, rows: &[SegmentRow]) -> LaneRow {
        let acked = self.acked(lane);
        let end = rows.last().map_or(Seq(1), |row| row.next);
        let waiting = rows.iter().filter(|row| row.next > acked.next());
        let of_row = |row: &SegmentRow| {
            let delivered = acked.next().0.saturating_sub(row.first.0);
            row.records.saturating_sub(delivered)
        };
        LaneRow {
            lane,
            acked,
            next: end.max(self.promised(lane)),
            waiting: waiting.clone().map(of_row).sum(),
            bytes: rows.iter().map(|row| row.bytes).sum(),
            oldest_received_at: waiting.filter_map(|row| row.received_at).min(),
        }
    }

    fn row(&self, file: &SegmentFile) -> io::Result<Option<SegmentRow>> {
        let Some(opened) = if_there(self.disk.open(&file.path))? else {
            return Ok(None);
        };
        let bytes = opened.len()?;
        let mut row = SegmentRow {
            file: self.shown(&file.path),
            lane: file.lane,
            serial: file.serial,
            first: file.first,
            next: file.first,
            records: 0,
            bytes,
            received_at: None,
            age_ms: 0,
            state: SegmentState::Unreadable,
            key: None,
        };
        let header = segment::load_header(&*opened)?;
        let ours =
            header.filter(|read| read.header.epoch == file.epoch && read.header.lane == file.lane);
        let Some(read) = ours else {
            return Ok(Some(row));
        };
        row.key = read.header.sealing.map(|sealing| sealing.key.to_string());
        let footer = segment::load_footer(&*opened, bytes)?;
        let is_sealed = footer.is_some() || file.behind.is_some();
        let summary = match footer {
            Some(footer) => Summary::from_footer(&footer),
            None => self.heads(&*opened, file, read.start, read.header.elapsed)?,
        };
        row.next = summary.next;
        row.records = summary.records;
        row.received_at = summary.received;
        row.age_ms = self.state.elapsed.saturating_sub(summary.elapsed);
        let is_damaged =
            quarantine::holds(&*self.disk, &self.dir, file.lane, file.first, file.serial)?;
        row.state = if is_damaged {
            SegmentState::Damaged
        } else if summary.records > 0 && summary.next <= self.acked(file.lane).next() {
            SegmentState::Delivered
        } else if is_sealed {
            SegmentState::Sealed
        } else {
            SegmentState::Active
        };
        Ok(Some(row))
    }

    /// What the frames' heads of a segment without a footer say, as far as it is committed.
    fn heads(
        &self,
        opened: &dyn File,
        file: &SegmentFile,
        start: u64,
        elapsed: u64,
    ) -> io::Result<Summary> {
        let bound = file.behind.into_iter().chain(self.bound(file.lane)).min();
        let mut summary = Summary::empty(file.first, start, elapsed);
        while let Some(head) = segment::frame_head(opened, summary.end)? {
            if bound.is_some_and(|bound| head.next_seq() > bound) {
                break;
            }
            let end = summary.end + head.frame_len();
            let meta = segment::read_range(
                opened,
                summary.end + format::HEAD_LEN as u64,
                head.meta_len as usize,
            )?;
            segment::add_counts(
                &mut summary.counts,
                &format::read_counts(&meta).unwrap_or_default(),
            );
            summary.next = head.next_seq();
            summary.records += u64::from(head.count);
            summary.end = end;
            summary.date(head.received, head.elapsed);
        }
        Ok(summary)
    }
}
