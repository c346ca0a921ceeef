//! The one writer of events: a block in, one committed change out.
//!
//! A block is read, normalised and grouped beside the other blocks, then applied in its turn by
//! one task, which gathers what is waiting into one transaction.
//!
//! What always holds: the effects of a record and the cursor that says so are one transaction,
//! and a delivery is answered only after its commit, so a block may come twice and counts once.
//! Within a lane of a relay records are applied in the order of their numbers, without holes:
//! what a relay lost for good it has to say ([`Handle::skip`]). Every item ends in one term of the
//! ledger. A record that cannot be digested is set aside with its reason and may be tried again;
//! those after it go on. Bodies are on the disk before the row that points to them.
//!
//! What it never does: trust a cache about issues. Another part may merge or delete them between
//! two transactions, so hashes are looked up in the transaction that uses them.
//!
//! After the commit come, in this order: the answers, the index, the live updates. What the index
//! lost in a crash is added again from the archive ([`documents_after`]).

mod apply;
mod assign;
mod books;
mod catch_up;
#[doc(hidden)]
pub mod cursor;
mod document;
mod effect;
pub mod erase;
mod folded;
mod issues;
mod keep;
mod names;
mod owner;
mod owners;
mod prepare;
pub mod regroup;
mod removals;
mod rulebook;
mod stored;
mod surplus;
mod tags;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use protocol::block::Head;
use protocol::ids::{Epoch, Lane, ProjectId, RelayId, Seq};
use protocol::outcome::LaneDigest;
use protocol::timestamp::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::archive::{Archive, ArchiveError};
use crate::geo::Places;
use crate::group::Rules;
use crate::index::Index;
use crate::store::{Store, StoreError};

pub use catch_up::{catch_up, documents_after};
pub use stored::receipt;

use effect::Entry;
use rulebook::RuleBook;

/// Commands that wait for the owner; more wait at the door.
const QUEUE_LEN: usize = 128;
/// Bytes of decompressed blocks that are read or wait at the same time.
const BUDGET_BYTES: usize = 32 * 1024 * 1024;
/// Live updates a slow listener may be behind.
const CHANGES_LEN: usize = 1024;

/// A block as it came from a relay.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Which relay, by its certificate.
    pub relay: RelayId,
    /// The block's head; its checksum was verified.
    pub head: Head,
    /// The encoded block, head included.
    pub block: Bytes,
    /// When it arrived, by the hub's clock.
    pub arrived_at: Timestamp,
    /// How far the relay's clock is ahead of the hub's, in milliseconds; 0 where it is not known.
    pub relay_offset_millis: i64,
}

/// What became of a delivery: all of it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The lane's last committed record.
    pub upto: Seq,
    /// What is booked of the lane up to there, when it is known.
    pub digest: Option<LaneDigest>,
}

/// Records that will never come: evicted, expired or damaged at the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Which relay.
    pub relay: RelayId,
    /// The spool's life.
    pub epoch: Epoch,
    /// The lane.
    pub lane: Lane,
    /// The first record that will not come.
    pub from: Seq,
    /// The last.
    pub upto: Seq,
}

/// Why a delivery was not committed. Nothing of it has an effect.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Records are missing before this block or gap: send those first, or say that they are lost.
    #[error("what came begins at {}, and {} is next", got.0, expected.0)]
    Gap {
        /// The next record of the lane.
        expected: Seq,
        /// The first that came.
        got: Seq,
    },
    /// The relay is not, or no longer, registered.
    #[error("relay {0} is not registered")]
    UnknownRelay(RelayId),
    /// There is no such record, or it was tried again already.
    #[error("no record {0} is set aside")]
    UnknownPoison(i64),
    /// The hub cannot write at the moment: send it again later.
    #[error("hub cannot commit at the moment")]
    Unavailable,
    /// The hub is stopping.
    #[error("digest has ended")]
    Closed,
}

/// An issue that a commit changed, for pages that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The project.
    pub project: ProjectId,
    /// The issue's row.
    pub issue: i64,
    /// How.
    pub kind: ChangedKind,
}

/// How an issue changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedKind {
    /// It was made.
    New,
    /// It was seen again after it was resolved or archived.
    Reopened,
    /// It was seen again.
    Seen,
}

/// What became of a record that was tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// It is digested.
    Applied,
    /// It still cannot be digested.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What the digest works on.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where effects are committed.
    pub store: Store,
    /// Where bodies are kept.
    pub archive: Archive,
    /// What makes events searchable.
    pub index: Index,
    /// Where addresses are.
    pub places: Places,
    /// Reads the time.
    pub clock: fn() -> Timestamp,
    /// Most new issues of a project in an hour.
    pub new_issues_max: u32,
}

/// Counts since the start, for metrics.
#[derive(Debug, Default)]
pub struct Counters {
    /// Commits.
    pub commits: AtomicU64,
    /// Microseconds spent in commits, preparation left out.
    pub commit_micros: AtomicU64,
    /// Records applied.
    pub records: AtomicU64,
    /// Events stored.
    pub events: AtomicU64,
    /// Items stored that are no events.
    pub items: AtomicU64,
    /// Events and items that were stored before.
    pub duplicate_events: AtomicU64,
    /// Records that came again after they were applied.
    pub repeated_records: AtomicU64,
    /// Records set aside.
    pub poison: AtomicU64,
    /// Releases and environments beyond the new ones of an hour, each time they were named.
    pub more_names: AtomicU64,
    /// Transactions that could not be committed.
    pub failures: AtomicU64,
}

impl Counters {
    fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }
}

