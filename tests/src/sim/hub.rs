//! The hub under simulation.
//!
//! Real code: a session's inbox with the order of its lanes ([`hub::receive::Inbox`]), what a
//! delivery means to the cursor ([`hub::digest::cursor`]), and the opening of blocks. The store is
//! a model: effects and cursor change together or not at all, and what was not committed is gone
//! with the process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use hub::digest::cursor::{Meets, meet};
use hub::receive::{Arrived, Inbox, Step};
use protocol::block::{self, Chain, Folded, Record, Whole};
use protocol::ids::{Epoch, Lane, Seq, WholeId};
use protocol::outcome::{Account, Counts, Term, reason};
use protocol::wire::{Ack, Cursor};

use super::net::{ConnectionId, Down, Net, Up};
use super::records::{self, number};
use crate::chance::Chance;

/// Most blocks a relay may have under way.
const WINDOW_MAX: u64 = 12;
/// Steps gathered into one transaction.
const BATCH_MAX: u64 = 6;

/// What is committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub(super) cursors: BTreeMap<(Epoch, Lane), Seq>,
    /// Every record that was applied, in the order of application.
    pub(super) applied: Vec<Applied>,
    /// What stands under a number, so that it never means something else.
    numbers: BTreeMap<(Epoch, Lane, Seq), Option<u64>>,
    seen: BTreeSet<u64>,
    /// The parts of items, and the digest up to each.
    parts: BTreeMap<WholeId, BTreeMap<u32, Chain>>,
    /// Items that came without all of their parts.
    pub(super) incomplete: BTreeSet<u64>,
    /// What each record counted.
    counted: BTreeMap<(Epoch, Lane, Seq), Counts>,
    /// The ledger.
    pub(super) totals: Counts,
}

/// A record with items that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) lane: Lane,
    pub(super) project: u64,
    pub(super) n: u64,
}

/// A step that waits for its commit, and for whom.
#[derive(Debug)]
struct Waiting {
    connection: ConnectionId,
    epoch: Epoch,
    step: Step<Bytes>,
}

/// The running program.
#[derive(Debug, Default)]
struct Process {
    sessions: BTreeMap<ConnectionId, Inbox<Bytes>>,
    queue: VecDeque<Waiting>,
}

/// How a commit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommitEnd {
    /// Committed and answered.
    Well,
    /// The disk refused; nothing has changed.
    Failed,
    /// The process died before it was committed.
    KilledBefore,
    /// The process died after it was committed, before anyone was answered.
    KilledAfter,
}

/// The hub: what it keeps, and the program while it runs.
#[derive(Debug, Default)]
pub(super) struct Hub {
    pub(super) store: Store,
    process: Option<Process>,
    backup: Option<Store>,
    /// What it had before it was set back, of which a part may have come again.
    had: Option<Store>,
    /// Lost by being set back: the relay had delivered it, and said that it has it no more.
    pub(super) gone: Gone,
}

/// Records that a hub lost by being set back, and that could not be sent again.
#[derive(Debug, Default)]
pub(super) struct Gone {
    places: BTreeSet<(Epoch, Lane, Seq)>,
    pub(super) records: BTreeSet<u64>,
    /// What they had counted.
    pub(super) totals: Counts,
}

impl Hub {
    pub(super) fn start(&mut self) {
        self.process.get_or_insert_default();
    }

    pub(super) fn kill(&mut self, net: &mut Net) {
        self.process = None;
        net.hub_has_gone();
    }

    /// Keeps a copy of what is committed; the next time the hub is that copy again.
    pub(super) fn back_up_or_set_back(&mut self, net: &mut Net) {
        let Some(backup) = self.backup.take() else {
            self.backup = Some(self.store.clone());
            return;
        };
        self.kill(net);
        let present = std::mem::replace(&mut self.store, backup);
        // What was lost before and did not come again yet is still lost.
        let mut had = self.had.take().unwrap_or_default();
        had.numbers.extend(present.numbers);
        had.counted.extend(present.counted);
        for (lane, upto) in present.cursors {
            let highest = had.cursors.entry(lane).or_default();
            *highest = upto.max(*highest);
        }
        self.had = Some(had);
    }

    /// Whether it ever was set back.
    pub(super) const fn was_set_back(&self) -> bool {
        self.had.is_some()
    }

    /// The farthest that a lane ever was committed.
    pub(super) fn highest(&self, epoch: Epoch, lane: Lane) -> Seq {
        let had = self.had.as_ref();
        let had = had.and_then(|had| had.cursors.get(&(epoch, lane)).copied());
        self.cursor(epoch, lane).max(had.unwrap_or_default())
    }

    pub(super) const fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// How many steps wait for their commit.
    pub(super) fn n_waiting(&self) -> usize {
        self.process.as_ref().map_or(0, |hub| hub.queue.len())
    }

    /// How far a lane is committed.
    pub(super) fn cursor(&self, epoch: Epoch, lane: Lane) -> Seq {
        let cursor = self.store.cursors.get(&(epoch, lane));
        cursor.copied().unwrap_or_default()
    }

