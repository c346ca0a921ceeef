//! A commit: appends become blocks, blocks become durable, then everyone is answered.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::{BlockError, Builder, DictId, LedgerDelta, Packed, Record, Sealed};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::Counts;
use protocol::timestamp::Timestamp;

use super::SpoolError;
use super::catalog::SegmentInfo;
use super::cipher::{Access, OVERHEAD};
use super::disk::is_full;
use super::entry::Form;
use super::evict::{self, Decision};
use super::format::{self, FrameHead, Header};
use super::lanes::ByLane;
use super::owner::{Append, Owner};
use super::recover::count_kept;
use super::route::Routes;
use super::segment::{self, Summary};
use super::writer::Active;

/// A block that is about to be written.
#[derive(Debug)]
struct Ready {
    lane: Lane,
    sealed: Sealed,
    /// When its oldest record was received.
    received: Timestamp,
}

/// Which append makes a block impossible, and why.
struct Unfit {
    append: Option<usize>,
    error: BlockError,
}

impl Owner {
    /// Makes the appends durable, with what the ledger counted meanwhile, and answers them.
    pub(super) fn commit(&mut self, appends: Vec<Append>) {
        self.shared.shelf().begin_commit();
        self.commit_all(appends);
        let next = {
            let catalog = self.shared.catalog();
            ByLane::from_fn(|lane| catalog.lanes.get(lane).next)
        };
        self.shared.shelf().end_commit(&next);
    }

    fn commit_all(&mut self, appends: Vec<Append>) {
        let now = self.time.now();
        let mut appends = self.admit(appends);
        let delta = self.ledger.take_delta(now);
        let routes = self.routes();
        let ledger = self.ledger_records(&delta, routes, now);
        let ready = loop {
            match self.build(&appends, &ledger, routes) {
                Ok(ready) => break ready,
                Err(Unfit {
                    append: Some(at),
                    error,
                }) => {
                    let error = SpoolError::TooLarge(Arc::new(error));
                    appends.remove(at).answer(Err(error));
                }
                Err(Unfit {
                    append: None,
                    error,
                }) => {
                    self.note("ledger does not fit a block", &io::Error::other(error));
                    self.ledger.put_back(delta);
                    return give_up(
                        appends,
                        &SpoolError::from(io::Error::from(io::ErrorKind::InvalidData)),
                    );
                }
            }
        };
        if ready.is_empty() {
            return give_up(appends, &SpoolError::Closed);
        }
        match self.write(&ready) {
            Ok(took) => {
                self.publish(&ready, &ledger, took);
                for append in appends {
                    append.answer(Ok(()));
                }
            }
            Err(error) => {
                self.note("commit not durable", &error);
                self.ledger.put_back(delta);
                let answer = if is_full(&error) {
                    self.full()
                } else {
                    SpoolError::from(error)
                };
                give_up(appends, &answer);
            }
        }
    }

    /// Lets in what there is room for, making room where others must give way.
    fn admit(&mut self, appends: Vec<Append>) -> Vec<Append> {
        self.look_at_space();
        let mut fill = self.fill();
        let mut admitted = Vec::with_capacity(appends.len());
        for append in appends {
            // The most important lane of an envelope decides who gives way for it.
            let lane = append.entries.iter().map(|entry| entry.lane).min();
            let room = loop {
                let decision = evict::decide(&fill, lane.unwrap_or(Lane::Blobs), append.bytes);
                if decision == Decision::Fits {
                    break true;
                }
                let pledged = fill.used.saturating_sub(self.shared.catalog().bytes());
                let is_freed = match decision {
                    _ if append.bytes <= fill.max && self.give_way() => true,
                    Decision::Evict(victim) => self.evict_oldest(victim).unwrap_or_else(|error| {
                        self.note("eviction", &error);
                        false
                    }),
                    Decision::Fits | Decision::Full => false,
                };
                if !is_freed {
                    break false;
                }
                fill = self.fill();
                fill.used = fill.used.saturating_add(pledged);
            };
            if room && !append.entries.is_empty() {
                fill.used = fill.used.saturating_add(append.bytes);
                admitted.push(append);
            } else if room {
                append.answer(Ok(()));
            } else {
                append.answer(Err(self.full()));
            }
        }
        admitted
    }

