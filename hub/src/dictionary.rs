//! Trains the dictionaries that relays compress with, on what they sent.
//!
//! Of the blocks that arrive a few are held in memory. Now and then, beside everything else and at
//! the lowest priority, a dictionary is trained on their records for each kind of lane, and put in
//! force when it makes records that it has not seen clearly smaller than the one before does.
//!
//! What always holds: what leaves this room is common to many. Samples are scrubbed once more with
//! the strictest rules; what looks like an identifier, and whatever does not occur in the records
//! of several users, is cut out before the training ([`common`](self)); the candidate is looked
//! through again, byte by byte, before anybody gets it. A dictionary that was in force stays in the
//! store for as long as a relay may have blocks that need it.
//!
//! What it never does: keep samples on the disk, or compress a block again.

mod common;
mod reservoir;
#[cfg(test)]
mod tests;
mod train;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use protocol::dict::{self, DictError, DictId, DictKind, Dictionary};
use protocol::ids::Lane;
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::store::dictionaries::Trained;
use crate::store::{Store, StoreError};
use reservoir::Reservoir;

pub use train::Refused;
use train::{Candidate, Current};

/// How often is looked whether training was asked for or is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After a start, the first training waits until there was time to see what is usual.
const FIRST_AFTER: Duration = Duration::from_mins(10);
/// A replaced dictionary is kept for so long at least: longer than any lane keeps a record.
const REPLACED_KEPT: Duration = Duration::from_hours(24 * 60);
/// Of what records take now, a dictionary that replaces another by itself saves a tenth.
const GAIN_PERCENT: u64 = 10;
/// The setting that asks for training: any text that was not there before.
const ASKED: &str = "dictionaries.asked";
/// The setting that answers: the text that asked, a line end, and what was done.
const ANSWERED: &str = "dictionaries.answered";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether dictionaries are trained by themselves.
    pub train: bool,
    /// How often, at most.
    pub every: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            train: true,
            every: Span(Duration::from_hours(24)),
        }
    }
}

/// What came of a training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Relays are told to use it.
    InForce {
        /// Which.
        id: DictId,
        /// Bytes of held-out records, each alone, before.
        before: u64,
        /// And with it.
        with: u64,
    },
    /// The one before stays.
    Stays(Refused),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InForce { id, before, with } => write!(
                f,
                "{id} is in force: {with} bytes where there were {before}"
            ),
            Self::Stays(why) => write!(f, "nothing new: {why}"),
        }
    }
}

/// Why the dictionaries cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum DictionaryError {
    /// They cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no thread to train on.
    #[error("training did not run")]
    Thread,
}

/// A handle.
#[derive(Clone, Debug)]
pub struct Dictionaries(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    config: Config,
    /// By [`DictKind::index`].
    reservoirs: Mutex<[Reservoir; DictKind::ALL.len()]>,
}

/// Makes every dictionary of the store known to this process, so that blocks can be read.
///
/// # Errors
/// [`StoreError`]; one that is damaged is logged and passed over.
pub async fn load(store: &Store) -> Result<(), StoreError> {
    for bytes in store.dictionary_bytes().await? {
        let learnt = Dictionary::parse(bytes.into()).and_then(|one| dict::learn(&one));
        if let Err(error) = learnt {
            tracing::warn!(%error, "a stored dictionary is not usable; relays that have it are asked for it");
        }
    }
    Ok(())
}

/// Asks the hub that runs on this store to train; gives what its answer will begin with.
///
/// # Errors
/// [`StoreError`].
pub async fn ask(store: &Store, now: Timestamp) -> Result<String, StoreError> {
    let asked = now.as_millis().to_string();
    let mut write = store.begin().await?;
    write.put_setting(ASKED, &asked).await?;
    write.commit().await?;
    Ok(asked)
}

/// The answer to a question, when it is there.
///
/// # Errors
/// [`StoreError`].
pub async fn answer(store: &Store, asked: &str) -> Result<Option<String>, StoreError> {
    let answered = store.setting(ANSWERED).await?.unwrap_or_default();
    Ok(answered
        .split_once('\n')
        .filter(|(to, _)| *to == asked)
        .map(|(_, text)| text.to_owned()))
}

