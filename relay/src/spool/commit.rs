//! A commit: appends become blocks, blocks become durable, then everyone is answered.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::block::LedgerDelta;
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::{Account, Counts};

use super::SpoolError;
use super::blocks::{self, Counted, Ready, Round, Start, Unfit};
use super::catalog::SegmentInfo;
use super::cipher::{Access, OVERHEAD};
use super::command::Append;
use super::disk::is_full;
use super::evict::{self, Decision};
use super::format::{self, FrameHead, Header};
use super::lanes::ByLane;
use super::owner::Owner;
use super::recover::count_kept;
use super::segment::{self, Summary};
use super::state::Pending;
use super::writer::Active;

impl Owner {
    /// Makes the appends durable, with what the ledger counted meanwhile, and answers them.
    pub(super) fn commit(&mut self, appends: Vec<Append>) {
        self.shared.shelf().begin_commit();
        self.commit_all(appends);
        let next = self.next();
        self.shared.shelf().end_commit(&next);
    }

    fn commit_all(&mut self, appends: Vec<Append>) {
        let mut appends = self.admit(appends);
        let counted = self.counted();
        let start = self.start();
        let mut rounds = loop {
            match blocks::rounds(&start, &counted, &appends) {
                Ok(rounds) => break VecDeque::from(rounds),
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
                    self.ledger.put_back(counted.delta);
                    return give_up(
                        appends,
                        &SpoolError::from(io::Error::from(io::ErrorKind::InvalidData)),
                    );
                }
            }
        };
        if rounds.is_empty() {
            return give_up(appends, &SpoolError::Closed);
        }
        while let Some(round) = rounds.front() {
            match self.write(round) {
                Ok(took) => {
                    self.publish(round, took);
                    rounds.pop_front();
                }
                Err(error) => return self.fail(rounds.into(), appends, error),
            }
        }
        self.note_crowds(&start.routes, &appends);
        for append in appends {
            append.answer(Ok(()));
        }
    }

    /// Answers a commit of which these rounds are not on the disk. What is in those before stays:
    /// sent again it is known by its ids.
    fn fail(&self, rounds: Vec<Round>, appends: Vec<Append>, error: io::Error) {
        self.note("commit not durable", &error);
        for delta in rounds.into_iter().flatten().filter_map(|ready| ready.delta) {
            self.ledger.put_back(delta);
        }
        let answer = if is_full(&error) {
            self.full()
        } else {
            SpoolError::from(error)
        };
        give_up(appends, &answer);
    }

    /// The counts that this commit writes down.
    fn counted(&self) -> Counted {
        let at = self.time.now();
        let pending = self.state.pending.as_ref().map(|pending| {
            let counts = pending.counts.clone();
            (pending.lane, LedgerDelta { at, counts })
        });
        Counted {
            pending,
            delta: self.ledger.take_delta(at),
        }
    }

    fn start(&mut self) -> Start {
        let dicts = {
            let shelf = self.shared.shelf();
            ByLane::from_fn(|lane| shelf.of(lane))
        };
        Start {
            epoch: self.shared.epoch,
            routes: self.routes(),
            next: self.next(),
            dicts,
        }
    }

    /// The lanes' next numbers.
    pub(super) fn next(&self) -> ByLane<Seq> {
        let catalog = self.shared.catalog();
        ByLane::from_fn(|lane| catalog.lanes.get(lane).next)
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

    /// Writes and syncs a round, or leaves nothing of it. Says how long the syncing took.
    fn write(&mut self, round: &Round) -> io::Result<Duration> {
        self.settle()?;
        let mut touched = Vec::new();
        let mut written = Ok(());
        for ready in round {
            written = self.write_block(ready);
            touched.push(ready.lane);
            if written.is_err() {
                break;
            }
        }
        let before = self.time.monotonic();
        let synced = written
            .map_err(|error| (Vec::new(), error))
            .and_then(|()| self.sync(&touched));
        let took = self.time.monotonic().saturating_sub(before);
        let marked = synced.and_then(|()| self.vouch(round).map_err(|error| (Vec::new(), error)));
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

    fn write_block(&mut self, ready: &Ready) -> io::Result<()> {
        let (epoch, elapsed) = (self.shared.epoch, self.elapsed());
        let overhead = if self.shared.keys.current().is_some() {
            OVERHEAD
        } else {
            0
        };
        let active = self.active(ready.lane, frame_len(ready, overhead))?;
        let frame = frame(ready, epoch, elapsed, &active.access)?;
        active.write(&frame)
    }

    /// Notes which numbers are taken with these blocks.
    fn vouch(&mut self, round: &Round) -> io::Result<()> {
        let mut next = self.next();
        for Ready { lane, sealed, .. } in round {
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
    fn publish(&mut self, round: &Round, took: Duration) {
        let elapsed = self.elapsed();
        let mut kept = Counts::new();
        let mut records = 0;
        let mut catalog = self.shared.catalog();
        for ready in round {
            let (lane, head) = (ready.lane, &ready.sealed.head);
            let writer = self.writers.get_mut(lane);
            let Some(active) = &mut writer.active else {
                continue;
            };
            let at = active.summary.end;
            let end = at + frame_len(ready, active.access.overhead());
            active.summary.add(head, end);
            active.summary.date(ready.received, elapsed);
            count_kept(&mut kept, &head.counts);
            count_kept(&mut writer.totals, &head.counts);
            if let Some(delta) = &ready.delta {
                // The ledger has it in its own sums.
                add_counts(&mut writer.totals, &delta.counts);
            }
            records += u64::from(head.count);
            let book = catalog.lanes.get_mut(lane);
            if let Some(last) = book.segments.back_mut() {
                last.take(&active.summary);
            }
            book.next = active.summary.next;
            book.oldest_received.get_or_insert(ready.received);
            book.oldest_elapsed.get_or_insert(elapsed);
            let index = &self.shared.index;
            index.note(lane, active.serial, head.first_seq, at, end);
        }
        drop(catalog);
        // It is the first of its lane.
        let is_told = |pending: &mut Pending| round.iter().any(|ready| ready.lane == pending.lane);
        if let Some(pending) = self.state.pending.take_if(is_told) {
            let totals = &mut self.writers.get_mut(pending.lane).totals;
            add_counts(totals, &pending.counts);
            add_counts(&mut kept, &pending.counts);
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

/// Bytes of the frame of a block, to which encryption adds some.
fn frame_len(ready: &Ready, overhead: usize) -> u64 {
    let sealed = &ready.sealed;
    format::frame_len(sealed.head.counts.len(), sealed.bytes.len() + overhead)
}

/// The frame of a block.
fn frame(ready: &Ready, epoch: Epoch, elapsed: u64, access: &Access) -> io::Result<Vec<u8>> {
    let Ready {
        lane,
        sealed,
        received,
        ..
    } = ready;
    let mut frame = Vec::new();
    let head = FrameHead::new(&sealed.head, *received, elapsed);
    let block = access.seal(epoch, *lane, &sealed.bytes)?;
    format::write_frame(&mut frame, head, &sealed.head.counts, &block);
    Ok(frame)
}

fn add_counts(into: &mut Counts, counts: &[(Account, u64)]) {
    for (account, n) in counts {
        *into.entry(account.clone()).or_default() += n;
    }
}

fn give_up(appends: Vec<Append>, error: &SpoolError) {
    for append in appends {
        append.answer(Err(error.clone()));
    }
}