    pub(super) fn full(&self) -> SpoolError {
        SpoolError::Full {
            used: self.shared.catalog().bytes(),
            max: self.limits.bytes_max,
        }
    }

    /// What goes into lane 0 or its twin first: losses that are not written down yet, then the
    /// ledger's delta.
    fn ledger_records(
        &self,
        delta: &LedgerDelta,
        routes: Routes,
        now: Timestamp,
    ) -> Vec<(Lane, LedgerDelta)> {
        let mut records = Vec::new();
        if let Some(pending) = &self.state.pending {
            let counts = pending.counts.clone();
            records.push((pending.lane, LedgerDelta { at: now, counts }));
        }
        if !delta.counts.is_empty() {
            records.push((routes.of(Lane::Control), delta.clone()));
        }
        records
    }

    fn build(
        &self,
        appends: &[Append],
        ledger: &[(Lane, LedgerDelta)],
        routes: Routes,
    ) -> Result<Vec<Ready>, Unfit> {
        let next = {
            let catalog = self.shared.catalog();
            ByLane::from_fn(|lane| catalog.lanes.get(lane).next)
        };
        let dicts = {
            let shelf = self.shared.shelf();
            ByLane::from_fn(|lane| shelf.of(lane))
        };
        let mut ready = Vec::new();
        let mut building = ByLane::<Option<Building>>::default();
        let epoch = self.shared.epoch;
        let begin = |lane| Building::new(epoch, lane, *next.get(lane), *dicts.get(lane));
        for (lane, delta) in ledger {
            let building = building.get_mut(*lane);
            let building = building.get_or_insert_with(|| begin(*lane));
            building.push(None, &Record::Ledger(delta.clone()), &mut ready)?;
        }
        for (at, append) in appends.iter().enumerate() {
            for entry in &append.entries {
                let lane = routes.of(entry.lane);
                let building = building.get_mut(lane);
                let building = building.get_or_insert_with(|| begin(lane));
                building.take(at, &entry.form, &mut ready)?;
            }
        }
        for building in building.0.into_iter().flatten() {
            building.finish(&mut ready)?;
        }
        Ok(ready)
    }

    /// Writes and syncs all blocks, or leaves none. Says how long the syncing took.
    fn write(&mut self, ready: &[Ready]) -> io::Result<Duration> {
        self.settle()?;
        let mut touched = Vec::new();
        let mut written = Ok(());
        for lane in Lane::ALL {
            let of_lane: Vec<&Ready> = ready.iter().filter(|ready| ready.lane == lane).collect();
            if of_lane.is_empty() {
                continue;
            }
            written = self.write_lane(lane, &of_lane);
            touched.push(lane);
            if written.is_err() {
                break;
            }
        }
        let before = self.time.monotonic();
        let synced = written.and_then(|()| self.sync(&touched));
        let took = self.time.monotonic().saturating_sub(before);
        let marked = synced.and_then(|()| self.vouch(ready).map_err(|error| (Vec::new(), error)));
        match marked {
            Ok(()) => Ok(took),
            Err((suspects, error)) => {
                for lane in touched {
                    self.roll_back(lane, suspects.contains(&lane));
                }
                Err(error)
            }
        }
    }

