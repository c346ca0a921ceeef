//! The owner task: gathers what waits, applies it in one transaction, answers.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::block::{self, Record};
use protocol::ids::{RelayId, Seq};
use protocol::wire;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::apply::{self, Committed};
use super::books::LaneOf;
use super::cursor::{self, Meets};
use super::effect::{Entry, Place, What};
use super::prepare;
use super::rulebook::RuleBook;
use super::surplus::NewIssues;
use super::{
    Applied, ApplyError, Changed, Command, Counters, Delivery, DigestError, Parts, Replayed, Skip,
};
use crate::index::{Index, Replaces};

/// Records gathered into one transaction; a single block may have more.
const BATCH_RECORDS: usize = 2000;
/// Bytes of decompressed blocks gathered into one transaction; a single block may have more.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct Owner {
    parts: Parts,
    changes: broadcast::Sender<Changed>,
    counters: Arc<Counters>,
    new_issues: NewIssues,
    rules: RuleBook,
    /// Whether the last transaction could not be committed, so that an outage is told once.
    is_out: bool,
}

/// Someone who waits for the commit.
struct Waiting {
    done: oneshot::Sender<Result<Applied, DigestError>>,
    lane: LaneOf,
    upto: Seq,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What one transaction is made of.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    waiting: Vec<Waiting>,
    bytes: usize,
    /// Where each lane will stand after the batch.
    cursors: HashMap<LaneOf, Seq>,
    /// The blocks, for records that turn out to be poison.
    blocks: Vec<(RelayId, Delivery)>,
}

impl Owner {
    pub(super) fn new(
        parts: Parts,
        changes: broadcast::Sender<Changed>,
        counters: Arc<Counters>,
        rules: RuleBook,
    ) -> Self {
        Self {
            rules,
            new_issues: NewIssues::new(parts.new_issues_max),
            parts,
            changes,
            counters,
            is_out: false,
        }
    }

    pub(super) async fn run(
        mut self,
        mut queue: mpsc::Receiver<Command>,
        cancel: CancellationToken,
    ) {
        loop {
            let first = tokio::select! {
                biased;
                command = queue.recv() => command,
                () = cancel.cancelled(), if !queue.is_closed() => {
                    // What waits is still applied; nothing more is taken.
                    queue.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            let mut batch = Batch::default();
            let mut next = Some(first);
            while let Some(command) = next.take() {
                if let Command::Settle { done } = command {
                    self.commit(std::mem::take(&mut batch)).await;
                    // Whoever asked may have gone.
                    let _ = done.send(());
                } else if let Command::Replay { poison, done } = command {
                    // A replay stands alone: nobody else waits for its outcome.
                    self.commit(std::mem::take(&mut batch)).await;
                    let answer = self.replay(poison).await;
                    drop(done.send(answer));
                } else {
                    self.take(&mut batch, command).await;
                }
                if batch.entries.len() < BATCH_RECORDS && batch.bytes < BATCH_BYTES {
                    next = queue.try_recv().ok();
                }
            }
            self.commit(batch).await;
        }
    }

    /// Puts a command into the batch, or answers it at once.
    async fn take(&mut self, batch: &mut Batch, command: Command) {
        match command {
            Command::Replay { .. } | Command::Settle { .. } => {}
            Command::Skip { skip, done } => {
                let lane = (skip.relay, skip.epoch, skip.lane);
                match self.place(batch, lane, skip.from, skip.upto).await {
                    Err(error) => drop(done.send(Err(error))),
                    Ok((upto, Meets::Hole)) => drop(done.send(Err(missing(upto, skip.from)))),
                    Ok((upto, Meets::Known)) => drop(done.send(Ok(known(upto)))),
                    Ok((_, Meets::New)) => {
                        batch.entries.push(skipped(skip));
                        batch.cursors.insert(lane, skip.upto);
                        batch.wait(done, lane, skip.upto, None);
                    }
                }
            }
            Command::Deliver {
                delivery,
                entries,
                permit,
                done,
            } => {
                let head = &delivery.head;
                let (first, last) = (head.first_seq, head.last_seq());
                let lane = (delivery.relay, head.epoch, head.lane);
                match self.place(batch, lane, first, last).await {
                    Err(error) => drop(done.send(Err(error))),
                    Ok((upto, Meets::Hole)) => drop(done.send(Err(missing(upto, first)))),
                    Ok((upto, Meets::Known)) => {
                        let n = delivery.head.count as usize;
                        Counters::add(&self.counters.repeated_records, n);
                        drop(done.send(Ok(known(upto))));
                    }
                    Ok((upto, Meets::New)) => {
                        // Preparing catches panics; the thread only ends early when the runtime
                        // does.
                        let Ok(entries) = entries.await else {
                            drop(done.send(Err(DigestError::Closed)));
                            return;
                        };
                        let fresh = entries.into_iter().filter(|entry| entry.place.seq > upto);
                        batch.entries.extend(fresh);
                        batch.cursors.insert(lane, last);
                        batch.bytes += delivery.head.raw_len as usize;
                        batch.wait(done, lane, last, Some(permit));
                        batch.blocks.push((delivery.relay, delivery));
                    }
                }
            }
        }
    }

    /// The cursor that the records `first` to `last` of a lane meet, and how.
    async fn place(
        &self,
        batch: &mut Batch,
        lane: LaneOf,
        first: Seq,
        last: Seq,
    ) -> Result<(Seq, Meets), DigestError> {
        let upto = self.cursor(batch, lane).await?;
        Ok((upto, cursor::meet(upto, first, last)))
    }

    async fn cursor(&self, batch: &mut Batch, lane: LaneOf) -> Result<Seq, DigestError> {
        if let Some(upto) = batch.cursors.get(&lane) {
            return Ok(*upto);
        }
        let stored = self.parts.store.lane_cursor(lane.0, lane.1, lane.2).await;
        match stored {
            Ok(Some(upto)) => {
                batch.cursors.insert(lane, upto);
                Ok(upto)
            }
            Ok(None) => Err(DigestError::UnknownRelay(lane.0)),
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "cursor is unreadable"
                );
                Err(DigestError::Unavailable)
            }
        }
    }

