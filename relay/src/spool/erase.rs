//! Takes records out of what waits, because somebody is to be forgotten.
//!
//! A record that goes leaves an empty record of counts in its place, so that numbers have no
//! holes; its items are counted as evicted, with the reason `erased`. The segment is written anew
//! beside the old one; then the state says what is counted and which file replaces which; then the
//! new one takes the old one's name. Wherever the process ends, the segment is the old one and
//! nothing is counted, or it is the new one, or about to be, and everything is.
//!
//! What may be at the hub is left alone, as it is when room is needed: nobody could say whether it
//! was applied or removed. It goes with its acknowledgement. So does what cannot be read, of which
//! nobody can say whose it is. What is kept of what was delivered goes by whole segments, and is
//! counted nowhere: the hub has it. So do copies of damaged segments.
//!
//! What an erasure has removed is summed up in the state, with what is counted, so that no failure
//! and no restart makes its receipt tell less.
//!
//! What it never does: keep the spool's thread from its work for longer than one segment takes.

mod find;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{self, Builder, Head, LedgerDelta, Record};
use protocol::erasure::Wanted;
use protocol::ids::{Epoch, Lane, Seq};
use protocol::limits::ROSTER_ERASURES_MAX;
use protocol::outcome::{Account, Counts, Term, reason};
use protocol::roster::Erasure;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::catalog::SegmentInfo;
use super::command::Command;
use super::disk::Disk;
use super::format::{self, FrameHead};
use super::owner::Owner;
use super::recover::open_segment;
use super::segment::{self, Extent, ItemCounts, Summary};
use super::state::State;
use super::{Spool, SpoolError, quarantine};

/// Erasures whose sums are remembered; those that were asked for first are forgotten first.
const SUMS_MAX: usize = 2 * ROSTER_ERASURES_MAX;

/// What became of an erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Records that were ever removed from what waited.
    pub records: u64,
    /// Their items.
    pub items: u64,
    /// Files that may hold more: they may be at the hub, cannot be read, or could not be changed.
    pub left: u64,
}

/// What an erasure has removed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErasedSum {
    id: u64,
    records: u64,
    items: u64,
}

/// What is sought, and for which erasure.
#[derive(Debug)]
pub(super) struct Sought {
    id: u64,
    wanted: Wanted,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is not there any more.
    Gone,
    /// It holds nothing that is wanted, as far as it can be read.
    Clean,
    /// It is as it was.
    Left,
}

/// A segment that is about to be replaced by one written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rewritten {
    lane: Lane,
    first: Seq,
    serial: u64,
    /// Tells the new file from others that were to replace the same segment.
    by: u64,
}

/// Where the answer to a part of an erasure goes.
pub(super) type Done<T> = oneshot::Sender<Result<T, SpoolError>>;

impl Rewritten {
    fn old(&self, dir: &Path, epoch: Epoch) -> PathBuf {
        segment::lane_dir(dir, self.lane, epoch).join(segment::file_name(self.first, self.serial))
    }

    fn replacement(&self, dir: &Path, epoch: Epoch) -> PathBuf {
        let name = segment::file_name(self.first, self.serial);
        segment::lane_dir(dir, self.lane, epoch).join(format!("{name}.{:08x}", self.by))
    }

