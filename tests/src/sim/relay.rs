//! The relay under simulation: the real spool, stepped by hand, and the real outbox.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use protocol::block::Record;
use protocol::ids::{Lane, Seq};
use protocol::outcome::{Account, Term, reason};
use relay::forward::{Order, Outbox};
use relay::ledger::Ledger;
use relay::spool::sim::{Stepper, open};
use relay::spool::{Config, Entry, ReadOutcome, Spool, SpoolError};
use tokio::sync::watch;

use super::disk::SimDisk;
use super::net::{ConnectionId, Down, Net, Up};
use super::time::SimTime;

type Answering<T> = Pin<Box<dyn Future<Output = T>>>;

/// The records of a request, by lane.
type Numbers = Vec<(Lane, u64)>;

/// Most blocks the relay has under way.
const WINDOW: u16 = 8;
/// Reads for one look at a lane; more than any lane of a simulation holds.
const READS_MAX: usize = 100_000;
/// Reads of one number, of which a disk that fails for a while refuses some.
const TRIES_MAX: usize = 8;

/// A running relay. Dropped, it is a process that was killed.
pub(super) struct Relay {
    pub(super) spool: Spool,
    pub(super) ledger: Ledger,
    stepper: Stepper,
    changed: watch::Receiver<u64>,
    /// Requests that were not answered yet.
    appends: Vec<(Numbers, Answering<Result<(), SpoolError>>)>,
    session: Option<Session>,
}

struct Session {
    connection: ConnectionId,
    outbox: Option<Outbox>,
    acking: Option<Answering<Result<(), SpoolError>>>,
}

/// A request that was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) records: Numbers,
    pub(super) result: Result<(), SpoolError>,
}

impl Relay {
    pub(super) fn open(
        config: &Config,
        disk: &SimDisk,
        time: &Arc<SimTime>,
    ) -> Result<Self, SpoolError> {
        let ledger = Ledger::default();
        let (disk, clocks) = (Arc::new(disk.clone()), Arc::clone(time));
        let (spool, stepper) = open(config, ledger.clone(), disk, clocks)?;
        Ok(Self {
            changed: spool.changed(),
            spool,
            ledger,
            stepper,
            appends: Vec::new(),
            session: None,
        })
    }

    /// Hands records to the spool; the answer comes with [`Relay::step`].
    pub(super) fn append(&mut self, numbers: Vec<(Lane, u64)>, records: Vec<(Lane, Record)>) {
        let spool = self.spool.clone();
        // What is long may come compressed; here it is what every other request brings.
        let is_packed = numbers.iter().any(|(_, n)| n % 2 == 0);
        let entries = records.into_iter().map(Entry::from);
        let entries: Vec<Entry> = match is_packed {
            true => entries.map(Entry::packed).collect(),
            false => entries.collect(),
        };
        let mut answering: Answering<_> = Box::pin(async move { spool.append(entries).await });
        // The first look hands it over.
        let early = look(&mut answering);
        debug_assert!(early.is_none(), "nobody can have answered yet");
        self.appends.push((numbers, answering));
    }

    /// Lets the spool's owner do what it was asked for and what is due; gives the answers.
    pub(super) fn step(&mut self) -> Vec<Answered> {
        self.stepper.step();
        let mut answered = Vec::new();
        self.appends.retain_mut(|(records, answering)| {
            let result = look(answering);
            let is_answered = result.is_some();
            if let Some(result) = result {
                let records = std::mem::take(records);
                answered.push(Answered { records, result });
            }
            !is_answered
        });
        for Answered { records, result } in &answered {
            if result.is_err() {
                self.refused(records.len() as u64);
            }
        }
        answered
    }

    /// What the ingest counts for items it could not keep.
    fn refused(&self, n: u64) {
        let category = protocol::item::Category::Error;
        self.ledger.refused(None, category, reason::OVERLOAD, n);
    }

    /// Whether every request was answered.
    pub(super) const fn has_answered_all(&self) -> bool {
        self.appends.is_empty()
    }

