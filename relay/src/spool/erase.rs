//! Takes records out of what waits, because somebody is to be forgotten.
//!
//! A record that goes leaves an empty record of counts in its place, so that numbers have no
//! holes; its items are counted as evicted, with the reason `erased`. The segment is written anew
//! beside the old one; then the state says what is counted and which file replaces which; then the
//! new one takes the old one's name. Wherever the process ends, the segment is the old one and
//! nothing is counted, or it is the new one, or about to be, and everything is.
//!
//! What may be at the hub is left alone, as it is when room is needed: nobody could say whether it
//! was applied or removed. It goes with its acknowledgement. What is kept of what was delivered
//! goes by whole segments, and is counted nowhere: the hub has it.
//!
//! What it never does: keep the spool's thread from its work for longer than one segment takes.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{self, Builder, Head, LedgerDelta, Record};
use protocol::erasure::Wanted;
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::{Account, Counts, Term, reason};
use protocol::roster::Erasure;
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::catalog::SegmentInfo;
use super::disk::Disk;
use super::format::{self, FrameHead};
use super::owner::{Command, Owner};
use super::recover::open_segment;
use super::segment::{self, Extent, ItemCounts, Place, Summary};
use super::shared::Shared;
use super::state::State;
use super::{Spool, SpoolError};

/// Looks over all that is kept: the first brings events to light, the second finds the rest of
/// them. What comes meanwhile is not what was meant.
const LOOKS_MAX: usize = 2;

/// What became of an erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Records that were removed from what waited.
    pub records: u64,
    /// Their items.
    pub items: u64,
    /// Segments that hold some and were left, because they may be at the hub or are damaged.
    pub left: u64,
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

/// Where the answer to an erasure of one segment goes.
pub(super) type Done = oneshot::Sender<Result<Erased, SpoolError>>;

impl Erased {
    const LEFT: Self = Self {
        records: 0,
        items: 0,
        left: 1,
    };

    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.items += other.items;
        self.left += other.left;
    }
}

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
    /// [`SpoolError::NotReadable`], [`SpoolError::NotDurable`]; then some of it may be done, and
    /// the rest is done when it is asked for again. [`SpoolError::Closed`].
    pub async fn erase(&self, erasure: &Erasure) -> Result<Erased, SpoolError> {
        let (shared, wanted) = (Arc::clone(&self.shared), Wanted::new(erasure));
        let found = tokio::task::spawn_blocking(move || find(&shared, wanted)).await;
        let found = found.map_err(|_| SpoolError::Closed)?;
        let (wanted, segments) = found.map_err(|error| SpoolError::NotReadable(Arc::new(error)))?;
        let wanted = Arc::new(wanted);
        let mut erased = Erased::default();
        for (lane, serial) in segments {
            erased.add(
                self.erase_segment(lane, serial, Arc::clone(&wanted))
                    .await?,
            );
        }
        Ok(erased)
    }

    async fn erase_segment(
        &self,
        lane: Lane,
        serial: u64,
        wanted: Arc<Wanted>,
    ) -> Result<Erased, SpoolError> {
        let permit = self.controls.acquire().await;
        let permit = permit.map_err(|_| SpoolError::Closed)?;
        let (done, answer) = oneshot::channel();
        self.send(Command::Erase {
            lane,
            serial,
            wanted,
            done,
        })?;
        let erased = answer.await.map_err(|_| SpoolError::Closed)?;
        drop(permit);
        erased
    }
}

/// The segments with records that are wanted. Looks again when records brought events to light, as
/// other records of those may lie before.
fn find(shared: &Shared, mut wanted: Wanted) -> io::Result<(Wanted, Vec<(Lane, u64)>)> {
    let mut found = Vec::new();
    for _ in 0..LOOKS_MAX {
        let mut is_more = false;
        found.clear();
        for lane in Lane::ALL {
            let segments = shared.catalog().lanes.get(lane).segments.clone();
            for info in segments.iter().filter(|info| !info.is_empty()) {
                let mut has_some = false;
                visit(shared, lane, info, &mut |record| {
                    if let Record::Items(items) = record
                        && wanted.is_wanted(items)
                    {
                        has_some = true;
                        is_more |= wanted.note(items);
                    }
                })?;
                if has_some {
                    found.push((lane, info.serial));
                }
            }
        }
        if !is_more {
            break;
        }
    }
    Ok((wanted, found))
}

/// Shows every record of a segment that can be read. One that went away meanwhile has none.
fn visit(
    shared: &Shared,
    lane: Lane,
    info: &SegmentInfo,
    see: &mut dyn FnMut(&Record),
) -> io::Result<()> {
    let file = match open_segment(&*shared.disk, &shared.dir, lane, shared.epoch, info) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let access = shared.keys.access(info.sealing.as_ref());
    let place = Place {
        epoch: shared.epoch,
        lane,
        first: info.first,
        until: info.next,
        start: info.start,
        access: &access,
    };
    segment::scan(&*file, place, &mut |_, bytes| {
        if let Ok((_, records)) = block::open(bytes) {
            records.iter().for_each(&mut *see);
        }
    })?;
    Ok(())
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
    pub(super) fn erase(&mut self, lane: Lane, serial: u64, wanted: &Wanted) -> io::Result<Erased> {
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
            return Ok(Erased::default());
        };
        if info.delivered_at.is_some() {
            self.delete(lane, &info)?;
            self.disk().sync_dir(&self.writers.get(lane).dir)?;
            return Ok(Erased::default());
        }
        if info.serial <= handed || info.map.is_some() {
            return Ok(Erased::LEFT);
        }
        match self.without(lane, &info, wanted)? {
            Some(anew) if anew.n_records > 0 => self.replace(lane, &info, &anew),
            Some(_) => Ok(Erased::default()),
            None => Ok(Erased::LEFT),
        }
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
    fn replace(&mut self, lane: Lane, info: &SegmentInfo, anew: &Anew) -> io::Result<Erased> {
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
        let pending = self.state.pending.clone();
        self.add_pending(erased_counts(&anew.removed));
        self.state.rewritten = Some(rewritten);
        if let Err(error) = self.save() {
            // It may be written all the same: then the next opening makes the replacement. When a
            // state without it is written, the new file is of no use.
            (self.state.pending, self.state.rewritten) = (pending, None);
            if self.save().is_ok() {
                let _found_at_the_next_opening = self.disk().remove(&new);
            }
            return Err(error);
        }
        if let Err(error) = self.save() {
            // One of the two states knows of it, which is enough while that one is whole.
            self.note("state not written twice", &error);
        }
        self.finish_rewriting()?;
        Ok(Erased {
            records: anew.n_records,
            items: anew.removed.values().sum(),
            left: 0,
        })
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
        let is_wanted =
            |record: &Record| matches!(record, Record::Items(items) if wanted.is_wanted(items));
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
