//! What leaves the spool: delivered (after a while, see `retained`), evicted, expired, damaged. And
//! the ballast.
//!
//! The order is always: write down, sync, delete. Every prefix of it is a state that opening
//! the spool understands.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::block;
use protocol::ids::{Lane, Seq};
use protocol::outcome::Term;

use super::catalog::SegmentInfo;
use super::command::{Done, answer};
use super::evict::{Fill, LaneFill};
use super::lanes::ByLane;
use super::loss::{self, Loss};
use super::owner::Owner;
use super::recover::{open_segment, segment_path};
use super::segment::{self, ItemCounts, Place, Scan};
use super::{GapReason, SpoolError, quarantine};

pub(super) const BALLAST_NAME: &str = "ballast";
/// How long a note of what is handed out is tried to be written, each second at least, before what
/// is on a disk that takes none is sent without.
const HAND_OUT_PATIENCE: Duration = Duration::from_secs(60);

impl Owner {
    pub(super) fn path(&self, lane: Lane, info: &SegmentInfo) -> PathBuf {
        segment_path(&self.shared.dir, lane, self.shared.epoch, info)
    }

    /// Goes on behind `upto`, unless a record has a number from `begin` on: it would be taken for
    /// the hub's.
    pub(super) fn go_on(&mut self, lane: Lane, begin: Seq, upto: Seq, done: Done) {
        if self.shared.catalog().lanes.get(lane).next > begin {
            answer(done, Err(SpoolError::Parted { lane }));
            return;
        }
        self.acks.push((lane, upto, done));
        self.write_acks();
    }

    /// Writes the cursors that were asked for, answers, and deletes what is delivered.
    pub(super) fn write_acks(&mut self) {
        if self.acks.is_empty() {
            return;
        }
        let acks = std::mem::take(&mut self.acks);
        let delivered = self.state.delivered.clone();
        let cursors = self.cursors();
        let before = (self.state.lanes, self.state.gaps.clone());
        for (lane, upto, _) in &acks {
            let cursor = self.state.cursor(*lane);
            cursor.acked = cursor.acked.max(*upto);
        }
        let moved = before.0 != self.state.lanes;
        self.deliver(cursors);
        let catalog = self.shared.catalog();
        self.state.forget_gaps(|gap| catalog.is_on_disk(gap));
        drop(catalog);
        let result = if moved { self.advance() } else { Ok(()) };
        let result = result.map_err(SpoolError::from);
        if result.is_err() {
            (self.state.lanes, self.state.gaps) = before;
            self.state.delivered = delivered;
            self.forget_walks();
        }
        if result.is_ok() && moved {
            for lane in Lane::ALL {
                if let Err(error) = self.delete_delivered(lane) {
                    self.note("delivered segment not deleted", &error);
                }
            }
            self.shared.notify();
        }
        for (_, _, done) in acks {
            answer(done, result.clone());
        }
    }

    /// Makes the cursors durable, then visible.
    fn advance(&mut self) -> io::Result<()> {
        // A hub that is ahead of us has what we lost: its numbers must not be given out again.
        let cursors = self.state.lanes;
        {
            let mut catalog = self.shared.catalog();
            for (lane, cursor) in Lane::ALL.into_iter().zip(cursors.0) {
                let book = catalog.lanes.get_mut(lane);
                book.next = book.next.max(cursor.acked.next());
            }
        }
        self.save()?;
        let elapsed = self.elapsed();
        for (lane, cursor) in Lane::ALL.into_iter().zip(cursors.0) {
            let changed = {
                let mut catalog = self.shared.catalog();
                let book = catalog.lanes.get_mut(lane);
                let changed = book.acked != cursor.acked;
                book.acked = cursor.acked;
                if changed {
                    book.moved_elapsed = elapsed;
                }
                changed
            };
            if changed {
                self.find_oldest(lane);
            }
        }
        Ok(())
    }