    /// The connection, while there is one.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.session.as_ref().map(|session| session.connection)
    }

    pub(super) fn connect(&mut self, net: &mut Net) {
        let connection = net.connect();
        let epoch = self.spool.epoch();
        net.send_up(connection, Up::Hello { epoch });
        self.session = Some(Session {
            connection,
            outbox: None,
            acking: None,
        });
    }

    pub(super) fn disconnect(&mut self, net: &mut Net) {
        if let Some(session) = self.session.take() {
            net.relay_closes(session.connection);
        }
    }

    /// Takes a frame of the hub.
    ///
    /// # Errors
    /// When the hub acknowledges what it was not sent, or before it has welcomed the relay.
    pub(super) fn take(&mut self, frame: Down, now: Duration) -> Result<(), String> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        match (frame, &mut session.outbox) {
            (Down::Welcome { cursors, window }, _) => {
                self.spool.welcomed();
                let lanes = self.spool.lanes();
                session.outbox = Some(Outbox::new(&cursors, &lanes, window, WINDOW, now));
                Ok(())
            }
            (Down::Ack { lane, upto }, Some(outbox)) => {
                let acked = outbox.acked(lane, upto, now);
                acked.map_err(|why| format!("{lane} is acknowledged up to {}: {why:?}", upto.0))
            }
            (Down::Ack { .. }, None) => Err("an acknowledgement before Welcome".to_owned()),
        }
    }

    /// One turn of the link: acknowledgements to the spool, and the next order.
    /// Whether there was anything to do.
    pub(super) fn forward(&mut self, net: &mut Net, now: Duration) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let Some(outbox) = &mut session.outbox else {
            return false;
        };
        if self.changed.has_changed().unwrap_or(false) {
            self.changed.mark_unchanged();
            outbox.spool_changed(&self.spool.lanes());
        }
        if session
            .acking
            .as_mut()
            .is_some_and(|acking| look(acking).is_some())
        {
            session.acking = None;
        }
        if session.acking.is_none()
            && let Some((lane, upto)) = outbox.take_ack()
        {
            let spool = self.spool.clone();
            let mut acking: Answering<_> = Box::pin(async move { spool.ack(lane, upto).await });
            session.acking = look(&mut acking).is_none().then_some(acking);
        }
        let connection = session.connection;
        match outbox.next(now) {
            None => return false,
            Some(Order::Read { lane, from }) => match self.stepper.read(&self.spool, lane, from) {
                Ok(read) => outbox.was_read(lane, read, now),
                Err(_) => outbox.was_not_readable(lane),
            },
            Some(Order::Block { lane, bytes }) => {
                net.send_up(connection, Up::Block(lane, bytes));
            }
            Some(Order::Gap(gap)) => net.send_up(connection, Up::Gap(gap)),
            Some(Order::CountRejected(counts)) => {
                self.ledger.count_all(counts.into_iter().map(|count| {
                    let account = Account {
                        project: Some(count.project),
                        category: count.category,
                        term: Term::Rejected,
                        reason: reason::POISON.into(),
                    };
                    (account, count.n)
                }));
            }
            Some(Order::GiveUp(_)) => self.disconnect(net),
        }
        true
    }

    fn read(&mut self, lane: Lane, at: Seq) -> Result<ReadOutcome, SpoolError> {
        let mut read = self.stepper.read(&self.spool, lane, at);
        for _ in 1..TRIES_MAX {
            if read.is_ok() {
                break;
            }
            read = self.stepper.read(&self.spool, lane, at);
        }
        read
    }

    /// The numbers of all records of a lane that were not delivered, and the places without one.
    pub(super) fn waiting(&mut self, lane: Lane) -> Result<(Vec<u64>, u64), String> {
        let state = self.spool.lanes().get(lane.index()).copied();
        let mut at = state.unwrap_or_default().acked.next();
        let (mut found, mut n_gaps) = (Vec::new(), 0);
        for _ in 0..READS_MAX {
            let read = self.read(lane, at);
            match read.map_err(|error| format!("{lane} {}: {error}", at.0))? {
                ReadOutcome::Empty => return Ok((found, n_gaps)),
                ReadOutcome::Gap(gap) => {
                    n_gaps += gap.to.0 - at.0 + 1;
                    at = gap.to.next();
                }
                ReadOutcome::Block { head, bytes } => {
                    let opened = protocol::block::open(&bytes);
                    let (_, records) = opened.map_err(|error| format!("{lane}: {error}"))?;
                    let numbered = (head.first_seq.0..).map(Seq).zip(&records);
                    let own = numbered.filter(|(seq, _)| *seq >= at);
                    found.extend(own.filter_map(|(_, record)| super::records::number(record)));
                    at = head.last_seq().next();
                }
            }
        }
        Err(format!("{lane} has no end"))
    }
}

/// Whether a future has come to its end. Nobody is woken: it is looked at again with each step.
fn look<T>(future: &mut Answering<T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