    /// Writes a lane's blocks, each when those before it are on the disk. Were the first cut short
    /// by a crash and the second not, the first would look like one that was there and is damaged.
    fn write_lane(&mut self, lane: Lane, ready: &[&Ready]) -> Result<(), (Vec<Lane>, io::Error)> {
        let without_doubt = |error| (Vec::new(), error);
        let (epoch, elapsed) = (self.shared.epoch, self.elapsed());
        let len = frames_len(ready, self.shared.keys.current().is_some());
        let active = self.active(lane, len).map_err(without_doubt)?;
        for (nth, one) in ready.iter().enumerate() {
            if nth > 0 {
                active.file.sync().map_err(|error| (vec![lane], error))?;
            }
            let frame = frame(one, epoch, elapsed, &active.access).map_err(without_doubt)?;
            active.write(&frame).map_err(without_doubt)?;
        }
        Ok(())
    }

    /// Notes which numbers are taken with these blocks.
    fn vouch(&mut self, ready: &[Ready]) -> io::Result<()> {
        let mut next = {
            let catalog = self.shared.catalog();
            ByLane::from_fn(|lane| catalog.lanes.get(lane).next)
        };
        for Ready { lane, sealed, .. } in ready {
            let next = next.get_mut(*lane);
            *next = sealed.head.last_seq().next().max(*next);
        }
        self.mark.write(&*self.shared.disk, self.shared.epoch, next)
    }

    /// Syncs the lanes' active segments. Names those whose content is not known after an error.
    fn sync(&self, lanes: &[Lane]) -> Result<(), (Vec<Lane>, io::Error)> {
        let active = |lane: &Lane| Some((*lane, self.writers.get(*lane).active.as_ref()?));
        let (lanes, files): (Vec<_>, Vec<_>) = lanes
            .iter()
            .filter_map(active)
            .map(|(lane, active)| (lane, &*active.file))
            .unzip();
        let mut suspects = Vec::new();
        let mut error = None;
        for (lane, result) in lanes.into_iter().zip(self.disk().sync_each(&files)) {
            if let Err(failed) = result {
                suspects.push(lane);
                error = Some(failed);
            }
        }
        error.map_or(Ok(()), |error| Err((suspects, error)))
    }

    /// Forgets what a failed commit wrote. A segment that failed to sync, or cannot be cut, takes
    /// no more blocks: the next one begins with the number that is free.
    fn roll_back(&mut self, lane: Lane, suspect: bool) {
        let writer = self.writers.get_mut(lane);
        let Some(active) = &mut writer.active else {
            return;
        };
        if !active.is_ahead() && !suspect {
            return;
        }
        let cut = active.cut();
        if !suspect && cut.is_ok() {
            return;
        }
        let serial = active.serial;
        // A footer tells the next process to leave it alone, too.
        let sealed_bytes = cut.and_then(|()| active.seal()).ok();
        writer.active = None;
        let mut catalog = self.shared.catalog();
        let book = catalog.lanes.get_mut(lane);
        if let Some(segment) = book.segment(serial) {
            segment.sealed = true;
            segment.bytes = sealed_bytes.unwrap_or(segment.bytes);
        }
        // An empty one is of no use; but the last one holds the lane's totals.
        let stays = book.segments.len() == 1;
        let gone = book
            .segments
            .back()
            .is_some_and(|last| last.serial == serial && last.is_empty() && !stays)
            .then(|| book.segments.pop_back())
            .flatten();
        drop(catalog);
        if let Some(gone) = gone
            && let Err(error) = self.disk().remove(&self.path(lane, &gone))
        {
            self.note("suspect segment not removed", &error);
            // It goes before what takes its numbers goes: alone it would be taken for that.
            self.shared.catalog().given_away.push((lane, gone));
        }
    }