    /// Gives the new file the old one's name, if that was not done. Every prefix of it can be
    /// gone on with.
    fn swap(&self, disk: &dyn Disk, dir: &Path, epoch: Epoch) -> io::Result<()> {
        let lane_dir = segment::lane_dir(dir, self.lane, epoch);
        let (old, new) = (self.old(dir, epoch), self.replacement(dir, epoch));
        let entries = disk.list(&lane_dir)?;
        let is_there = |name: &OsStr| entries.iter().any(|entry| *entry.name == *name);
        if !new.file_name().is_some_and(is_there) {
            return Ok(());
        }
        match disk.remove(&old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        disk.link(&new, &old)?;
        disk.sync_dir(&lane_dir)?;
        disk.remove(&new)
    }
}

/// Ends at an opening what a process before began: a replacement that the state knows is made, and
/// files that were to replace others go.
pub(super) fn settle(disk: &dyn Disk, dir: &Path, state: &mut State) -> io::Result<()> {
    if let Some(rewritten) = state.rewritten.take() {
        rewritten.swap(disk, dir, state.epoch)?;
    }
    for lane in Lane::ALL {
        let lane_dir = segment::lane_dir(dir, lane, state.epoch);
        for entry in disk.list(&lane_dir)? {
            if entry.name.contains(".seg.") {
                disk.remove(&lane_dir.join(entry.name))?;
            }
        }
    }
    Ok(())
}

impl Spool {
    /// Removes records from what is kept, as far as they are not at the hub. When this answers,
    /// they are gone from the disk and counted.
    ///
    /// # Errors
    /// [`SpoolError::Closed`]. What cannot be read or written is left, and done when it is asked
    /// for again.
    pub async fn erase(&self, erasure: &Erasure) -> Result<Erased, SpoolError> {
        let (shared, wanted) = (Arc::clone(&self.shared), Wanted::new(erasure));
        let found = tokio::task::spawn_blocking(move || find::find(&shared, wanted)).await;
        let (wanted, segments) = found.map_err(|_| SpoolError::Closed)?;
        let id = erasure.id;
        let sought = Arc::new(Sought { id, wanted });
        let mut left = 0;
        for found in segments {
            let sought = Arc::clone(&sought);
            let erase = |done| Command::Erase {
                lane: found.lane,
                serial: found.serial,
                sought,
                done,
            };
            left += match self.part_of_erasure(erase).await {
                Ok(Fate::Gone) => 0,
                Ok(Fate::Clean) => u64::from(!found.is_whole),
                Ok(Fate::Left) => 1,
                Err(SpoolError::Closed) => return Err(SpoolError::Closed),
                Err(error) => {
                    let lane = found.lane;
                    tracing::warn!(erasure.id = id, %lane, %error, "spool: not erased yet");
                    1
                }
            };
        }
        let end = |done| Command::EndErasure { id, done };
        let erased = self.part_of_erasure(end).await?;
        left += erased.left;
        Ok(Erased { left, ..erased })
    }

    async fn part_of_erasure<T>(
        &self,
        command: impl FnOnce(Done<T>) -> Command,
    ) -> Result<T, SpoolError> {
        let permit = self.controls.acquire().await;
        let permit = permit.map_err(|_| SpoolError::Closed)?;
        let (done, answer) = oneshot::channel();
        self.send(command(done))?;
        let answered = answer.await.map_err(|_| SpoolError::Closed)?;
        drop(permit);
        answered
    }
}

/// A segment's bytes without what was wanted.
struct Anew {
    bytes: Vec<u8>,
    summary: Summary,
    removed: ItemCounts,
    n_records: u64,
}

impl Owner {
    /// Removes the wanted records of one segment.
    pub(super) fn erase(&mut self, lane: Lane, serial: u64, sought: &Sought) -> io::Result<Fate> {
        self.finish_rewriting()?;
        let active = self.writers.get(lane).active.as_ref();
        if active.is_some_and(|active| active.serial == serial) {
            self.rotate(lane)?;
        }
        self.note_delivered(lane);
        let (info, handed) = {
            let mut catalog = self.shared.catalog();
            let book = catalog.lanes.get_mut(lane);
            (book.segment(serial).cloned(), book.handed)
        };
        let Some(info) = info else {
            return Ok(Fate::Gone);
        };
        if info.delivered_at.is_some() {
            self.delete(lane, &info)?;
            self.disk().sync_dir(&self.writers.get(lane).dir)?;
            return Ok(Fate::Gone);
        }
        if info.serial <= handed || info.map.is_some() {
            return Ok(Fate::Left);
        }
        match self.without(lane, &info, &sought.wanted)? {
            Some(anew) if anew.n_records > 0 => self.replace(lane, &info, &anew, sought.id),
            Some(_) => Ok(Fate::Clean),
            None => Ok(Fate::Left),
        }
    }

