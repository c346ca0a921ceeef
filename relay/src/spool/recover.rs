//! Opening a spool directory, in whatever state it is.
//!
//! The work does not grow with what the sealed segments hold: of them header and footer are read;
//! the last segment of each lane is read whole. What is damaged is set aside and counted, and
//! never stops the opening.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{self, ItemCount, Record};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::{Account, Counts, Reason, Term, reason};

use super::GapReason;
use super::catalog::{Book, Catalog, SegmentInfo};
use super::cipher::{Access, KeyId, Keys};
use super::disk::{Disk, File, is_full};
use super::erase;
use super::format::{self, ReadHeader};
use super::lanes::ByLane;
use super::loss::{self, Loss};
use super::quarantine;
use super::retain::BALLAST_NAME;
use super::segment::{self, Extent, Place, Scan, Summary};
use super::shared::Health;
use super::state::{LostRange, Mark, Slots, State};
use super::untold::Spot;
use super::writer::{Active, Unsure, Writer};

/// An opened spool, before its owner starts.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) slots: Slots,
    pub(super) mark: Mark,
    pub(super) catalog: Catalog,
    pub(super) writers: ByLane<Writer>,
    pub(super) health: Health,
    /// Damage that was not known before.
    pub(super) losses: Vec<Loss>,
}

/// Reads the directory.
pub(super) fn recover(disk: &Arc<dyn Disk>, dir: &Path, keys: &Keys) -> io::Result<Recovered> {
    let mut slots = Slots::new(Arc::clone(disk), dir.to_path_buf());
    let (state, slot_damaged) = slots.read()?;
    let known = state.is_some();
    let mut state = match state {
        Some(mut state) => {
            make_sure(disk, dir, &mut slots, &mut state)?;
            state
        }
        None => State::new(find_epoch(&**disk, dir)?.map_or_else(|| disk.random().map(Epoch), Ok)?),
    };
    erase::settle(&**disk, dir, &mut state)?;
    let (mark, marked) = Mark::open(&**disk, dir, state.epoch);
    let mut health = Health {
        repaired: u64::from(slot_damaged),
        ..Health::default()
    };
    let mut losses = Vec::new();
    let gaps = state.gaps.clone();
    let mut serial = state.serial;
    let mut books = ByLane::<Book>::default();
    let mut writers = ByLane::from_fn(|_| Writer::default());
    for lane in Lane::ALL {
        let cursor = *state.cursor(lane);
        let promised = cursor.next.max(*marked.get(lane));
        let mut opening = Opening {
            disk: &**disk,
            dir,
            keys,
            lane,
            epoch: state.epoch,
            known,
            promised,
            gaps: &gaps,
            health: &mut health,
            losses: &mut losses,
            serial: &mut serial,
        };
        let (mut book, writer) = opening.lane(cursor.acked)?;
        if !known {
            // Without a cursor everything that is there is sent again; the hub knows better.
            let first = book
                .segments
                .front()
                .map_or(book.next, |segment| segment.first);
            book.acked = Seq(first.0.saturating_sub(1));
        }
        let last = book.segments.back().map_or(0, |segment| segment.serial);
        // Without a state nobody knows what was handed out.
        book.handed = if known { cursor.handed } else { last };
        *state.cursor(lane) = super::state::LaneCursor {
            next: book.next,
            acked: book.acked,
            handed: book.handed,
        };
        let newest = book.segments.iter().map(|segment| segment.elapsed).max();
        state.elapsed = state.elapsed.max(newest.unwrap_or(0));
        *books.get_mut(lane) = book;
        *writers.get_mut(lane) = writer;
    }
    state.serial = serial;
    if let Some(pending) = state.pending.take() {
        let spot = Spot {
            disk: &**disk,
            dir,
            keys,
            epoch: state.epoch,
        };
        let book = books.get(pending.lane);
        state.pending = spot.untold(pending, book)?;
    }
    let (n, bytes) = quarantine::count(&**disk, dir)?;
    health.quarantined = n;
    health.quarantined_bytes = bytes;
    let delivered = state.delivered.clone();
    Ok(Recovered {
        state,
        slots,
        mark,
        catalog: Catalog {
            lanes: books,
            gaps,
            delivered,
            given_away: Vec::new(),
        },
        writers,
        health,
        losses,
    })
}

/// Writes the state that was read anew: the last process may have died before the disk had taken it,
/// and files are deleted from here on because of what it says.
fn make_sure(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    slots: &mut Slots,
    state: &mut State,
) -> io::Result<()> {
    match slots.write(state) {
        Err(error) if is_full(&error) && disk.remove(&dir.join(BALLAST_NAME)).is_ok() => {
            slots.write(state)
        }
        written => written,
    }
}