    /// Commits a batch and answers everyone in it.
    async fn commit(&mut self, batch: Batch) {
        if batch.entries.is_empty() {
            return;
        }
        let Batch {
            mut entries,
            waiting,
            blocks,
            ..
        } = batch;
        let (committed, result) = self.apply_in_parts(&mut entries, &blocks).await;
        for one in waiting {
            // Of a batch that was cut off, a part may be committed: sent again, it is recognised.
            let answer = match &result {
                Ok(()) => Ok(Applied {
                    upto: one.upto,
                    digest: committed.digests.get(&(one.lane, one.upto)).copied(),
                }),
                Err(_) => Err(DigestError::Unavailable),
            };
            drop(one.done.send(answer));
        }
        match result {
            Ok(()) => {
                Counters::add(&self.counters.records, entries.len());
                self.recover();
            }
            Err(error) => self.fail(&error),
        }
        self.publish(committed).await;
    }

    /// Applies entries; where one of them is at fault, finds it, sets it aside and applies the
    /// rest.
    async fn apply_in_parts(
        &mut self,
        entries: &mut [Entry],
        blocks: &[(RelayId, Delivery)],
    ) -> (Committed, Result<(), ApplyError>) {
        let mut all = Committed::default();
        // Runs still to do, the next one last.
        let mut runs = vec![(0, entries.len())];
        while let Some((from, to)) = runs.pop() {
            let Some(run) = entries.get_mut(from..to) else {
                continue;
            };
            let error = match self.apply(run).await {
                Ok(committed) => {
                    all.documents.extend(committed.documents);
                    all.changed.extend(committed.changed);
                    all.digests.extend(committed.digests);
                    continue;
                }
                Err(error) => error,
            };
            if !error.is_permanent() {
                return (all, Err(error));
            }
            match run {
                [] => {}
                [one] => {
                    let Some(poison) = poison_of(one, &error, blocks) else {
                        return (all, Err(error));
                    };
                    one.what = poison;
                    runs.push((from, to));
                }
                _ => {
                    let middle = from.midpoint(to);
                    runs.push((middle, to));
                    runs.push((from, middle));
                }
            }
        }
        (all, Ok(()))
    }

    async fn apply(&mut self, entries: &[Entry]) -> Result<Committed, ApplyError> {
        let began = tokio::time::Instant::now();
        let now = (self.parts.clock)();
        self.new_issues.turn(now);
        let committed =
            apply::apply(&self.parts, now, &self.new_issues, &self.rules, entries).await?;
        self.new_issues.add(&committed.new_issues);
        let took = usize::try_from(began.elapsed().as_micros()).unwrap_or(usize::MAX);
        let counters = &self.counters;
        Counters::add(&counters.commits, 1);
        Counters::add(&counters.commit_micros, took);
        Counters::add(&counters.events, committed.documents.len());
        Counters::add(&counters.items, committed.n_items);
        Counters::add(&counters.duplicate_events, committed.n_duplicates);
        Counters::add(&counters.poison, committed.n_poison);
        Counters::add(&counters.more_names, committed.n_more_names);
        if committed.n_poison > 0 {
            tracing::warn!(n = committed.n_poison, "records were set aside as poison");
        }
        Ok(committed)
    }

    async fn publish(&self, committed: Committed) {
        add(&self.parts.index, committed.documents).await;
        for change in committed.changed {
            // Nobody may be listening.
            drop(self.changes.send(change));
        }
    }

