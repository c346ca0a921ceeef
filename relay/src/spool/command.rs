//! The closed set of what the spool's owner is told.

use std::sync::Arc;

use protocol::ids::{Lane, Seq};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::SpoolError;
use super::balance::Balance;
use super::entry::Entry;
use super::erase::{self, Erased, Fate, Sought};

/// What the owner is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Keep these.
    Append(Append),
    /// The hub has these.
    Ack { lane: Lane, upto: Seq, done: Done },
    /// Give no number up to `upto` out, unless one from `begin` on was.
    GoOn {
        lane: Lane,
        begin: Seq,
        upto: Seq,
        done: Done,
    },
    /// A reader found a segment not as written.
    Damaged {
        lane: Lane,
        serial: u64,
        /// What the reader asked for.
        from: Seq,
        done: Done,
    },
    /// Blocks of a segment are about to be sent.
    HandOut { lane: Lane, serial: u64, done: Done },
    /// Remove these records from a segment.
    Erase {
        lane: Lane,
        serial: u64,
        sought: Arc<Sought>,
        done: erase::Done<Fate>,
    },
    /// All segments were looked at for an erasure.
    EndErasure { id: u64, done: erase::Done<Erased> },
    /// Say what the items came to.
    Balance { done: oneshot::Sender<Arc<Balance>> },
    /// Finish and go.
    Close { done: Done },
}

/// Where an answer goes.
pub(super) type Done = oneshot::Sender<Result<(), SpoolError>>;

/// Records to keep. It is answered well when all are; after an error some may be there.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) entries: Vec<Entry>,
    /// An upper bound of the bytes they take.
    pub(super) bytes: u64,
    pub(super) done: Done,
    /// Its share of the queue's memory, given back with the answer.
    pub(super) permit: OwnedSemaphorePermit,
}

impl Append {
    /// Answers; whoever has stopped waiting does not hear it.
    pub(super) fn answer(self, result: Result<(), SpoolError>) {
        let Self { done, permit, .. } = self;
        drop(permit);
        answer(done, result);
    }
}

pub(super) fn answer(done: Done, result: Result<(), SpoolError>) {
    let _gone = done.send(result);
}

/// Commands that are dealt with together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) appends: Vec<Append>,
    pub(super) bytes: u64,
    pub(super) acks: Vec<(Lane, Seq, Done)>,
    pub(super) goings_on: Vec<(Lane, Seq, Seq, Done)>,
    pub(super) damaged: Vec<(Lane, u64, Seq, Done)>,
    pub(super) handed_out: Vec<(Lane, u64, Done)>,
    pub(super) erasures: Vec<(Lane, u64, Arc<Sought>, erase::Done<Fate>)>,
    pub(super) erasures_ended: Vec<(u64, erase::Done<Erased>)>,
    pub(super) balances: Vec<oneshot::Sender<Arc<Balance>>>,
    pub(super) close: Option<Done>,
}

impl Batch {
    pub(super) fn take(&mut self, command: Command) {
        match command {
            Command::Append(append) => {
                self.bytes = self.bytes.saturating_add(append.bytes);
                self.appends.push(append);
            }
            Command::Ack { lane, upto, done } => self.acks.push((lane, upto, done)),
            Command::GoOn {
                lane,
                begin,
                upto,
                done,
            } => {
                self.goings_on.push((lane, begin, upto, done));
            }
            Command::Damaged {
                lane,
                serial,
                from,
                done,
            } => self.damaged.push((lane, serial, from, done)),
            Command::HandOut { lane, serial, done } => {
                self.handed_out.push((lane, serial, done));
            }
            Command::Erase {
                lane,
                serial,
                sought,
                done,
            } => self.erasures.push((lane, serial, sought, done)),
            Command::EndErasure { id, done } => self.erasures_ended.push((id, done)),
            Command::Balance { done } => self.balances.push(done),
            Command::Close { done } => self.close = Some(done),
        }
    }
}