    /// Sees when the oldest record that is left was received and committed.
    fn find_oldest(&mut self, lane: Lane) {
        let (segment, from) = {
            let catalog = self.shared.catalog();
            let book = catalog.lanes.get(lane);
            let from = book.acked.next();
            (
                book.segments
                    .iter()
                    .find(|segment| segment.next > from)
                    .cloned(),
                from,
            )
        };
        if segment.is_none() {
            let catalog = self.shared.catalog();
            let last = catalog.lanes.get(lane).segments.back();
            self.writers.get_mut(lane).acked_at = last.map(|last| (last.serial, last.end));
        }
        let found = segment.and_then(|segment| {
            if segment.map.is_some() {
                return segment.received.map(|received| (received, segment.elapsed));
            }
            let file = open_segment(
                self.disk(),
                &self.shared.dir,
                lane,
                self.shared.epoch,
                &segment,
            );
            let writer = self.writers.get_mut(lane);
            let mut at = match writer.acked_at {
                Some((serial, at)) if serial == segment.serial => at,
                _ => segment.start,
            };
            let file = file.ok()?;
            while at < segment.end {
                let head = segment::frame_head(&*file, at).ok()??;
                if head.next_seq() > from {
                    writer.acked_at = Some((segment.serial, at));
                    return Some((head.received, head.elapsed));
                }
                at += head.frame_len();
            }
            None
        });
        let mut catalog = self.shared.catalog();
        let book = catalog.lanes.get_mut(lane);
        book.oldest_received = found.map(|(received, _)| received);
        book.oldest_elapsed = found.map(|(_, elapsed)| elapsed);
    }

    /// Deletes segments the hub has all of, but for what is kept for a hub that was set back. The
    /// last one stays until there is a next one, which carries on the lane's numbers and totals.
    fn delete_delivered(&mut self, lane: Lane) -> io::Result<()> {
        let (drained, last_bytes) = {
            let catalog = self.shared.catalog();
            let book = catalog.lanes.get(lane);
            let drained = book.acked.next() >= book.next;
            (drained, book.segments.back().map_or(0, |last| last.bytes))
        };
        if drained && last_bytes > self.limits.drained_bytes(lane) {
            self.rotate(lane)?;
        }
        self.note_delivered(lane);
        self.forget_delivered()
    }