    /// A session has ended, seen from here.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        if let Some(process) = &mut self.process {
            // What the digest has of it is still applied.
            process.sessions.remove(&connection);
        }
    }

    /// Takes a frame of a relay.
    ///
    /// # Errors
    /// When it breaks the protocol, which ends the simulation.
    pub(super) fn take(
        &mut self,
        connection: ConnectionId,
        frame: Up,
        net: &mut Net,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        if let Up::Hello { epoch } = frame {
            let committed = |lane| self.store.cursors.get(&(epoch, lane)).copied();
            let cursor = |lane| Cursor {
                lane,
                upto: committed(lane).unwrap_or_default(),
                digest: None,
            };
            let cursors = Lane::ALL.map(cursor).to_vec();
            let window = u16::try_from(1 + chance.below(WINDOW_MAX)).unwrap_or(1);
            let inbox = Inbox::new(epoch, &cursors, window);
            process.sessions.insert(connection, inbox);
            net.send_down(connection, Down::Welcome { cursors, window });
            return Ok(());
        }
        // What comes behind the end of a session is not looked at.
        let Some(inbox) = process.sessions.get_mut(&connection) else {
            return Ok(());
        };
        let arrived = match frame {
            Up::Gap(gap) => inbox.gap(gap),
            Up::Block(lane, bytes) => {
                let head = block::read_head(&bytes).map_err(|error| format!("block: {error}"))?;
                if head.lane != lane {
                    return Err(format!("a block of {} came as one of {lane}", head.lane));
                }
                inbox.block(head, bytes)
            }
            Up::Hello { .. } => return Ok(()),
        };
        match arrived.map_err(|refusal| format!("the hub refuses: {refusal:?}"))? {
            Arrived::Known(ack) => {
                let Ack { lane, upto, .. } = ack;
                net.send_down(connection, Down::Ack { lane, upto });
            }
            Arrived::HandOn(steps) => {
                let epoch = inbox.epoch();
                process.queue.extend(steps.into_iter().map(|step| Waiting {
                    connection,
                    epoch,
                    step,
                }));
            }
        }
        Ok(())
    }

    /// Commits some of what waits, or fails at it.
    ///
    /// # Errors
    /// When what arrived contradicts what is committed.
    pub(super) fn commit(
        &mut self,
        end: CommitEnd,
        net: &mut Net,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let n = usize::try_from(1 + chance.below(BATCH_MAX)).unwrap_or(1);
        let n = n.min(process.queue.len());
        let batch: Vec<_> = process.queue.drain(..n).collect();
        let mut next = self.store.clone();
        let mut answers = Vec::new();
        let mut gone = Vec::new();
        for waiting in batch {
            if let Step::Gap(gap) = &waiting.step {
                gone.push((waiting.epoch, gap.lane, next.cursor_of(&waiting), gap.upto));
            }
            let answer = next.apply(&waiting)?;
            self.same_as_before(&waiting)?;
            answers.push((waiting.connection, waiting.step.lane(), answer));
        }
        let is_committed = matches!(end, CommitEnd::Well | CommitEnd::KilledAfter);
        if is_committed {
            self.store = next;
            for (epoch, lane, behind, upto) in gone {
                self.lose(epoch, lane, behind, upto);
            }
        }
        if matches!(end, CommitEnd::KilledBefore | CommitEnd::KilledAfter) {
            self.kill(net);
            return Ok(());
        }
        for (connection, lane, answer) in answers {
            let answer = answer.filter(|_| is_committed);
            self.answer(connection, lane, answer, net);
        }
        Ok(())
    }

    /// The relay has these numbers no more: what the hub had under them before it was set back is
    /// lost.
    fn lose(&mut self, epoch: Epoch, lane: Lane, behind: Seq, upto: Seq) {
        let Some(had) = &self.had else { return };
        let range = (epoch, lane, behind.next())..=(epoch, lane, upto);
        if range.is_empty() {
            return;
        }
        for (at, counted) in had.counted.range(range) {
            if !self.gone.places.insert(*at) {
                continue;
            }
            for (account, n) in counted {
                *self.gone.totals.entry(account.clone()).or_default() += n;
            }
            self.gone
                .records
                .extend(had.numbers.get(at).copied().flatten());
        }
    }

    /// What comes again is what it was.
    fn same_as_before(&self, waiting: &Waiting) -> Result<(), String> {
        let (Some(had), Step::Block { head, body }) = (&self.had, &waiting.step) else {
            return Ok(());
        };
        let (_, records) = block::open(body).map_err(|error| format!("block: {error}"))?;
        for (seq, record) in (head.first_seq.0..).map(Seq).zip(records) {
            let (stood, n) = (
                had.numbers.get(&(waiting.epoch, head.lane, seq)),
                number(&record),
            );
            if let Some(stood) = stood.filter(|stood| **stood != n) {
                return Err(format!(
                    "{} {} was {stood:?} and is {n:?}",
                    head.lane, seq.0
                ));
            }
        }
        Ok(())
    }

    /// Acknowledges what is committed; a session whose step is not committed ends.
    fn answer(&mut self, connection: ConnectionId, lane: Lane, upto: Option<Seq>, net: &mut Net) {
        let Some(process) = &mut self.process else {
            return;
        };
        let Some(inbox) = process.sessions.get_mut(&connection) else {
            return;
        };
        match upto {
            Some(upto) => {
                let Ack { lane, upto, .. } = inbox.committed(lane, upto);
                net.send_down(connection, Down::Ack { lane, upto });
            }
            None => {
                process.sessions.remove(&connection);
                net.hub_closes(connection);
            }
        }
    }
}