impl Dictionaries {
    /// Makes what the store has known, and begins without samples.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(store: Store, config: Config) -> Result<Self, StoreError> {
        load(&store).await?;
        Ok(Self(Arc::new(Inner {
            store,
            config,
            reservoirs: Mutex::default(),
        })))
    }

    /// Shows a block that arrived; it may become a sample.
    pub fn offer(&self, lane: Lane, block: &Bytes) {
        if let Some(kind) = DictKind::of(lane)
            && let Some(reservoir) = self.reservoirs().get_mut(kind.index())
        {
            reservoir.offer(block);
        }
    }

    /// Trains when it is due or was asked for; runs until `cancel`.
    pub async fn run(self, clock: fn() -> Timestamp, cancel: CancellationToken) {
        let mut tick = interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = Instant::now() + FIRST_AFTER;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = cancel.cancelled() => return,
            }
            let looked = tokio::select! {
                looked = self.look(&mut due, clock) => looked,
                // What is trained meanwhile is thrown away.
                () = cancel.cancelled() => return,
            };
            if let Err(error) = looked {
                tracing::debug!(%error, "dictionaries are not looked after, trying again");
            }
        }
    }

    async fn look(
        &self,
        due: &mut Instant,
        clock: fn() -> Timestamp,
    ) -> Result<(), DictionaryError> {
        let store = &self.0.store;
        let ids = store.dictionary_ids().await?;
        if ids.iter().any(|id| !dict::is_known(*id)) {
            // The command line added one.
            load(store).await?;
        }
        let asked = store.setting(ASKED).await?.unwrap_or_default();
        if !asked.is_empty() && answer(store, &asked).await?.is_none() {
            let mut text = asked.clone();
            for kind in DictKind::ALL {
                let outcome = self.train(kind, 0, clock()).await?;
                text = format!("{text}\n{}\t{outcome}", kind.name());
            }
            let mut write = store.begin().await?;
            write.put_setting(ANSWERED, &text).await?;
            write.commit().await?;
        } else if self.0.config.train && Instant::now() >= *due {
            *due = Instant::now() + self.0.config.every.0;
            for kind in DictKind::ALL {
                self.train(kind, GAIN_PERCENT, clock()).await?;
            }
        }
        Ok(())
    }

    /// Trains one dictionary, and puts it in force when it saves more than so much of what records
    /// take now.
    ///
    /// # Errors
    /// [`DictionaryError`].
    pub async fn train(
        &self,
        kind: DictKind,
        gain_percent: u64,
        now: Timestamp,
    ) -> Result<Outcome, DictionaryError> {
        let blocks = match self.reservoirs().get(kind.index()) {
            Some(reservoir) => reservoir.blocks(),
            None => Vec::new(),
        };
        let current = self.current(kind).await?;
        let trained = in_background(move || train::train(&blocks, current, gain_percent)).await?;
        let candidate = match trained {
            Ok(candidate) => candidate,
            Err(why) => return Ok(stays(kind, why)),
        };
        let (before, with) = (candidate.before, candidate.with);
        let id = candidate.dictionary.id();
        if let Err(error) = self.put_in_force(kind, &candidate, now).await? {
            return Ok(stays(kind, Refused::Unusable(error)));
        }
        if let Some(reservoir) = self.reservoirs().get_mut(kind.index()) {
            reservoir.begin_anew();
        }
        let (kind, samples) = (kind.name(), candidate.n_samples);
        tracing::info!(kind, dictionary = %id, samples, before, with, "dictionary in force");
        Ok(Outcome::InForce { id, before, with })
    }

    /// What relays are told to use.
    async fn current(&self, kind: DictKind) -> Result<Current, StoreError> {
        let in_force = self.0.store.dictionaries_in_force().await?;
        let current = in_force.iter().find(|dict| dict.kind() == Some(kind));
        Ok(Current(
            current
                .map(|dict| dict.id)
                .filter(|id| dict::is_known(*id))
                .unwrap_or(DictId::BUILT_IN),
        ))
    }

    async fn put_in_force(
        &self,
        kind: DictKind,
        candidate: &Candidate,
        now: Timestamp,
    ) -> Result<Result<(), DictError>, StoreError> {
        // Before any relay can use it.
        if let Err(error) = dict::learn(&candidate.dictionary) {
            return Ok(Err(error));
        }
        let trained = Trained {
            kind,
            at: now,
            samples: candidate.n_samples as u64,
            bytes_before: candidate.before,
            bytes_with: candidate.with,
        };
        let kept = i64::try_from(REPLACED_KEPT.as_millis()).unwrap_or(i64::MAX);
        let mut write = self.0.store.begin().await?;
        write
            .put_dictionary(&candidate.dictionary, &trained, now.plus_millis(-kept))
            .await?;
        write.commit().await?;
        Ok(Ok(()))
    }

    fn reservoirs(&self) -> MutexGuard<'_, [Reservoir; DictKind::ALL.len()]> {
        let reservoirs = self.0.reservoirs.lock();
        reservoirs.unwrap_or_else(PoisonError::into_inner)
    }
}

fn stays(kind: DictKind, why: Refused) -> Outcome {
    tracing::debug!(kind = kind.name(), %why, "no dictionary is put in force");
    Outcome::Stays(why)
}

/// Does something long on a thread of its own that gives way to everything else.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, DictionaryError> {
    const LEAST_URGENT: i32 = 19;
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("dictionary".to_owned());
    let started = thread.spawn(move || {
        // Of this thread alone; where it is refused, the work is as urgent as any other.
        let _is_nice = rustix::process::setpriority_process(None, LEAST_URGENT);
        // Whoever asked may have gone.
        drop(done.send(work()));
    });
    started.map_err(|_| DictionaryError::Thread)?;
    result.await.map_err(|_| DictionaryError::Thread)
}