    /// The lane's active segment, with room for `len` bytes; made if need be.
    fn active(&mut self, lane: Lane, len: u64) -> io::Result<&mut Active> {
        let most = self.limits.segment_bytes(lane);
        let fits = self
            .writers
            .get(lane)
            .active
            .as_ref()
            .is_some_and(|active| {
                let has_room =
                    active.summary.records == 0 || active.tail.saturating_add(len) <= most;
                has_room && active.has_key(self.shared.keys.current())
            });
        if !fits {
            self.rotate(lane)?;
        }
        let active = self.writers.get_mut(lane).active.as_mut();
        active.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Seals the lane's active segment and begins the next.
    pub(super) fn rotate(&mut self, lane: Lane) -> io::Result<()> {
        self.make_sure()?;
        let first = self.shared.catalog().lanes.get(lane).next;
        let elapsed = self.elapsed();
        // A serial is not used again even when the file could not be made: it may be there.
        self.state.serial += 1;
        let serial = self.state.serial;
        let sealing = self.shared.keys.begin()?;
        let access = self.shared.keys.access(sealing.as_ref());
        let writer = self.writers.get_mut(lane);
        let header = Header {
            version: format::VERSION,
            lane,
            epoch: self.shared.epoch,
            serial,
            first_seq: first,
            elapsed,
            totals: writer.totals.clone().into_iter().collect(),
            sealing,
        };
        let (file, start) = segment::create(&*self.shared.disk, &writer.dir, &header)?;
        let summary = Summary::empty(first, start, elapsed);
        let active = Active::resume(serial, file, summary, sealing, access);
        let before = writer.active.replace(active);
        let sealed_bytes = before.as_ref().and_then(|before| before.seal().ok());
        let mut catalog = self.shared.catalog();
        let book = catalog.lanes.get_mut(lane);
        if let Some(last) = book.segments.back_mut() {
            last.sealed = true;
            last.bytes = sealed_bytes.unwrap_or(last.bytes);
        }
        book.segments
            .push_back(SegmentInfo::new(serial, first, start, start, sealing));
        Ok(())
    }

    /// Makes sure of what the last process left and the disk has not taken yet.
    pub(super) fn make_sure(&mut self) -> io::Result<()> {
        for lane in Lane::ALL {
            let disk = &*self.shared.disk;
            let writer = self.writers.get_mut(lane);
            if let Some(unsure) = &writer.unsure {
                unsure.settle(disk, &writer.dir)?;
                writer.unsure = None;
            }
        }
        Ok(())
    }

    /// Shows the committed blocks to readers and adds them to the sums.
    fn publish(&mut self, ready: &[Ready], ledger: &[(Lane, LedgerDelta)], took: Duration) {
        let elapsed = self.elapsed();
        let mut kept = Counts::new();
        let mut records = 0;
        let mut catalog = self.shared.catalog();
        for Ready {
            lane,
            sealed,
            received,
        } in ready
        {
            let writer = self.writers.get_mut(*lane);
            let Some(active) = &mut writer.active else {
                continue;
            };
            let on_disk = sealed.bytes.len() + active.access.overhead();
            let frame_len = format::frame_len(sealed.head.counts.len(), on_disk);
            let at = active.summary.end;
            active.summary.add(&sealed.head, at + frame_len);
            active.summary.date(*received, elapsed);
            count_kept(&mut kept, &sealed.head.counts);
            count_kept(&mut writer.totals, &sealed.head.counts);
            records += u64::from(sealed.head.count);
            let book = catalog.lanes.get_mut(*lane);
            if let Some(last) = book.segments.back_mut() {
                last.take(&active.summary);
            }
            book.next = active.summary.next;
            book.oldest_received.get_or_insert(*received);
            book.oldest_elapsed.get_or_insert(elapsed);
            let (serial, end) = (active.serial, at + frame_len);
            self.shared
                .index
                .note(*lane, serial, sealed.head.first_seq, at, end);
        }
        drop(catalog);
        for (lane, delta) in ledger {
            let totals = &mut self.writers.get_mut(*lane).totals;
            for (account, n) in &delta.counts {
                *totals.entry(account.clone()).or_default() += n;
            }
        }
        // The ledger has counted its own delta itself.
        if let Some(pending) = self.state.pending.take() {
            for (account, n) in pending.counts {
                *kept.entry(account).or_default() += n;
            }
        }
        self.ledger.restore(kept);
        let mut health = self.shared.health();
        health.commits += 1;
        health.records += records;
        health.sync_last = took;
        health.sync_max = health.sync_max.max(took);
        health.sync_total += took;
        drop(health);
        self.shared.notify();
    }
}

/// Bytes of the frames of blocks.
fn frames_len(ready: &[&Ready], is_encrypted: bool) -> u64 {
    let overhead = if is_encrypted { OVERHEAD } else { 0 };
    let lens = ready.iter().map(|ready| {
        let sealed = &ready.sealed;
        format::frame_len(sealed.head.counts.len(), sealed.bytes.len() + overhead)
    });
    lens.sum()
}

/// The frame of a block.
fn frame(ready: &Ready, epoch: Epoch, elapsed: u64, access: &Access) -> io::Result<Vec<u8>> {
    let Ready {
        lane,
        sealed,
        received,
    } = ready;
    let mut frame = Vec::new();
    let head = FrameHead::new(&sealed.head, *received, elapsed);
    let block = access.seal(epoch, *lane, &sealed.bytes)?;
    format::write_frame(&mut frame, head, &sealed.head.counts, &block);
    Ok(frame)
}

fn give_up(appends: Vec<Append>, error: &SpoolError) {
    for append in appends {
        append.answer(Err(error.clone()));
    }
}

/// A lane's block in the making.
#[derive(Debug)]
struct Building {
    lane: Lane,
    builder: Builder,
    received: Option<Timestamp>,
    /// The append of the record that went in last.
    last: Option<usize>,
}

impl Building {
    const fn new(epoch: Epoch, lane: Lane, first: Seq, dict: DictId) -> Self {
        Self {
            lane,
            builder: Builder::with_dict(epoch, lane, first, dict),
            received: None,
            last: None,
        }
    }