    pub(super) fn delete(&self, lane: Lane, info: &SegmentInfo) -> io::Result<()> {
        match self.disk().remove(&self.path(lane, info)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut catalog = self.shared.catalog();
        let book = catalog.lanes.get_mut(lane);
        book.segments
            .retain(|segment| segment.serial != info.serial);
        drop(catalog);
        self.shared.index.forget(lane, info.serial);
        Ok(())
    }

    /// Notes that blocks of a segment are about to be sent: until the hub's cursor is beyond it, it
    /// is not given away. Once for each segment, so it costs sending next to nothing.
    ///
    /// While the disk does not take the note nothing of the segment is sent, and it is tried again
    /// with the next look. A disk that goes on like that will not get better by waiting: then what
    /// is on it is sent, and the note holds until the process ends.
    ///
    /// # Errors
    /// When the note is not written.
    pub(super) fn hand_out(&mut self, lane: Lane, serial: u64) -> io::Result<()> {
        let cursor = self.state.cursor(lane);
        cursor.handed = cursor.handed.max(serial);
        let handed = cursor.handed;
        if let Err(error) = self.save_twice() {
            self.note("handed out, which is not written", &error);
            let now = self.time.monotonic();
            let since = *self.unnoted_since.get_or_insert(now);
            if now.saturating_sub(since) < HAND_OUT_PATIENCE {
                return Err(error);
            }
        } else {
            self.unnoted_since = None;
        }
        self.shared.catalog().lanes.get_mut(lane).handed = handed;
        Ok(())
    }

    /// How full the spool is.
    pub(super) fn fill(&self) -> Fill {
        let catalog = self.shared.catalog();
        let mut lanes = ByLane::<LaneFill>::default();
        let used = catalog.bytes();
        for lane in Lane::ALL {
            let book = catalog.lanes.get(lane);
            *lanes.get_mut(lane) = LaneFill {
                bytes: book.bytes(),
                reserve: self.limits.reserve(lane),
                evictable: self.limits.may_evict(lane) && book.spare().is_some(),
            };
        }
        let max = self
            .limits
            .bytes_max
            .min(used.saturating_add(self.headroom));
        Fill { used, max, lanes }
    }

    /// Deletes the lane's oldest segment that is not under way and counts what the hub did not get
    /// of it. `false` when there is nothing to delete.
    pub(super) fn evict_oldest(&mut self, lane: Lane) -> io::Result<bool> {
        self.drop_oldest(lane, GapReason::Evicted, Term::Evicted)
    }

    /// What is counted as lost is read by nobody from then on: a file that the disk does not let go
    /// is tried again, before anything else is dropped.
    fn drop_oldest(&mut self, lane: Lane, reason: GapReason, term: Term) -> io::Result<bool> {
        if self.delete_given_away()? {
            return Ok(true);
        }
        let (spare, last) = {
            let catalog = self.shared.catalog();
            let book = catalog.lanes.get(lane);
            let last = book.segments.back().map(|last| last.serial);
            (book.spare().cloned(), last)
        };
        let Some(spare) = spare else {
            return Ok(false);
        };
        if last == Some(spare.serial) {
            self.rotate(lane)?;
        }
        let losses = self.content(lane, &spare);
        self.record_losses(&losses, reason, term)?;
        self.shared.catalog().give_away(lane, spare.serial);
        self.find_oldest(lane);
        self.delete_given_away()
    }

    /// Deletes the files of segments that are counted as lost; `false` when there are none.
    pub(super) fn delete_given_away(&mut self) -> io::Result<bool> {
        let mut is_any = false;
        loop {
            let next = self.shared.catalog().given_away.last().cloned();
            let Some((lane, info)) = next else {
                return Ok(is_any);
            };
            self.delete(lane, &info)?;
            self.disk().sync_dir(&self.writers.get(lane).dir)?;
            self.shared.catalog().given_away.pop();
            is_any = true;
        }
    }

    /// What the hub does not have of a segment, by ranges.
    fn content(&mut self, lane: Lane, info: &SegmentInfo) -> Vec<Loss> {
        let from = info.first.max(self.state.cursor(lane).acked.next());
        if from >= info.next {
            return Vec::new();
        }
        let whole = Loss::unknown(lane, from, info.next);
        let Ok(file) = open_segment(self.disk(), &self.shared.dir, lane, self.shared.epoch, info)
        else {
            return vec![whole];
        };
        let footer = match info.map {
            Some(_) => None,
            None => file
                .len()
                .and_then(|len| segment::load_footer(&*file, len))
                .ok()
                .flatten(),
        };
        if let Some(footer) = footer.filter(|_| from == info.first) {
            return vec![Loss {
                counts: Some(footer.counts),
                ..whole
            }];
        }
        let access = self.shared.keys.access(info.sealing.as_ref());
        let place = Place {
            epoch: self.shared.epoch,
            lane,
            first: info.first,
            until: info.next,
            start: info.start,
            access: &access,
        };
        let mut counts = ItemCounts::new();
        let scanned = segment::scan(&*file, place, &mut |head, bytes| {
            if head.first_seq >= from {
                segment::add_counts(&mut counts, &head.counts);
            } else if head.last_seq() >= from
                && let Ok((_, records)) = block::open(bytes)
            {
                let skip = usize::try_from(from.0 - head.first_seq.0).unwrap_or(usize::MAX);
                for record in records.iter().skip(skip) {
                    segment::add_record(&mut counts, record);
                }
            }
        });
        let Ok(scan) = scanned else {
            return vec![whole];
        };
        // What was damaged has been counted, as damaged; what is good is one loss per run.
        let mut losses = Vec::new();
        let mut counts = Some(segment::list_counts(&counts));
        let missing = loss::of_segment(lane, info.first, info.next, &scan);
        let mut at = from;
        for hole in missing
            .iter()
            .chain([&Loss::unknown(lane, info.next, info.next)])
        {
            if hole.from > at {
                let counts = Some(counts.take().unwrap_or_default());
                losses.push(Loss {
                    lane,
                    from: at,
                    next: hole.from,
                    counts,
                });
            }
            at = at.max(hole.next);
        }
        losses
    }

    /// Drops segments that are older than their lane allows and not under way, by the spool's own
    /// age: no wall clock can expire anything.
    pub(super) fn expire(&mut self) {
        let elapsed = self.elapsed();
        for lane in Lane::ALL {
            let Some(most) = self.limits.age_max(lane) else {
                continue;
            };
            loop {
                let old = {
                    let catalog = self.shared.catalog();
                    let book = catalog.lanes.get(lane);
                    book.spare().is_some_and(|spare| {
                        spare.next > book.acked.next()
                            && elapsed.saturating_sub(spare.elapsed) > most
                    })
                };
                if !old {
                    break;
                }
                match self.drop_oldest(lane, GapReason::Expired, Term::Expired) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        self.note("expired segment not dropped", &error);
                        break;
                    }
                }
            }
        }
    }

    /// Looks at every byte of a segment that a reader stumbled over at `from`, and keeps what is
    /// damaged. What stands before was handed out and is under way: it is lost only if the reader
    /// comes back for it.
    pub(super) fn examine(&mut self, lane: Lane, serial: u64, from: Seq) -> io::Result<()> {
        let found = {
            let catalog = self.shared.catalog();
            let mut segments = catalog.lanes.get(lane).segments.iter();
            segments.find(|segment| segment.serial == serial).cloned()
        };
        let Some(info) = found else {
            return Ok(());
        };
        if info.delivered_at.is_some() {
            // Nothing is missed: the hub had it, or has to do without.
            return self.delete(lane, &info);
        }
        if self
            .writers
            .get(lane)
            .active
            .as_ref()
            .is_some_and(|active| active.serial == serial)
        {
            self.rotate(lane)?;
        }
        let (scan, mut counts) = self.scan_again(lane, &info)?;
        quarantine::keep(self.disk(), &self.shared.dir, lane, &self.path(lane, &info))?;
        let losses = loss::of_segment(lane, info.first, info.next, &scan);
        let new = losses.iter();
        let new = new.flat_map(|loss| loss.beyond(&self.state.gaps, Seq(0)));
        let mut losses: Vec<_> = new.collect();
        let mut held = ItemCounts::new();
        segment::add_counts(&mut held, &info.counts);
        loss::tell(&mut losses, held, &counts);
        let (under_way, lost) = loss::split_at(losses, from);
        let acked = self.state.cursor(lane).acked;
        let under_way = under_way.iter();
        let unsettled: Vec<_> = under_way
            .flat_map(|loss| loss.beyond(&self.state.gaps, acked))
            .collect();
        self.record_losses(&lost, GapReason::Corrupt, Term::Corrupt)?;
        for loss in &unsettled {
            segment::add_counts(&mut counts, loss.counts.as_deref().unwrap_or_default());
        }
        if let Some(segment) = self.shared.catalog().lanes.get_mut(lane).segment(serial) {
            segment.sealed = true;
            segment.counts = segment::list_counts(&counts);
            segment.map = Some(Arc::new(scan.blocks));
            segment.unsettled = Arc::new(unsettled);
        }
        let (n, bytes) = quarantine::count(self.disk(), &self.shared.dir)?;
        let mut health = self.shared.health();
        (health.quarantined, health.quarantined_bytes) = (n, bytes);
        Ok(())
    }

    /// What a segment still holds of what was not counted as lost, and its items. What was counted
    /// stays so, should the disk give it after all.
    fn scan_again(&self, lane: Lane, info: &SegmentInfo) -> io::Result<(Scan, ItemCounts)> {
        let file = open_segment(self.disk(), &self.shared.dir, lane, self.shared.epoch, info)?;
        let access = self.shared.keys.access(info.sealing.as_ref());
        let place = Place {
            epoch: self.shared.epoch,
            lane,
            first: info.first,
            until: info.next,
            start: info.start,
            access: &access,
        };
        let gaps = self.state.gaps.iter().filter(|gap| gap.lane == lane);
        let is_given_up = |seq: Seq| gaps.clone().any(|gap| gap.from <= seq && seq <= gap.to);
        let mut counts = ItemCounts::new();
        let mut scan = segment::scan(&*file, place, &mut |head, _| {
            if !is_given_up(head.first_seq) {
                segment::add_counts(&mut counts, &head.counts);
            }
        })?;
        scan.blocks.retain(|extent| !is_given_up(extent.first));
        Ok((scan, counts))
    }

    /// Asks the filesystem how much the spool may grow.
    pub(super) fn look_at_space(&mut self) {
        let before = self.headroom;
        self.headroom = match self.disk().space(&self.shared.dir) {
            Ok(space) => space.free.saturating_sub(self.limits.free_min),
            Err(error) => {
                self.note("free space not known", &error);
                u64::MAX
            }
        };
        if self.headroom == 0 && before > 0 {
            tracing::warn!(
                free_min = self.limits.free_min,
                "spool: the filesystem has no more than free_min bytes free, so the spool does not \
                 grow; make room or set [spool] free_min lower"
            );
        }
        let fill = self.fill();
        self.shared.health().bytes_max = fill.max.max(fill.used);
    }

    pub(super) const fn is_without_room(&self) -> bool {
        self.headroom == 0
    }

    /// Holds room that is given up when cursors must be written on a full disk.
    pub(super) fn keep_ballast(&mut self) {
        let bytes = self.limits.ballast_bytes;
        let path = self.shared.dir.join(BALLAST_NAME);
        // Never the last room of the disk: it would be taken and given back in turns.
        if self.ballast || bytes == 0 || self.headroom < bytes.saturating_mul(2) {
            return;
        }
        let made = self
            .disk()
            .create(&path)
            .and_then(|file| file.reserve(bytes));
        self.ballast = made.is_ok();
        if let Err(error) = made {
            let _ignored = self.disk().remove(&path);
            self.note("ballast not made", &error);
        }
    }

    /// Gives the ballast's room away; `false` when there is none.
    pub(super) fn release_ballast(&mut self) -> bool {
        let path = self.shared.dir.join(BALLAST_NAME);
        self.ballast = false;
        self.disk().remove(&path).is_ok()
    }

    /// Begins a segment with the key that is written with now, so that the one before is needed
    /// only until what it encrypts is delivered.
    fn change_key(&mut self, lane: Lane) -> io::Result<()> {
        let current = self.shared.keys.current();
        let active = self.writers.get(lane).active.as_ref();
        if active.is_none_or(|active| active.has_key(current)) {
            return Ok(());
        }
        self.rotate(lane)?;
        self.delete_delivered(lane)
    }

    /// Losses that were found when the spool was opened.
    pub(super) fn take_stock(&mut self, losses: &[Loss]) {
        if let Err(error) = self.record_losses(losses, GapReason::Corrupt, Term::Corrupt) {
            // They are found again at the next opening.
            self.note("losses not written down", &error);
        }
        self.ballast = self.disk().list(&self.shared.dir).is_ok_and(|entries| {
            entries
                .iter()
                .any(|entry| entry.name == BALLAST_NAME && entry.len >= self.limits.ballast_bytes)
        });
        self.look_at_space();
        self.expire();
        for lane in Lane::ALL {
            self.find_oldest(lane);
            let settled = self.change_key(lane).and_then(|()| {
                self.note_delivered(lane);
                self.forget_delivered()
            });
            if let Err(error) = settled {
                self.note("key not changed yet", &error);
            }
        }
        self.keep_ballast();
    }
}