/// A handle to the digest.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    budget: Arc<Semaphore>,
    changes: broadcast::Sender<Changed>,
    counters: Arc<Counters>,
    rules: RuleBook,
    places: Places,
}

/// Everything the owner can be asked for.
#[derive(Debug)]
enum Command {
    Deliver {
        delivery: Delivery,
        /// The block's records, being read on another thread.
        entries: JoinHandle<Vec<Entry>>,
        /// Gives back its share of the budget when the delivery is answered.
        permit: OwnedSemaphorePermit,
        done: oneshot::Sender<Result<Applied, DigestError>>,
    },
    Skip {
        skip: Skip,
        done: oneshot::Sender<Result<Applied, DigestError>>,
    },
    /// Answered when what came before is committed and published.
    Settle { done: oneshot::Sender<()> },
    Replay {
        poison: i64,
        done: oneshot::Sender<Result<Replayed, DigestError>>,
    },
}

/// What can fail between a record and its commit.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("thread of the archive ended")]
    Ended,
}

impl ApplyError {
    /// Whether the records are at fault rather than disk or lock.
    fn is_permanent(&self) -> bool {
        match self {
            Self::Store(error) => error.is_permanent(),
            Self::Archive(error) => {
                matches!(error, ArchiveError::Encode(_) | ArchiveError::Compress(_))
            }
            Self::Ended => false,
        }
    }
}

/// Starts the owner. It ends when `cancel` is cancelled and what waits by then is committed.
#[must_use]
pub fn start(parts: Parts, tracker: &TaskTracker, cancel: CancellationToken) -> Handle {
    let (commands, queue) = mpsc::channel(QUEUE_LEN);
    let (changes, _) = broadcast::channel(CHANGES_LEN);
    let counters = Arc::new(Counters::default());
    let rules = RuleBook::new(parts.store.clone(), parts.clock);
    let places = parts.places.clone();
    let owner = owner::Owner::new(parts, changes.clone(), Arc::clone(&counters), rules.clone());
    tracker.spawn(owner.run(queue, cancel));
    Handle {
        commands,
        budget: Arc::new(Semaphore::new(BUDGET_BYTES)),
        changes,
        counters,
        rules,
        places,
    }
}

impl Handle {
    /// Applies a block. Resolves after the commit; then the relay may be told.
    ///
    /// Blocks of one lane must be handed in by the order of their numbers; several may wait at
    /// once, and they share a commit.
    ///
    /// # Errors
    /// See [`DigestError`]; only [`DigestError::Unavailable`] is worth a retry as it is.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        let (done, answer) = oneshot::channel();
        // The place in the queue comes first, so that the order of the calls is the order of work.
        let place = self.commands.reserve().await;
        let place = place.map_err(|_| DigestError::Closed)?;
        let share = u32::try_from(BUDGET_BYTES)
            .unwrap_or(u32::MAX)
            .min(delivery.head.raw_len);
        let permit = Arc::clone(&self.budget).acquire_many_owned(share).await;
        let permit = permit.map_err(|_| DigestError::Closed)?;
        if let Err(error) = self.rules.ready().await {
            let error = prepare::reason_of(&error);
            tracing::debug!(error, "rules about grouping are unreadable");
            return Err(DigestError::Unavailable);
        }
        let (relay, arrived_at) = (delivery.relay, delivery.arrived_at);
        let relay_offset_millis = delivery.relay_offset_millis;
        let (head, block) = (delivery.head.clone(), delivery.block.clone());
        let (rules, places) = (self.rules.clone(), self.places.clone());
        let entries = tokio::task::spawn_blocking(move || {
            let beside = prepare::Beside {
                relay,
                arrived_at,
                relay_offset_millis,
                rules: &rules,
                places: &places,
            };
            prepare::block(beside, &head, &block)
        });
        place.send(Command::Deliver {
            delivery,
            entries,
            permit,
            done,
        });
        answer.await.map_err(|_| DigestError::Closed)?
    }

    /// Moves the cursor past records that will never come. Those before them may have been handed
    /// in and not committed: they are still awaited.
    ///
    /// # Errors
    /// See [`DigestError`].
    pub async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Skip { skip, done }).await?;
        answer.await.map_err(|_| DigestError::Closed)?
    }

    /// Tries a record again that was set aside.
    ///
    /// # Errors
    /// [`DigestError::UnknownPoison`], and those of every command.
    pub async fn replay(&self, poison: i64) -> Result<Replayed, DigestError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Replay { poison, done }).await?;
        answer.await.map_err(|_| DigestError::Closed)?
    }

    /// What a project sets about grouping, as the next events of it are grouped.
    ///
    /// # Errors
    /// The store's.
    pub async fn rules(&self, project: ProjectId) -> Result<Arc<Rules>, StoreError> {
        self.rules.ready().await?;
        Ok(self.rules.of(project))
    }

    /// Reads what a project sets about grouping and ownership anew: call it after a change is committed.
    ///
    /// # Errors
    /// The store's.
    pub async fn rules_changed(&self, project: i64) -> Result<(), StoreError> {
        self.rules.ready().await?;
        self.rules.read_all(project).await
    }

    /// Resolves when everything committed before this call is on its way to the index.
    ///
    /// # Errors
    /// [`DigestError::Closed`].
    pub async fn settled(&self) -> Result<(), DigestError> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Settle { done }).await?;
        answer.await.map_err(|_| DigestError::Closed)
    }

    /// Listens to changes of issues. Who is too slow misses some and is told how many.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// Counts since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Resolves when the owner has ended, for whatever reason.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    async fn send(&self, command: Command) -> Result<(), DigestError> {
        let sent = self.commands.send(command).await;
        sent.map_err(|_| DigestError::Closed)
    }
}