    async fn replay(&mut self, id: i64) -> Result<Replayed, DigestError> {
        let unavailable = |error: &dyn std::error::Error| {
            let error = prepare::reason_of(error);
            tracing::debug!(error, "replay is not possible at the moment");
            DigestError::Unavailable
        };
        let stored = self.parts.store.poisoned(id).await;
        let poison = stored
            .map_err(|error| unavailable(&error))?
            .filter(|poison| poison.replayed_at.is_none())
            .ok_or(DigestError::UnknownPoison(id))?;
        let relay = poison.relay;
        let beside = prepare::Beside {
            relay,
            arrived_at: (self.parts.clock)(),
            // What its clock said then is not known any more.
            relay_offset_millis: 0,
            rules: &self.rules,
            places: &self.parts.places,
        };
        let whats = match wire::decode_msgpack::<Record>(&poison.record) {
            Ok(record) => vec![prepare::record(beside, record)],
            // Not a record but a block that could not be read.
            Err(_) => match block::read_head(&poison.record) {
                Ok(head) => prepare::block(beside, &head, &poison.record)
                    .into_iter()
                    .map(|entry| entry.what)
                    .collect(),
                Err(error) => return self.still_poison(id, prepare::reason_of(&error)).await,
            },
        };
        let mut entries = Vec::with_capacity(whats.len());
        for what in whats {
            if let What::Poison(poison) = what {
                return self.still_poison(id, poison.reason).await;
            }
            entries.push(Entry {
                relay,
                place: Place {
                    epoch: poison.epoch,
                    lane: poison.lane,
                    seq: poison.seq,
                },
                replay_of: Some(id),
                what,
            });
        }
        match self.apply(&entries).await {
            Ok(committed) => {
                self.publish(committed).await;
                Ok(Replayed::Applied)
            }
            Err(error) if error.is_permanent() => {
                self.still_poison(id, prepare::reason_of(&error)).await
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn still_poison(&self, id: i64, reason: String) -> Result<Replayed, DigestError> {
        let noted = async {
            let mut write = self.parts.store.begin().await?;
            write.poison_again(id, &reason).await?;
            write.commit().await
        };
        match noted.await {
            Ok(()) => Ok(Replayed::Refused { reason }),
            Err(_) => Err(DigestError::Unavailable),
        }
    }

    fn fail(&mut self, error: &ApplyError) {
        Counters::add(&self.counters.failures, 1);
        if !self.is_out {
            self.is_out = true;
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "digest cannot commit; relays will send again");
        }
    }

    fn recover(&mut self) {
        if self.is_out {
            self.is_out = false;
            tracing::info!("digest commits again");
        }
    }
}

impl Batch {
    fn wait(
        &mut self,
        done: oneshot::Sender<Result<Applied, DigestError>>,
        lane: LaneOf,
        upto: Seq,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        self.waiting.push(Waiting {
            done,
            lane,
            upto,
            _permit: permit,
        });
    }
}

/// The answer about records that were applied before.
const fn known(upto: Seq) -> Applied {
    Applied { upto, digest: None }
}

/// What comes behind a hole is refused.
const fn missing(upto: Seq, got: Seq) -> DigestError {
    DigestError::Gap {
        expected: upto.next(),
        got,
    }
}

const fn skipped(skip: Skip) -> Entry {
    Entry {
        relay: skip.relay,
        place: Place {
            epoch: skip.epoch,
            lane: skip.lane,
            seq: skip.upto,
        },
        replay_of: None,
        what: What::Skip,
    }
}

/// An entry whose record the store refuses, set aside. The record is read from its block again.
fn poison_of(entry: &Entry, error: &ApplyError, blocks: &[(RelayId, Delivery)]) -> Option<What> {
    if !matches!(entry.what, What::Effects(_)) {
        return None;
    }
    let place = entry.place;
    let (_, delivery) = blocks.iter().find(|(relay, delivery)| {
        let head = &delivery.head;
        *relay == entry.relay
            && (head.epoch, head.lane) == (place.epoch, place.lane)
            && (head.first_seq..=head.last_seq()).contains(&place.seq)
    })?;
    let (_, records) = block::open(&delivery.block).ok()?;
    let nth = usize::try_from(place.seq.0 - delivery.head.first_seq.0).ok()?;
    match records.get(nth)? {
        Record::Ledger(_) => None,
        record => {
            let reason = prepare::reason_of(error);
            Some(What::Poison(prepare::set_aside(record, reason)))
        }
    }
}

/// Hands documents to the index, waiting while it is busy. The commit does not wait for the
/// index's own: what a crash takes from it is added again at the next start.
async fn add(index: &Index, documents: Vec<crate::index::Document>) {
    if let Err(error) = index.add(documents, Replaces::Nothing).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "index does not take documents");
    }
}