    /// Removes the copies of damaged segments that are not in use any more, whosever records they
    /// hold, and tells what the erasure has removed.
    pub(super) fn end_erasure(&self, id: u64) -> io::Result<Erased> {
        let is_used = |lane, first, serial| {
            let catalog = self.shared.catalog();
            let mut segments = catalog.lanes.get(lane).segments.iter();
            segments.any(|segment| (segment.first, segment.serial) == (first, serial))
        };
        let left = quarantine::drop_unused(self.disk(), &self.shared.dir, &is_used)?;
        let (n, bytes) = quarantine::count(self.disk(), &self.shared.dir)?;
        let mut health = self.shared.health();
        (health.quarantined, health.quarantined_bytes) = (n, bytes);
        let sum = self.state.erased.iter().find(|sum| sum.id == id);
        Ok(Erased {
            records: sum.map_or(0, |sum| sum.records),
            items: sum.map_or(0, |sum| sum.items),
            left,
        })
    }

    /// The segment without the wanted records; `None` when it is not as written.
    fn without(&self, lane: Lane, info: &SegmentInfo, wanted: &Wanted) -> io::Result<Option<Anew>> {
        let (epoch, dir) = (self.shared.epoch, &self.shared.dir);
        let file = open_segment(self.disk(), dir, lane, epoch, info)?;
        let access = self.shared.keys.access(info.sealing.as_ref());
        let header_len = usize::try_from(info.start).unwrap_or(usize::MAX);
        let mut anew = Anew {
            bytes: segment::read_range(&*file, 0, header_len)?,
            summary: Summary::empty(info.first, info.start, 0),
            removed: ItemCounts::new(),
            n_records: 0,
        };
        let mut at = info.start;
        while at < info.end {
            let Some(frame) = segment::frame_head(&*file, at)? else {
                return Ok(None);
            };
            let extent = Extent::of(&frame, at);
            let Some((head, bytes)) = segment::read_block(&*file, &extent, epoch, lane, &access)?
            else {
                return Ok(None);
            };
            let head = match anew.rebuild(&head, &bytes, frame.received, wanted)? {
                Some(sealed) => {
                    let new = FrameHead::new(&sealed.head, frame.received, frame.elapsed);
                    let block = access.seal(epoch, lane, &sealed.bytes)?;
                    format::write_frame(&mut anew.bytes, new, &sealed.head.counts, &block);
                    sealed.head
                }
                None => {
                    let len = usize::try_from(frame.frame_len()).unwrap_or(usize::MAX);
                    let whole = segment::read_range(&*file, at, len)?;
                    anew.bytes.extend_from_slice(&whole);
                    head
                }
            };
            anew.summary.add(&head, anew.bytes.len() as u64);
            anew.summary.date(frame.received, frame.elapsed);
            at = extent.end();
        }
        let footer = format::write_footer(&anew.summary.to_footer());
        anew.bytes.extend(footer.ok_or(io::ErrorKind::InvalidData)?);
        Ok(Some(anew))
    }

    /// Puts the new bytes in the segment's place, and counts what is not in them.
    fn replace(
        &mut self,
        lane: Lane,
        info: &SegmentInfo,
        anew: &Anew,
        id: u64,
    ) -> io::Result<Fate> {
        // A serial is not used again, so the file is another than any before.
        self.state.serial += 1;
        let rewritten = Rewritten {
            lane,
            first: info.first,
            serial: info.serial,
            by: self.state.serial,
        };
        let new = rewritten.replacement(&self.shared.dir, self.shared.epoch);
        let written = self.disk().create(&new).and_then(|file| {
            file.write_at(&anew.bytes, 0)?;
            file.sync()?;
            self.disk().sync_dir(&self.writers.get(lane).dir)
        });
        if let Err(error) = written {
            let _found_at_the_next_opening = self.disk().remove(&new);
            return Err(error);
        }
        let before = (self.state.pending.clone(), self.state.erased.clone());
        self.add_pending(erased_counts(&anew.removed));
        self.state.add_erased(id, anew);
        self.state.rewritten = Some(rewritten);
        if let Err(error) = self.save() {
            // It may be written all the same: then the next opening makes the replacement. When a
            // state without it is written, the new file is of no use.
            (self.state.pending, self.state.erased) = before;
            self.state.rewritten = None;
            self.doubt();
            if self.settle().is_ok() {
                let _found_at_the_next_opening = self.disk().remove(&new);
            }
            return Err(error);
        }
        if let Err(error) = self.save() {
            // One of the two states knows of it, which is enough while that one is whole.
            self.note("state not written twice", &error);
        }
        if let Err(error) = self.finish_rewriting() {
            // It is counted, and the old file goes by and by.
            self.note("segment not replaced yet", &error);
            return Ok(Fate::Left);
        }
        Ok(Fate::Clean)
    }

