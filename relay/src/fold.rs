//! Tells events of a storm that are alike as one record, so that a storm costs little.
//!
//! Of what a project sends in a minute the first events go as they are, unlooked at. Beyond them
//! the first of each kind go as they are too; what comes then is told together with others that
//! wait for the disk at the same time: one of them whole, the others as counts by user
//! ([`protocol::fold`]). So the more send at once, the less each event costs.
//!
//! What always holds: an event is folded after it was scrubbed, filtered and counted for its
//! limits, and is answered only when the record that counts it is durable, as any other. Nothing
//! is kept here between two commits. The maps are bounded; beyond, events go as they are.

mod storms;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use protocol::block::{FOLDED_MAX, Folded, Items, Record};
use protocol::fold::{self, Foldable, Key};
use protocol::ids::{Lane, ProjectId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::spool::{Spool, SpoolError};
use storms::Storms;

/// How long is waited at most for as many events as were told together before: who was answered
/// then sends its next. One who sends alone is never waited for.
const LINGER: Duration = Duration::from_millis(10);

/// Settings of folding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How many errors of a project, and then of each kind, go as they are in a minute; 0 folds
    /// nothing.
    pub after: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { after: 200 }
    }
}

/// A handle to the task that tells events together. It ends when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Folder {
    storms: Arc<Mutex<Storms>>,
    queue: mpsc::Sender<Waiting>,
}

/// An event that waits for the disk.
#[derive(Debug)]
struct Waiting {
    items: Items,
    one: Foldable,
    done: oneshot::Sender<Result<(), SpoolError>>,
}

/// What is to be told together: the records of a project, and who waits for them.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<(Lane, Record)>,
    waiting: Vec<oneshot::Sender<Result<(), SpoolError>>>,
}

impl Folder {
    /// Starts it on the tracker; `None` where nothing is to be folded.
    #[must_use]
    pub fn start(config: &Config, spool: Spool, tracker: &TaskTracker) -> Option<Self> {
        if config.after == 0 {
            return None;
        }
        let (queue, waiting) = mpsc::channel(FOLDED_MAX);
        tracker.spawn(run(waiting, spool));
        Some(Self {
            storms: Arc::new(Mutex::new(Storms::new(config.after))),
            queue,
        })
    }

    /// Whether an event is to be told together with others; it is counted. `now` is by a clock
    /// that never jumps.
    #[must_use]
    pub fn admit(&self, items: &Items, now: Duration) -> Option<Foldable> {
        if !self.storms().is_stormy(items.project, now) {
            return None;
        }
        let one = fold::read(items)?;
        let is_surplus = self.storms().is_surplus(items.project, one.key);
        is_surplus.then_some(one)
    }

    /// Keeps such an event; `Ok` means that the record that counts it is on the disk.
    ///
    /// # Errors
    /// The spool's.
    pub async fn keep(&self, items: Items, one: Foldable) -> Result<(), SpoolError> {
        let (done, answer) = oneshot::channel();
        let waiting = Waiting { items, one, done };
        let sent = self.queue.send(waiting).await;
        sent.map_err(|_| SpoolError::Closed)?;
        answer.await.map_err(|_| SpoolError::Closed)?
    }

    /// A panic while counting cannot leave half a count.
    fn storms(&self) -> MutexGuard<'_, Storms> {
        self.storms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what waits, again and again; what comes meanwhile waits for the next time.
async fn run(mut queue: mpsc::Receiver<Waiting>, spool: Spool) {
    let mut waiting = Vec::new();
    let mut n_before = 0;
    while queue.recv_many(&mut waiting, FOLDED_MAX).await > 0 {
        gather(&mut queue, &mut waiting, n_before).await;
        n_before = waiting.len();
        let mut appends = JoinSet::new();
        for batch in batches(std::mem::take(&mut waiting)) {
            let spool = spool.clone();
            appends.spawn(async move {
                let kept = spool.append(batch.records).await;
                for done in batch.waiting {
                    // Who went away is counted all the same.
                    drop(done.send(kept.clone()));
                }
            });
        }
        while appends.join_next().await.is_some() {}
    }
}

/// Waits until so many have come, or nobody does for a moment.
async fn gather(queue: &mut mpsc::Receiver<Waiting>, waiting: &mut Vec<Waiting>, n: usize) {
    let gathering = async {
        while waiting.len() < n && queue.recv_many(waiting, n - waiting.len()).await > 0 {}
    };
    // Without that many it is as good.
    drop(tokio::time::timeout(LINGER, gathering).await);
}

/// What waits, by project: each can fail without the others.
fn batches(waiting: Vec<Waiting>) -> Vec<Batch> {
    let mut piles: BTreeMap<Key, Pile> = BTreeMap::new();
    let mut batches: BTreeMap<ProjectId, Batch> = BTreeMap::new();
    for Waiting { items, one, done } in waiting {
        let batch = batches.entry(items.project).or_default();
        batch.waiting.push(done);
        match piles.get_mut(&one.key) {
            Some(pile) => pile.add(items.remote_addr, one),
            None => {
                piles.insert(one.key, Pile::begin(items));
            }
        }
    }
    for pile in piles.into_values() {
        let batch = batches.entry(pile.folded.items.project).or_default();
        batch.records.push((Lane::Errors, pile.into_record()));
    }
    batches.into_values().collect()
}

/// Events of one key.
#[derive(Debug)]
struct Pile {
    folded: Folded,
    /// The place of each user.
    places: HashMap<(Option<Bytes>, Option<String>), usize>,
}

impl Pile {
    fn begin(items: Items) -> Self {
        let folded = Folded {
            items,
            alike: Vec::new(),
        };
        Self {
            folded,
            places: HashMap::new(),
        }
    }

    fn add(&mut self, remote_addr: Option<String>, one: Foldable) {
        let alike = &mut self.folded.alike;
        let place = self.places.entry((one.user.clone(), remote_addr.clone()));
        let place = *place.or_insert(alike.len());
        match alike.get_mut(place) {
            Some(alike) => fold::add(alike, one.at),
            None => alike.push(one.alike(remote_addr)),
        }
    }

    fn into_record(self) -> Record {
        match self.folded.alike.is_empty() {
            true => Record::Items(self.folded.items),
            false => Record::Folded(self.folded),
        }
    }
}

#[cfg(test)]
mod tests;
