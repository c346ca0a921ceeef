//! Tells events of a storm that are alike as one record, so that a storm costs little.
//!
//! Of what a project sends in a minute the first events go as they are, unlooked at. Beyond them
//! the first of each kind go as they are too; what comes then is told together with others that
//! wait for the disk at the same time: one of them whole, the others as counts by user
//! ([`protocol::fold`]). So the more send at once, the less each event costs.
//!
//! What always holds: an event is folded after it was scrubbed, filtered and counted for its
//! limits, and is answered only when the record that counts it is durable, as any other. Nothing
//! is kept here between two commits but ids. The maps are bounded; beyond, events go as they are.
//!
//! An event that its client sends again, because an answer was lost, counts once: the hub knows
//! the ids of those that came as they are, and the last ids are remembered here ([`recent`]). They
//! are forgotten when the relay ends; of two that are sent at the same moment, one as it is and
//! one to be told with others, both count.

mod recent;
mod storms;

use std::collections::{BTreeMap, HashMap, HashSet};
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
use recent::Recent;
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
    recent: Arc<Mutex<Recent>>,
    queue: mpsc::Sender<Waiting>,
}

/// How an event is to be kept.
#[derive(Debug)]
pub enum Way {
    /// As it is.
    Alone,
    /// Told together with others.
    Together(Foldable),
    /// Not at all: it was kept before.
    Again,
}

/// What became of an event that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is counted by a record.
    Now,
    /// It was before.
    Before,
}

/// An event that waits for the disk.
#[derive(Debug)]
struct Waiting {
    items: Items,
    one: Foldable,
    done: oneshot::Sender<Result<Told, SpoolError>>,
}

/// What is to be told together: the records of a project, and who waits for them.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<(Lane, Record)>,
    waiting: Vec<Answer>,
}

/// Who waits for a record.
#[derive(Debug)]
struct Answer {
    done: oneshot::Sender<Result<Told, SpoolError>>,
    told: Told,
    name: Option<u64>,
}

impl Folder {
    /// Starts it on the tracker; `None` where nothing is to be folded.
    #[must_use]
    pub fn start(config: &Config, spool: Spool, tracker: &TaskTracker) -> Option<Self> {
        if config.after == 0 {
            return None;
        }
        let (queue, waiting) = mpsc::channel(FOLDED_MAX);
        let recent = Arc::<Mutex<Recent>>::default();
        tracker.spawn(run(waiting, spool, Arc::clone(&recent)));
        Some(Self {
            storms: Arc::new(Mutex::new(Storms::new(config.after))),
            recent,
            queue,
        })
    }

    /// How an event is to be kept; it is counted. `now` is by a clock that never jumps.
    #[must_use]
    pub fn admit(&self, items: &Items, now: Duration) -> Way {
        if was_folded(&locked(&self.recent), items) {
            return Way::Again;
        }
        if !locked(&self.storms).is_stormy(items.project, now) {
            return Way::Alone;
        }
        let Some(one) = fold::read(items) else {
            return Way::Alone;
        };
        match locked(&self.storms).is_surplus(items.project, one.key) {
            true => Way::Together(one),
            false => Way::Alone,
        }
    }

    /// What is to be told of an event once it is durable as it is.
    #[must_use]
    pub fn name(&self, items: &Items) -> Option<u64> {
        locked(&self.recent).name(items)
    }

    /// Remembers an event of this name that is durable as it is.
    pub fn remember(&self, name: Option<u64>) {
        if let Some(name) = name {
            locked(&self.recent).remember(name, false);
        }
    }

    /// Keeps an event together with others; `Ok` means that the record that counts it is on the
    /// disk.
    ///
    /// # Errors
    /// The spool's.
    pub async fn keep(&self, items: Items, one: Foldable) -> Result<Told, SpoolError> {
        let (done, answer) = oneshot::channel();
        let waiting = Waiting { items, one, done };
        let sent = self.queue.send(waiting).await;
        sent.map_err(|_| SpoolError::Closed)?;
        answer.await.map_err(|_| SpoolError::Closed)?
    }
}

/// A panic while counting cannot leave half a count.
fn locked<T>(counts: &Mutex<T>) -> MutexGuard<'_, T> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an event was told with others, so that the hub cannot know that it comes again.
fn was_folded(recent: &Recent, items: &Items) -> bool {
    let name = recent.name(items);
    name.is_some_and(|name| recent.was_folded(name))
}

/// Keeps what waits, again and again; what comes meanwhile waits for the next time.
async fn run(mut queue: mpsc::Receiver<Waiting>, spool: Spool, recent: Arc<Mutex<Recent>>) {
    let mut waiting = Vec::new();
    let mut n_before = 0;
    while queue.recv_many(&mut waiting, FOLDED_MAX).await > 0 {
        gather(&mut queue, &mut waiting, n_before).await;
        n_before = waiting.len();
        let mut appends = JoinSet::new();
        let batches = batches(std::mem::take(&mut waiting), &locked(&recent));
        for batch in batches {
            let (spool, recent) = (spool.clone(), Arc::clone(&recent));
            appends.spawn(async move {
                let kept = match batch.records.is_empty() {
                    true => Ok(()),
                    false => spool.append(batch.records).await,
                };
                for Answer { done, told, name } in batch.waiting {
                    if let (Ok(()), Some(name)) = (&kept, name) {
                        locked(&recent).remember(name, true);
                    }
                    // Who went away is counted all the same.
                    drop(done.send(kept.clone().map(|()| told)));
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

/// What waits, by project: each can fail without the others. What is durable already, or waits
/// twice, is counted once.
fn batches(waiting: Vec<Waiting>, recent: &Recent) -> Vec<Batch> {
    let mut piles: BTreeMap<Key, Pile> = BTreeMap::new();
    let mut batches: BTreeMap<ProjectId, Batch> = BTreeMap::new();
    let mut names = HashSet::new();
    for Waiting { items, one, done } in waiting {
        let batch = batches.entry(items.project).or_default();
        let name = recent.name(&items);
        let is_known = name.is_some_and(|name| recent.knows(name) || !names.insert(name));
        let told = if is_known { Told::Before } else { Told::Now };
        batch.waiting.push(Answer { done, told, name });
        if is_known {
            continue;
        }
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