    /// Makes a replacement that is written down. What fails is tried again by and by.
    pub(super) fn finish_rewriting(&mut self) -> io::Result<()> {
        let Some(rewritten) = self.state.rewritten else {
            return Ok(());
        };
        let Rewritten { lane, serial, .. } = rewritten;
        if self
            .shared
            .catalog()
            .lanes
            .get_mut(lane)
            .segment(serial)
            .is_none()
        {
            // It was given away meanwhile.
            self.state.rewritten = None;
            let new = rewritten.replacement(&self.shared.dir, self.shared.epoch);
            return match self.disk().remove(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        rewritten.swap(self.disk(), &self.shared.dir, self.shared.epoch)?;
        let path = rewritten.old(&self.shared.dir, self.shared.epoch);
        let file = self.disk().open(&path)?;
        let bytes = file.len()?;
        let footer = segment::load_footer(&*file, bytes)?.ok_or(io::ErrorKind::InvalidData)?;
        self.state.rewritten = None;
        {
            let mut catalog = self.shared.catalog();
            let book = catalog.lanes.get_mut(lane);
            book.hint = book.hint.filter(|hint| hint.serial != serial);
            if let Some(segment) = book.segment(serial) {
                segment.take(&Summary::from_footer(&footer));
                segment.bytes = bytes;
                segment.sealed = true;
            }
        }
        self.shared.index.forget(lane, serial);
        self.shared.notify();
        Ok(())
    }
}

impl Anew {
    /// A block without what is wanted of it; `None` when nothing is, or it cannot be opened.
    fn rebuild(
        &mut self,
        head: &Head,
        bytes: &[u8],
        at: Timestamp,
        wanted: &Wanted,
    ) -> io::Result<Option<block::Sealed>> {
        let is_wanted = |record: &Record| wanted.wants(record);
        let Ok((_, records)) = block::open(bytes) else {
            return Ok(None);
        };
        if !records.iter().any(is_wanted) {
            return Ok(None);
        }
        let mut builder = Builder::with_dict(head.epoch, head.lane, head.first_seq, head.dict);
        let stand_in = Record::Ledger(LedgerDelta {
            at,
            counts: Vec::new(),
        });
        for record in &records {
            let is_wanted = is_wanted(record);
            if is_wanted {
                segment::add_record(&mut self.removed, record);
                self.n_records += 1;
            }
            let kept = if is_wanted { &stand_in } else { record };
            builder.push(kept).map_err(io::Error::other)?;
        }
        builder.seal().map(Some).map_err(io::Error::other)
    }
}

impl State {
    fn add_erased(&mut self, id: u64, anew: &Anew) {
        let (records, items) = (anew.n_records, anew.removed.values().sum::<u64>());
        if let Some(sum) = self.erased.iter_mut().find(|sum| sum.id == id) {
            sum.records += records;
            sum.items += items;
            return;
        }
        self.erased.push(ErasedSum { id, records, items });
        self.erased.sort_by_key(|sum| sum.id);
        let n_over = self.erased.len().saturating_sub(SUMS_MAX);
        self.erased.drain(..n_over);
    }
}

fn erased_counts(items: &ItemCounts) -> Counts {
    let account = |(&(project, category), &n): (&(_, _), &u64)| {
        let account = Account {
            project: Some(project),
            category,
            term: Term::Evicted,
            reason: reason::ERASED.into(),
        };
        (account, n)
    };
    items.iter().map(account).collect()
}
