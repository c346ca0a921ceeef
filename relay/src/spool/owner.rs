//! The one thread that changes the spool.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use protocol::ids::{Lane, Seq};
use protocol::outcome::{Counts, Term};
use protocol::timestamp::Timestamp;

use super::SpoolError;
use super::command::{Batch, Command, Done, answer};
use super::crowd::Crowd;
use super::disk::{Disk, Lock, is_full};
use super::fair::Greedy;
use super::lanes::ByLane;
use super::loss::Loss;
use super::queue::Queue;
use super::recover::Recovered;
use super::shared::Shared;
use super::state::{LaneCursor, LostRange, Mark, Pending, SLOTS, Slots, State};
use super::writer::Writer;
use super::{GapReason, limits::Limits};
use crate::ledger::Ledger;

/// Longest wait for more appends when there were several the last time.
const GATHER: Duration = Duration::from_millis(1);
/// Bytes of records after which no more are gathered before a commit.
const GATHER_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of records in one commit: so few that who waits for the next one does not wait long, so
/// many that syncing them weighs little.
const COMMIT_BYTES: u64 = 256 * 1024;
/// Shortest time between two writings of cursors.
const ACK_EVERY: Duration = Duration::from_millis(20);
/// Longest time a count stays in memory alone.
const LEDGER_EVERY: Duration = Duration::from_secs(1);
/// How often age limits, free space and the ballast are looked at.
const UPKEEP_EVERY: Duration = Duration::from_secs(10);
/// How often the spool's age is written down when nothing else is.
const STATE_EVERY: Duration = Duration::from_secs(60);

/// Reads the clocks.
pub trait Time: std::fmt::Debug + Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A clock that only goes forward.
    fn monotonic(&self) -> Duration;
}

/// The host's clocks.
#[derive(Debug)]
pub(super) struct HostTime;

impl Time for HostTime {
    fn now(&self) -> Timestamp {
        crate::clock::now()
    }
    fn monotonic(&self) -> Duration {
        crate::clock::monotonic()
    }
}

/// State of the thread.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) limits: Limits,
    pub(super) shared: Arc<Shared>,
    pub(super) ledger: Ledger,
    pub(super) time: Arc<dyn Time>,
    pub(super) state: State,
    pub(super) slots: Slots,
    pub(super) mark: Mark,
    pub(super) writers: ByLane<Writer>,
    /// What waits for its commit.
    queue: Queue,
    /// Acknowledgements not yet written.
    pub(super) acks: Vec<(Lane, Seq, Done)>,
    /// What the filesystem lets the spool grow by, as of the last look.
    pub(super) headroom: u64,
    /// The lanes that are to hold back.
    pub(super) held: ByLane<bool>,
    /// The projects that are to before their lane does, and when that was decided.
    pub(super) greedy: Greedy,
    pub(super) greedy_at: Duration,
    /// Who has how much in the live lanes.
    pub(super) crowds: ByLane<Crowd>,
    /// Whether the ballast is there.
    pub(super) ballast: bool,
    /// How often the state is to be written before what was taken back is not in either slot.
    in_doubt: usize,
    /// Since when what is handed out cannot be written down.
    pub(super) unnoted_since: Option<Duration>,
    /// The spool's age when this process opened it.
    elapsed_before: u64,
    opened_at: Duration,
    state_written_at: Duration,
    ledger_at: Duration,
    upkeep_at: Duration,
    /// Keeps other processes out.
    lock: Option<Lock>,
    /// Whether the last commit had company.
    busy: bool,
}

impl Owner {
    pub(super) fn new(
        limits: Limits,
        shared: Arc<Shared>,
        ledger: Ledger,
        time: Arc<dyn Time>,
        recovered: OwnerParts,
    ) -> Self {
        let now = time.monotonic();
        Self {
            limits,
            shared,
            ledger,
            time,
            elapsed_before: recovered.state.elapsed,
            state: recovered.state,
            slots: recovered.slots,
            mark: recovered.mark,
            writers: recovered.writers,
            queue: Queue::default(),
            acks: Vec::new(),
            headroom: u64::MAX,
            held: ByLane::default(),
            greedy: Greedy::default(),
            greedy_at: now,
            crowds: ByLane::default(),
            ballast: false,
            in_doubt: 0,
            unnoted_since: None,
            opened_at: now,
            state_written_at: now,
            ledger_at: now,
            upkeep_at: now,
            lock: None,
            busy: false,
        }
    }

    /// Holds the directory's lock until the end.
    pub(super) fn hold(&mut self, lock: Lock) {
        self.lock = Some(lock);
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        &*self.shared.disk
    }

    /// How long the spool has been open in all its life, in milliseconds. No wall clock enters.
    pub(super) fn elapsed(&self) -> u64 {
        let open = self.time.monotonic().saturating_sub(self.opened_at);
        let open = u64::try_from(open.as_millis()).unwrap_or(u64::MAX);
        self.elapsed_before.saturating_add(open)
    }