/// A key without which the spool cannot be opened: one that encrypts records which were not
/// delivered, or parts of the ledger.
pub(super) fn missing_key(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    keys: &Keys,
) -> io::Result<Option<KeyId>> {
    let (state, _) = Slots::new(Arc::clone(disk), dir.to_path_buf()).read()?;
    let epoch = match &state {
        Some(state) => Some(state.epoch),
        None => find_epoch(&**disk, dir)?,
    };
    let Some(epoch) = epoch else { return Ok(None) };
    for lane in Lane::ALL {
        let acked = state.as_ref().map(|state| state.lanes.get(lane).acked);
        let lane_dir = segment::lane_dir(dir, lane, epoch);
        for entry in disk.list(&lane_dir)? {
            let Some((first, _)) = segment::parse_file_name(&entry.name) else {
                continue;
            };
            let file = disk.open(&lane_dir.join(&entry.name))?;
            let Some(read) = segment::load_header(&*file)? else {
                continue;
            };
            let access = keys.access(read.header.sealing.as_ref());
            let Some(sealing) = read.header.sealing.filter(|_| access.is_missing()) else {
                continue;
            };
            let place = Place {
                epoch,
                lane,
                first,
                until: Seq(u64::MAX),
                start: read.start,
                access: &access,
            };
            let summary = segment::scan(&*file, place, &mut |_, _| {})?.summary;
            let is_delivered = acked.is_some_and(|acked| summary.next <= acked.next());
            let is_ledger = lane.live() == Lane::Control;
            if summary.records > 0 && (is_ledger || !is_delivered) {
                return Ok(Some(sealing.key));
            }
        }
    }
    Ok(None)
}

/// The epoch of segments whose state is lost: that of which there are most.
pub(super) fn find_epoch(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Epoch>> {
    let mut best: Option<(usize, Epoch)> = None;
    for lane in Lane::ALL {
        for entry in disk.list(&dir.join(lane.to_string()))? {
            let Ok(epoch) = u64::from_str_radix(&entry.name, 16).map(Epoch) else {
                continue;
            };
            let n = disk.list(&segment::lane_dir(dir, lane, epoch))?.len();
            if n > 0 && best.is_none_or(|(most, _)| n > most) {
                best = Some((n, epoch));
            }
        }
    }
    Ok(best.map(|(_, epoch)| epoch))
}

struct Opening<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    keys: &'a Keys,
    lane: Lane,
    epoch: Epoch,
    /// Whether the state was read, and with it the cursor.
    known: bool,
    /// Records below this number were committed.
    promised: Seq,
    /// What is known to have no records.
    gaps: &'a [LostRange],
    health: &'a mut Health,
    losses: &'a mut Vec<Loss>,
    /// The highest serial that a file has, whatever is in it.
    serial: &'a mut u64,
}