    fn take(&mut self, append: usize, form: &Form, ready: &mut Vec<Ready>) -> Result<(), Unfit> {
        match form {
            Form::Plain(record) => self.push(Some(append), record, ready),
            Form::Packed {
                packed,
                received_at,
                ..
            } => self.push_packed(append, packed, *received_at, ready),
        }
    }

    fn push_packed(
        &mut self,
        append: usize,
        packed: &Packed,
        received: Timestamp,
        ready: &mut Vec<Ready>,
    ) -> Result<(), Unfit> {
        if !self.builder.is_empty() {
            self.seal(ready)?;
        }
        let sealed = self.builder.seal_packed(packed).map_err(|error| Unfit {
            append: Some(append),
            error,
        })?;
        ready.push(Ready {
            lane: self.lane,
            sealed,
            received,
        });
        Ok(())
    }

    fn push(
        &mut self,
        append: Option<usize>,
        record: &Record,
        ready: &mut Vec<Ready>,
    ) -> Result<(), Unfit> {
        let pushed = match self.builder.push(record) {
            Err(BlockError::Full) => {
                self.seal(ready)?;
                self.builder.push(record)
            }
            pushed => pushed,
        };
        pushed.map_err(|error| Unfit { append, error })?;
        let received = record.received_at();
        self.received = Some(self.received.map_or(received, |had| had.min(received)));
        self.last = append;
        Ok(())
    }

    fn seal(&mut self, ready: &mut Vec<Ready>) -> Result<(), Unfit> {
        // Only a record that is alone can make a block too large, and it is the last.
        let sealed = self.builder.seal().map_err(|error| Unfit {
            append: self.last,
            error,
        })?;
        ready.push(Ready {
            lane: self.lane,
            sealed,
            received: self.received.take().unwrap_or_default(),
        });
        Ok(())
    }

    fn finish(mut self, ready: &mut Vec<Ready>) -> Result<(), Unfit> {
        if self.builder.is_empty() {
            return Ok(());
        }
        self.seal(ready)
    }
}