    /// The thread's loop. Ends when it is told to, or when all handles are gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let first = match commands.recv_timeout(self.patience()) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut batch = Batch::default();
            if let Some(first) = first {
                batch.take(first);
                self.gather(commands, &mut batch);
            }
            if self.turn(batch) {
                return;
            }
        }
        self.commit_rest();
        self.write_acks();
        if let Err(error) = self.save() {
            self.note("state not written at the end", &error);
        }
        self.shared.index.close();
    }

    /// Keeps all that waits.
    fn commit_rest(&mut self) {
        while !self.queue.is_empty() {
            let appends = self.queue.take(COMMIT_BYTES);
            self.commit(appends);
        }
    }

    /// Does what came together, and what is due. Whether that was the end.
    fn turn(&mut self, mut batch: Batch) -> bool {
        self.busy = batch.appends.len() > 1;
        self.queue.extend(std::mem::take(&mut batch.appends));
        self.commit_due(batch.close.is_some());
        self.acks.append(&mut batch.acks);
        let close = self.serve(batch);
        self.feel_pressure();
        self.upkeep();
        let Some(done) = close else {
            return false;
        };
        let saved = self.save();
        self.shared.index.close();
        // Whoever hears the answer may open the directory again.
        drop(self.lock.take());
        answer(done, saved.map_err(SpoolError::from));
        true
    }

    /// Commits those whose turn it is, or the counts that were in memory alone for long enough; at
    /// the end, all.
    fn commit_due(&mut self, is_end: bool) {
        let ledger_due = self.due(self.ledger_at, LEDGER_EVERY);
        if self.queue.is_empty() && !ledger_due && !is_end {
            return;
        }
        let appends = self.queue.take(COMMIT_BYTES);
        self.commit(appends);
        if is_end {
            self.commit_rest();
        }
        self.ledger_at = self.time.monotonic();
        if ledger_due && self.unnoted_since.is_some() {
            // Readers that were refused look again.
            self.shared.notify();
        }
        if ledger_due && let Err(error) = self.finish_rewriting() {
            self.note("segment not replaced yet", &error);
        }
    }

    /// Does what it was told beside appends, and answers it. Hands back who told it to finish.
    fn serve(&mut self, batch: Batch) -> Option<Done> {
        for (lane, begin, upto, done) in batch.goings_on {
            self.go_on(lane, begin, upto, done);
        }
        for (lane, serial, done) in batch.handed_out {
            answer(done, self.hand_out(lane, serial).map_err(SpoolError::from));
        }
        for (lane, serial, from, done) in batch.damaged {
            let examined = self.examine(lane, serial, from);
            answer(done, examined.map_err(SpoolError::from));
        }
        for (lane, serial, sought, done) in batch.erasures {
            let fate = self.erase(lane, serial, &sought);
            let _gone = done.send(fate.map_err(SpoolError::from));
        }
        for (id, done) in batch.erasures_ended {
            let erased = self.end_erasure(id);
            let _gone = done.send(erased.map_err(SpoolError::from));
        }
        if batch.close.is_some() || self.due(self.state_written_at, ACK_EVERY) {
            self.write_acks();
        }
        if !batch.balances.is_empty() {
            let balance = self.draw_up();
            for done in batch.balances {
                let _gone = done.send(Arc::clone(&balance));
            }
        }
        batch.close
    }

    /// One turn of the loop without waiting, for whoever steps the owner by hand: takes all that
    /// is there. Whether that was the end.
    pub(super) fn step(&mut self, commands: &Receiver<Command>) -> bool {
        let mut batch = Batch::default();
        while let Ok(command) = commands.try_recv() {
            batch.take(command);
        }
        self.turn(batch)
    }

    pub(super) fn due(&self, since: Duration, every: Duration) -> bool {
        self.time.monotonic().saturating_sub(since) >= every
    }

    /// How long the thread may sleep.
    fn patience(&self) -> Duration {
        if !self.queue.is_empty() {
            Duration::ZERO
        } else if self.acks.is_empty() {
            LEDGER_EVERY
        } else {
            ACK_EVERY
        }
    }

    /// Takes what is there. Waits for more only when several came together the last time: a
    /// lonely request is not kept waiting.
    fn gather(&self, commands: &Receiver<Command>, batch: &mut Batch) {
        let began = self.time.monotonic();
        while batch.bytes < GATHER_BYTES && batch.close.is_none() {
            let left = GATHER.saturating_sub(self.time.monotonic().saturating_sub(began));
            let is_alone = self.queue.is_empty() && !batch.appends.is_empty();
            let wait = self.busy && is_alone && !left.is_zero();
            let more = if wait {
                commands.recv_timeout(left).ok()
            } else {
                commands.try_recv().ok()
            };
            match more {
                Some(command) => batch.take(command),
                None => return,
            }
        }
    }

    /// What is to be done now and then.
    fn upkeep(&mut self) {
        if self.due(self.upkeep_at, UPKEEP_EVERY) {
            self.upkeep_at = self.time.monotonic();
            self.look_at_space();
            self.expire();
            self.keep_little();
            self.keep_ballast();
            self.draw_up();
        }
        if self.due(self.state_written_at, STATE_EVERY)
            && let Err(error) = self.save()
        {
            self.note("state not written", &error);
        }
    }

    /// Writes the state; on a full disk gives up the ballast for it.
    pub(super) fn save(&mut self) -> std::io::Result<()> {
        self.state_written_at = self.time.monotonic();
        self.make_sure()?;
        self.state.elapsed = self.elapsed();
        {
            let catalog = self.shared.catalog();
            for lane in Lane::ALL {
                let book = catalog.lanes.get(lane);
                let LaneCursor { next, .. } = self.state.cursor(lane);
                *next = book.next;
            }
            // Losses not yet written down become the very next record.
            if let Some(pending) = &mut self.state.pending {
                pending.at = catalog.lanes.get(pending.lane).next;
            }
        }
        let written = match self.slots.write(&mut self.state) {
            Err(error) if is_full(&error) && self.release_ballast() => {
                self.slots.write(&mut self.state)
            }
            written => written,
        };
        if written.is_ok() {
            self.in_doubt = self.in_doubt.saturating_sub(1);
            let mut catalog = self.shared.catalog();
            catalog.gaps.clone_from(&self.state.gaps);
            catalog.delivered.clone_from(&self.state.delivered);
        }
        written
    }

    /// Notes that a change of the state was taken back which may be written all the same.
    pub(super) const fn doubt(&mut self) {
        self.in_doubt = SLOTS;
    }

    /// Makes sure that what was taken back is not written. The next record of lane 0 would be taken
    /// for the one that tells of its losses.
    pub(super) fn settle(&mut self) -> std::io::Result<()> {
        while self.in_doubt > 0 {
            self.save()?;
        }
        Ok(())
    }

    /// Writes the state into both slots: if either is damaged, the other knows as much.
    pub(super) fn save_twice(&mut self) -> std::io::Result<()> {
        self.save().and_then(|()| self.save())
    }

    /// Writes down that records are lost, before anything is done about it. What is known
    /// already, or is at the hub, is left out.
    pub(super) fn record_losses(
        &mut self,
        losses: &[Loss],
        reason: GapReason,
        term: Term,
    ) -> std::io::Result<()> {
        let before = (self.state.gaps.clone(), self.state.pending.clone());
        let mut counts = Counts::new();
        for loss in losses {
            let acked = self.state.cursor(loss.lane).acked;
            for part in loss.beyond(&self.state.gaps, acked) {
                part.count(term, &mut counts);
                self.state.add_gap(LostRange {
                    lane: part.lane,
                    from: part.from,
                    to: Seq(part.next.0 - 1),
                    reason,
                });
            }
        }
        if counts.is_empty() && before.0 == self.state.gaps {
            return Ok(());
        }
        self.add_pending(counts);
        let saved = self.save_twice();
        if saved.is_err() {
            (self.state.gaps, self.state.pending) = before;
            self.doubt();
        }
        saved
    }

    /// Adds to the counts that are to be written into lane 0.
    pub(super) fn add_pending(&mut self, mut counts: Counts) {
        let lane = self.routes().of(Lane::Control, None);
        let at = self.shared.catalog().lanes.get(lane).next;
        let pending = self.state.pending.get_or_insert(Pending {
            lane,
            at,
            counts: Vec::new(),
        });
        for (account, n) in pending.counts.drain(..) {
            *counts.entry(account).or_default() += n;
        }
        pending.counts = counts.into_iter().collect();
    }

    pub(super) fn note(&self, what: &str, error: &std::io::Error) {
        tracing::warn!(error = %error, "spool: {what}");
        self.shared.note_error(self.time.now(), what, error);
    }
}

/// What recovery leaves for the owner.
#[derive(Debug)]
pub(super) struct OwnerParts {
    pub(super) state: State,
    pub(super) slots: Slots,
    pub(super) mark: Mark,
    pub(super) writers: ByLane<Writer>,
}

impl Recovered {
    /// Parts the owner's from the readers'.
    pub(super) fn split(
        self,
    ) -> (
        OwnerParts,
        super::catalog::Catalog,
        super::shared::Health,
        Vec<Loss>,
    ) {
        let parts = OwnerParts {
            state: self.state,
            slots: self.slots,
            mark: self.mark,
            writers: self.writers,
        };
        (parts, self.catalog, self.health, self.losses)
    }
}