impl Opening<'_> {
    fn lane(&mut self, acked: Seq) -> io::Result<(Book, Writer)> {
        let dir = segment::lane_dir(self.dir, self.lane, self.epoch);
        self.disk.make_dir(&dir)?;
        let mut files: Vec<(Seq, u64)> = self
            .disk
            .list(&dir)?
            .iter()
            .filter_map(|entry| segment::parse_file_name(&entry.name))
            .collect();
        files.sort_by_key(|(_, serial)| *serial);
        if let Some((_, serial)) = files.last() {
            *self.serial = (*self.serial).max(*serial);
        }
        files.retain(|(first, serial)| {
            !self.is_unfinished(*first, &dir.join(segment::file_name(*first, *serial)))
        });
        // The last one carries on the lane's numbers and totals.
        let last = files.last().copied();
        files.retain(|(first, serial)| {
            let goes = Some((*first, *serial)) != last && self.begins_given_away(*first);
            if goes {
                self.give_away(&dir.join(segment::file_name(*first, *serial)));
            }
            !goes
        });
        self.drop_unused(&dir, &mut files)?;
        let mut book = Book {
            acked,
            next: Seq(1),
            ..Book::default()
        };
        let mut writer = Writer {
            dir: dir.clone(),
            ..Writer::default()
        };
        let mut behind = files
            .iter()
            .skip(1)
            .map(|(first, _)| *first)
            .collect::<VecDeque<_>>();
        for (first, serial) in files {
            let path = dir.join(segment::file_name(first, serial));
            match behind.pop_front() {
                Some(next) if self.is_given_away(first, next, acked) => self.give_away(&path),
                Some(next) => match self.sealed(&path, first, serial, next.min(self.end(first))) {
                    Ok(info) if self.is_given_away(first, info.next, acked) => {
                        self.give_away(&path);
                    }
                    Ok(info) => book.segments.push_back(info),
                    Err(error) => self.unreadable(&path, &error),
                },
                None => {
                    let last = self.last(&path, first, serial, &mut writer);
                    match last {
                        Ok(info) => book.segments.push_back(info),
                        Err(error) => self.unreadable(&path, &error),
                    }
                }
            }
        }
        self.find_missing(&book, acked);
        let end = book.segments.back().map_or(Seq(1), |segment| segment.next);
        book.next = end.max(self.promised).max(acked.next());
        if book.next > end {
            self.losses
                .push(Loss::unknown(self.lane, end.max(acked.next()), book.next));
        }
        book.oldest_received = book
            .segments
            .iter()
            .find(|segment| segment.next.0 > acked.0 + 1)
            .and_then(|segment| segment.received);
        Ok((book, writer))
    }

    /// Whether a segment begins among numbers that were given away. Records are given away by whole
    /// segments, so all of it was; if it goes on behind them, it is what a commit left that was given
    /// up, and the numbers were given out again.
    fn begins_given_away(&self, first: Seq) -> bool {
        let mut gaps = self.gaps.iter();
        gaps.any(|gap| {
            gap.lane == self.lane
                && gap.reason != GapReason::Corrupt
                && (gap.from..=gap.to).contains(&first)
        })
    }

    /// Whether all that the hub does not have of these numbers is counted as lost.
    fn is_given_away(&self, first: Seq, next: Seq, acked: Seq) -> bool {
        let whole = Loss::unknown(self.lane, first, next);
        next > acked.next() && whole.beyond(self.gaps, acked).is_empty()
    }

    /// A file whose records are counted as lost: that was written down, the file not yet deleted.
    fn give_away(&self, path: &Path) {
        let _retried_at_the_next_start = self.disk.remove(path);
    }

    /// Where a segment ends at the latest. Records are given away by whole segments, so that none
    /// goes on into numbers that were: blocks with these are of a commit that was given up.
    fn end(&self, first: Seq) -> Seq {
        let is_behind = |gap: &&LostRange| {
            gap.lane == self.lane && gap.reason != GapReason::Corrupt && gap.from > first
        };
        let behind = self.gaps.iter().filter(is_behind).map(|gap| gap.from);
        behind.min().unwrap_or(Seq(u64::MAX))
    }

    /// Whether making this segment was cut short: its header is synced before anything else is
    /// written to it, so one with neither header nor block was never used. It goes; one that the
    /// disk does not let go is passed over, for it tells nothing of what its lane has counted.
    fn is_unfinished(&self, first: Seq, path: &Path) -> bool {
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: Seq(u64::MAX),
            start: 0,
            access: &Access::Plain,
        };
        let look = || -> io::Result<bool> {
            let file = self.disk.open(path)?;
            let has_frames = || -> io::Result<bool> {
                let scan = segment::scan(&*file, place, &mut |_, _| {})?;
                Ok(!scan.blocks.is_empty() || !scan.damage.is_empty())
            };
            let unused = segment::load_header(&*file)?.is_none() && !has_frames()?;
            if unused && self.promised > first {
                // It was used once: whoever wants to know what became of it finds it.
                quarantine::keep(self.disk, self.dir, self.lane, path)?;
            }
            Ok(unused)
        };
        let is_unfinished = look().unwrap_or(false);
        if is_unfinished && let Err(error) = self.disk.remove(path) {
            tracing::warn!(error = %error, "spool: {} was never used and stays", path.display());
        }
        is_unfinished
    }

    /// Segments that were made while the one before still took blocks, after an error: they have
    /// no blocks, and numbers that are taken.
    fn drop_unused(&self, dir: &Path, files: &mut Vec<(Seq, u64)>) -> io::Result<()> {
        let mut at = 0;
        while let (Some((first, serial)), Some(behind)) = (files.get(at), files.get(at + 1)) {
            let before = self.content(dir, *first, *serial);
            let is_taken = before.is_ok_and(|(next, _)| next > behind.0);
            let is_unused = || {
                self.content(dir, behind.0, behind.1)
                    .is_ok_and(|found| found.1)
            };
            if is_taken && is_unused() {
                let path = dir.join(segment::file_name(behind.0, behind.1));
                self.disk.remove(&path)?;
                files.remove(at + 1);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    /// The number behind a segment's last, and whether nothing was ever written to it: what is
    /// damaged was.
    fn content(&self, dir: &Path, first: Seq, serial: u64) -> io::Result<(Seq, bool)> {
        let file = self
            .disk
            .open(&dir.join(segment::file_name(first, serial)))?;
        if let Some(footer) = segment::load_footer(&*file, file.len()?)? {
            return Ok((footer.next_seq, footer.records == 0));
        }
        let header = segment::load_header(&*file)?;
        let has_header = header.is_some();
        let access = self.access(header.as_ref());
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: Seq(u64::MAX),
            start: header.map_or(0, |read| read.start),
            access: &access,
        };
        let scan = segment::scan(&*file, place, &mut |_, _| {})?;
        let is_torn = scan.torn && has_header && self.promised > first;
        let is_unused = scan.blocks.is_empty() && scan.damage.is_empty() && !is_torn;
        Ok((scan.summary.next, is_unused))
    }

    /// What reads a segment with this header.
    fn access(&self, header: Option<&ReadHeader>) -> Access {
        self.keys
            .access(header.and_then(|read| read.header.sealing.as_ref()))
    }

    /// A file the disk does not give. What it held is missed like that of a file that is gone.
    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        tracing::warn!(error = %error, "spool: {} is not readable", path.display());
        self.health.repaired += 1;
    }

    /// Numbers that no segment has and that were not delivered.
    fn find_missing(&mut self, book: &Book, acked: Seq) {
        let mut expected = acked.next();
        if acked == Seq(0) && !self.known {
            expected = book
                .segments
                .front()
                .map_or(expected, |segment| segment.first);
        }
        for segment in &book.segments {
            if segment.first > expected {
                self.losses
                    .push(Loss::unknown(self.lane, expected, segment.first));
            }
            expected = expected.max(segment.next);
        }
    }

    /// A segment that others follow.
    fn sealed(
        &mut self,
        path: &Path,
        first: Seq,
        serial: u64,
        behind: Seq,
    ) -> io::Result<SegmentInfo> {
        let file = self.disk.open(path)?;
        let bytes = file.len()?;
        let header = segment::load_header(&*file)?;
        let header =
            header.filter(|read| read.header.epoch == self.epoch && read.header.lane == self.lane);
        let known_bad = quarantine::holds(self.disk, self.dir, self.lane, first, serial)?;
        let footer =
            segment::load_footer(&*file, bytes)?.map(|footer| Summary::from_footer(&footer));
        if let Some(read) = &header
            && !known_bad
            && let Some(footer) = &footer
            && footer.next <= behind
        {
            self.health.repaired += u64::from(read.repaired);
            let sealing = read.header.sealing;
            let mut info = SegmentInfo::new(serial, first, read.start, bytes, sealing);
            info.take(footer);
            info.sealed = true;
            return Ok(info);
        }
        let access = self.access(header.as_ref());
        let sealing = header.as_ref().and_then(|read| read.header.sealing);
        let start = header.map_or(0, |read| read.start);
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: behind,
            start,
            access: &access,
        };
        let scan = segment::scan(&*file, place, &mut |_, _| {})?;
        let mut info = SegmentInfo::new(serial, first, start, bytes, sealing);
        info.take(&scan.summary);
        info.sealed = true;
        let sound = scan.damage.is_empty() && start > 0 && !known_bad;
        if sound && scan.summary.next == behind {
            // Only the footer is missing or damaged, or blocks of a commit that was given up are
            // there in its stead.
            self.health.repaired += 1;
            return Ok(info);
        }
        info.next = info.next.max(behind);
        self.damaged(path, &mut info, scan, footer)?;
        Ok(info)
    }

    /// The segment that was written last.
    fn last(
        &mut self,
        path: &Path,
        first: Seq,
        serial: u64,
        writer: &mut Writer,
    ) -> io::Result<SegmentInfo> {
        let file = self.disk.open(path)?;
        let bytes = file.len()?;
        let read = segment::load_header(&*file)?
            .filter(|read| read.header.epoch == self.epoch && read.header.lane == self.lane);
        let start = read.as_ref().map_or(0, |read| read.start);
        let header = read.as_ref();
        let header = header.and_then(|read| format::write_header(&read.header));
        let access = self.access(read.as_ref());
        let sealing = read.as_ref().and_then(|read| read.header.sealing);
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: Seq(u64::MAX),
            start,
            access: &access,
        };
        let mut totals = Counts::new();
        let mut unread = 0_u64;
        let scan = segment::scan(&*file, place, &mut |head, bytes| {
            count_kept(&mut totals, &head.counts);
            if self.lane.live() == Lane::Control {
                unread += u64::from(count_ledger(&mut totals, bytes).is_err());
            }
        })?;
        self.health.repaired += unread;
        let mut info = SegmentInfo::new(serial, first, start, bytes, sealing);
        info.take(&scan.summary);
        let known_bad = quarantine::holds(self.disk, self.dir, self.lane, first, serial)?;
        match read {
            Some(read) => {
                self.health.repaired += u64::from(read.repaired);
                for (account, n) in read.header.totals {
                    *totals.entry(account).or_default() += n;
                }
            }
            None => info.start = 0,
        }
        writer.totals = totals;
        let good_end = scan.blocks.last().map_or(start, Extent::end);
        let within = scan.damage.iter().any(|damage| damage.at < good_end);
        let promised = self.promised > scan.summary.next;
        if within || promised || known_bad || start == 0 {
            info.sealed = true;
            info.next = info.next.max(self.promised);
            let n_before = self.losses.len();
            self.damaged(path, &mut info, scan, None)?;
            // What is lost was kept: no later segment tells of that yet.
            for loss in self.losses.iter().skip(n_before) {
                loss.count(Term::Received, &mut writer.totals);
                loss.count(Term::Accepted, &mut writer.totals);
            }
        } else if scan.sealed {
            info.sealed = true;
        } else {
            self.health.torn += u64::from(bytes > good_end);
            info.bytes = good_end;
            // Blocks that nobody was promised may not be on the disk.
            let mut sure = scan.blocks.iter().rev();
            let sure = sure.find(|extent| extent.next() <= self.promised);
            let unsure = Unsure {
                file,
                header: header.unwrap_or_default(),
                sure: sure.map_or(start, Extent::end),
                end: good_end,
            };
            match unsure.settle(self.disk, &writer.dir) {
                Ok(()) => {
                    let (file, summary) = (unsure.file, scan.summary);
                    writer.active = Some(Active::resume(serial, file, summary, sealing, access));
                }
                Err(error) => {
                    // What is there is read as it is; the next commit begins a segment of its own.
                    tracing::warn!(error = %error, "spool: {} takes no more blocks", path.display());
                    writer.unsure = Some(unsure);
                    info.bytes = bytes;
                    info.sealed = true;
                    info.map = Some(Arc::new(scan.blocks));
                }
            }
        }
        Ok(info)
    }

    /// Keeps a damaged segment aside and says what is lost, with the items where they are told by
    /// the footer; those of what was counted before are in there too, and cannot be told apart.
    fn damaged(
        &mut self,
        path: &Path,
        info: &mut SegmentInfo,
        scan: Scan,
        footer: Option<Summary>,
    ) -> io::Result<()> {
        if let Err(error) = quarantine::keep(self.disk, self.dir, self.lane, path) {
            // The copy is for people; what is whole is delivered without it.
            tracing::warn!(error = %error, "spool: {} not kept aside", path.display());
        }
        let mut losses = loss::of_segment(self.lane, info.first, info.next, &scan);
        let is_new = |loss: &Loss| loss.beyond(self.gaps, Seq(0)).as_slice() == [loss.clone()];
        if let Some(footer) = footer
            && losses.iter().all(is_new)
        {
            loss::tell(&mut losses, footer.counts, &scan.summary.counts);
        }
        self.losses.extend(losses);
        info.map = Some(Arc::new(scan.blocks));
        Ok(())
    }
}