impl Store {
    fn cursor_of(&self, waiting: &Waiting) -> Seq {
        let lane = (waiting.epoch, waiting.step.lane());
        self.cursors.get(&lane).copied().unwrap_or_default()
    }

    /// Applies a step; gives how far its lane is, or nothing where records before it are missing.
    fn apply(&mut self, waiting: &Waiting) -> Result<Option<Seq>, String> {
        let Waiting { epoch, step, .. } = waiting;
        let lane = step.lane();
        let cursor = self.cursors.entry((*epoch, lane)).or_default();
        let before = *cursor;
        let (met, last) = match step {
            Step::Block { head, .. } => {
                let last = head.last_seq();
                (meet(before, head.first_seq, last), last)
            }
            Step::Gap(gap) => (meet(before, gap.from, gap.upto), gap.upto),
        };
        if met == Meets::Hole {
            return Ok(None);
        }
        if met == Meets::New {
            *cursor = last;
        }
        if let Step::Block { head, body } = step {
            let (_, records) = block::open(body).map_err(|error| format!("block: {error}"))?;
            for (seq, record) in (head.first_seq.0..).map(Seq).zip(records) {
                self.record(*epoch, lane, seq, &record, seq > before)?;
            }
        }
        Ok(Some(before.max(last)))
    }

    fn record(
        &mut self,
        epoch: Epoch,
        lane: Lane,
        seq: Seq,
        record: &Record,
        is_new: bool,
    ) -> Result<(), String> {
        let n = number(record);
        let stood = self.numbers.get(&(epoch, lane, seq));
        if let Some(stood) = stood.filter(|stood| **stood != n) {
            return Err(format!("{lane} {} was {stood:?} and is {n:?}", seq.0));
        }
        if !is_new {
            return Ok(());
        }
        if stood.is_some() {
            return Err(format!("{lane} {} is applied twice", seq.0));
        }
        self.numbers.insert((epoch, lane, seq), n);
        let mut counted = Counts::new();
        match record {
            Record::Part(part) => {
                let parts = self.parts.entry(part.whole).or_default();
                parts.insert(part.nth, part.chain);
            }
            Record::Items(items)
            | Record::Whole(Whole { items, .. })
            | Record::Folded(Folded { items, .. }) => {
                let n = n.ok_or("a record without a number")?;
                let is_whole = self.is_whole(record);
                if !is_whole {
                    self.incomplete.insert(n);
                }
                let is_first = is_whole && self.seen.insert(n);
                if is_first {
                    self.applied.push(Applied {
                        lane,
                        project: items.project.get(),
                        n,
                    });
                }
                let (term, why) = match (is_first, is_whole) {
                    (true, _) => (Term::Applied, reason::NONE),
                    (false, true) => (Term::Invalid, reason::DUPLICATE),
                    (false, false) => (Term::Invalid, reason::PARTS_MISSING),
                };
                for (account, n) in records::kept(record) {
                    if account.term == Term::Accepted {
                        let account = Account {
                            term,
                            reason: why.into(),
                            ..account.clone()
                        };
                        *counted.entry(account).or_default() += n;
                    }
                    *counted.entry(account).or_default() += n;
                }
            }
            Record::Ledger(delta) => {
                for (account, n) in &delta.counts {
                    if matches!(account.term, Term::Evicted | Term::Expired | Term::Corrupt) {
                        // Items that were kept and then lost never come here themselves.
                        for term in [Term::Received, Term::Accepted] {
                            let kept = Account {
                                term,
                                reason: reason::NONE.into(),
                                ..account.clone()
                            };
                            *counted.entry(kept).or_default() += n;
                        }
                    }
                    *counted.entry(account.clone()).or_default() += n;
                }
            }
        }
        for (account, n) in &counted {
            *self.totals.entry(account.clone()).or_default() += n;
        }
        self.counted.insert((epoch, lane, seq), counted);
        Ok(())
    }

    /// Whether all parts of an item are here, if it came in parts.
    fn is_whole(&self, record: &Record) -> bool {
        let Record::Whole(Whole { sum, .. }) = record else {
            return true;
        };
        let parts = self.parts.get(&sum.whole);
        parts.is_some_and(|parts| {
            let last = parts.last_key_value().map(|(_, chain)| *chain);
            parts.len() == sum.parts as usize && last == Some(sum.chain)
        })
    }
}