/// What kept items count: received and accepted.
pub(super) fn count_kept(into: &mut Counts, counts: &[ItemCount]) {
    for count in counts {
        for term in [Term::Received, Term::Accepted] {
            let account = Account {
                project: Some(count.project),
                category: count.category,
                term,
                reason: Reason::Borrowed(reason::NONE),
            };
            *into.entry(account).or_default() += count.n;
        }
    }
}

pub(super) fn count_ledger(into: &mut Counts, bytes: &[u8]) -> Result<(), block::BlockError> {
    let (_, records) = block::open(bytes)?;
    for record in records {
        if let Record::Ledger(delta) = record {
            for (account, n) in delta.counts {
                *into.entry(account).or_default() += n;
            }
        }
    }
    Ok(())
}

/// Where a lane's segments are, for whoever has the directory.
pub(super) fn segment_path(dir: &Path, lane: Lane, epoch: Epoch, info: &SegmentInfo) -> PathBuf {
    segment::lane_dir(dir, lane, epoch).join(segment::file_name(info.first, info.serial))
}

/// Opens the file of a segment.
pub(super) fn open_segment(
    disk: &dyn Disk,
    dir: &Path,
    lane: Lane,
    epoch: Epoch,
    info: &SegmentInfo,
) -> io::Result<Arc<dyn File>> {
    disk.open(&segment_path(dir, lane, epoch, info))
}
