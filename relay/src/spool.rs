//! Keeps accepted records durably until the hub has them.
//!
//! Records are committed in blocks: while one commit is synced the next gathers; every lane's
//! block is sealed once, appended to the lane's active segment file and `fdatasync`ed, then all
//! who wait are answered. The segments are the record. The state beside them holds cursors and
//! gaps; the index (sled) holds only what the segments can tell again, is never waited for by an
//! acknowledgement and is dropped whenever it is missing, damaged or slow.
//!
//! What always holds:
//! - [`Spool::append`] answers `Ok` only when all its records are durable; after an error none of
//!   them will be read in this process's life.
//! - A number is never given to two records that a reader could see. What is lost leaves a gap
//!   that [`Spool::read`] tells of, and is counted in the ledger under its reason, once.
//! - Deleting goes: write down, `fdatasync`, unlink, sync the directory. A crash after any of
//!   these steps leaves a spool that opens.
//! - Memory does not grow with the backlog: of a segment some hundred bytes are held, of blocks
//!   the one that is read.
//! - Damage never stops the opening: what is damaged is set aside, the rest is delivered.
//! - What is new overtakes what has waited: while one of the two important lanes is stuck, its
//!   records go to its twin, so that after an outage the lane itself carries what is new.
//! - A project that floods waits for itself: commits are small, and what others send is in the next.
//! - With a key configured no block lies on the disk unencrypted; without the key that a block
//!   needs the spool does not open.
//!
//! What it never does: read the wall clock for anything but a receive time, hold a record it was
//! not asked to keep, retry a failed sync on the same descriptor.
//!
//! ```text
//! DIR/lock                      held while open
//! DIR/state.0, state.1          cursors, gaps, losses not yet in lane 0: written in turn
//! DIR/mark                      the free numbers after the last commit; not synced
//! DIR/ballast                   room for the state on a full disk
//! DIR/L1/EPOCH/FIRST-SERIAL.seg segments; with a number behind it, one that is about to replace it
//! DIR/quarantine/               damaged segments, for whoever wants to look
//! DIR/dictionaries/             what blocks were compressed with
//! DIR/index/                    sled; may be deleted at any time
//! DIR/receipts/                 receipts that were brought by hand, until they are taken
//! ```

mod balance;
mod blocks;
mod catalog;
mod cipher;
mod command;
mod commit;
mod config;
mod crowd;
mod dictionaries;
mod disk;
mod entry;
mod erase;
mod evict;
mod fair;
mod format;
mod index;
pub mod inspect;
mod lanes;
mod limits;
mod loss;
mod owner;
mod pressure;
mod quarantine;
mod queue;
mod read;
mod recover;
mod repair;
mod retain;
mod retained;
mod route;
mod segment;
mod shared;
#[doc(hidden)]
pub mod sim;
mod state;
mod status;
mod untold;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use protocol::block::BlockError;
use protocol::dict::{DictId, DictKind, Dictionary};
use protocol::ids::{Epoch, Lane, ProjectId, Seq};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::ledger::Ledger;

pub use balance::{Balance, Delivered};
pub use cipher::{KeyError, Keys};
pub use config::{AgeMax, Config, WhenFull, WhenFullByLane};
pub use entry::Entry;
pub use erase::Erased;
pub use repair::{RepairError, Repaired, repair};
pub use status::{Gap, GapReason, LaneState, LastError, ReadOutcome, SpoolStatus};

use command::{Append, Command};
use dictionaries::Shelf;
use disk::{Disk, HostDisk};
use index::Index;
use owner::{HostTime, Owner, Time};
use read::Look;
use shared::Shared;

/// Memory for records that wait for their commit, in units of [`QUEUE_UNIT_BYTES`].
const QUEUE_UNITS: usize = 4096;
/// Bytes of a unit; 16 MiB in all.
const QUEUE_UNIT_BYTES: u64 = 4096;
/// Commands beside appends that may wait.
const CONTROL_QUEUE_LEN: usize = 64;
/// Times a reader looks again when segments go away under it.
const LOOKS_MAX: usize = 8;
/// Farthest a hub may be ahead of us; more is no number of ours.
const AHEAD_MAX: u64 = 1 << 40;

/// Why the spool did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    /// No room, and nothing may give way.
    #[error("spool is full: {} of {} bytes", .used, .max)]
    Full {
        /// Bytes it takes.
        used: u64,
        /// Bytes it may take.
        max: u64,
    },
    /// The disk did not confirm. The records are not acknowledged.
    #[error("spool is not durable: {0}")]
    NotDurable(#[source] Arc<io::Error>),
    /// A segment cannot be read.
    #[error("spool is not readable: {0}")]
    NotReadable(#[source] Arc<io::Error>),
    /// A record that fits no block.
    #[error("record does not fit a block: {0}")]
    TooLarge(#[source] Arc<BlockError>),
    /// An acknowledgement of numbers that were never given out.
    #[error("acknowledgement up to {upto} is beyond the next number {next}")]
    AckBeyond {
        /// What was acknowledged.
        upto: u64,
        /// The next number.
        next: u64,
    },
    /// The hub has other records under numbers that were given out here.
    #[error("records of the {lane} lane have numbers that the hub has of another relay")]
    Parted {
        /// Which lane.
        lane: Lane,
    },
    /// Another process has the directory.
    #[error("spool {} is in use by another process", .dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory cannot be used.
    #[error("spool {} cannot be opened: {source}", .dir.display())]
    Open {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// There is no key where the configuration says.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is in the spool cannot be read with the keys that are configured.
    #[error(
        "spool {} holds records encrypted with key {key}, which is not configured: set \
         `spool.encryption_key_file`, or `spool.encryption_key_file_old` while the key is being \
         changed; nothing was touched", .dir.display()
    )]
    KeyMissing {
        /// The directory.
        dir: PathBuf,
        /// The key's name, as `vedette-relay spool ls` shows it.
        key: String,
    },
    /// The spool is closed.
    #[error("spool is closed")]
    Closed,
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        Self::NotDurable(Arc::new(error))
    }
}

/// A handle on the one spool. The spool closes when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
    commands: SyncSender<Command>,
    appends: Arc<Semaphore>,
    controls: Arc<Semaphore>,
    append_timeout: Duration,
}

impl Spool {
    /// Opens the spool, recovers what a crash left, adds the totals to the ledger and starts the
    /// owner. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`SpoolError::InUse`] when another process has it, [`SpoolError::Open`] when the directory
    /// cannot be made or read, [`SpoolError::Key`] and [`SpoolError::KeyMissing`] when what is in
    /// it cannot be read. Damaged content is no error.
    pub fn open(config: &Config, ledger: Ledger) -> Result<Self, SpoolError> {
        Self::open_with(
            config,
            ledger,
            Arc::new(HostDisk),
            Arc::new(HostTime),
            Index::start,
        )
    }

    fn open_with(
        config: &Config,
        ledger: Ledger,
        disk: Arc<dyn Disk>,
        time: Arc<dyn Time>,
        index: impl FnOnce(&Path, Epoch) -> Index,
    ) -> Result<Self, SpoolError> {
        let (spool, owner, receiver) = Self::prepare(config, ledger, disk, time, index)?;
        std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || owner.run(&receiver))
            .map_err(|source| SpoolError::Open {
                dir: config.dir.clone(),
                source: Arc::new(source),
            })?;
        Ok(spool)
    }

    /// Opens it with an owner that does not run yet.
    fn prepare(
        config: &Config,
        ledger: Ledger,
        disk: Arc<dyn Disk>,
        time: Arc<dyn Time>,
        index: impl FnOnce(&Path, Epoch) -> Index,
    ) -> Result<(Self, Owner, Receiver<Command>), SpoolError> {
        let began = time.monotonic();
        let dir = config.dir.clone();
        let cannot = |source: io::Error| SpoolError::Open {
            dir: dir.clone(),
            source: Arc::new(source),
        };
        disk.make_dir(&config.dir).map_err(cannot)?;
        let lock = disk.lock(&config.dir).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => SpoolError::InUse { dir: dir.clone() },
            _ => cannot(error),
        })?;
        let keys = Keys::load(config)?;
        if let Some(key) = recover::missing_key(&disk, &config.dir, &keys).map_err(cannot)? {
            return Err(SpoolError::KeyMissing {
                dir: dir.clone(),
                key: key.to_string(),
            });
        }
        let kept = dictionaries::load(&*disk, &config.dir).map_err(cannot)?;
        let recovered = recover::recover(&disk, &config.dir, &keys).map_err(cannot)?;
        let limits = limits::Limits::new(config, disk.space(&config.dir).map_err(cannot)?);
        let (parts, catalog, mut health, losses) = recovered.split();
        health.bytes_max = limits.bytes_max;
        for writer in &parts.writers.0 {
            ledger.restore(writer.totals.clone());
        }
        let shared = Arc::new(Shared::new(
            config.dir.clone(),
            disk,
            parts.state.epoch,
            keys,
            catalog,
            health,
            index(&config.dir, parts.state.epoch),
        ));
        *shared.shelf() = Shelf::new(kept);
        let mut owner = Owner::new(limits, Arc::clone(&shared), ledger, time, parts);
        owner.hold(lock);
        owner.take_stock(&losses);
        // Twice, so that both slots have their room before the disk can be full.
        owner.save_twice().map_err(cannot)?;
        shared.health().opened_in = owner.time.monotonic().saturating_sub(began);
        let (commands, receiver) = sync_channel(QUEUE_UNITS + CONTROL_QUEUE_LEN);
        let spool = Self {
            shared,
            commands,
            appends: Arc::new(Semaphore::new(QUEUE_UNITS)),
            controls: Arc::new(Semaphore::new(CONTROL_QUEUE_LEN)),
            append_timeout: config.append_timeout.0,
        };
        Ok((spool, owner, receiver))
    }

    /// Keeps all the records, which are of one project, or none; `Ok` means that they are on the
    /// disk. Those of a project keep their order.
    ///
    /// # Errors
    /// [`SpoolError::Full`], [`SpoolError::NotDurable`] (also when the disk takes longer than
    /// allowed), [`SpoolError::TooLarge`], [`SpoolError::Closed`].
    pub async fn append(
        &self,
        records: impl IntoIterator<Item = impl Into<Entry>>,
    ) -> Result<(), SpoolError> {
        let entries: Vec<Entry> = records.into_iter().map(Into::into).collect();
        let bytes = entries.iter().map(Entry::bytes).sum::<u64>();
        let append = async {
            let units = bytes
                .div_ceil(QUEUE_UNIT_BYTES)
                .clamp(1, QUEUE_UNITS as u64);
            let units = u32::try_from(units).unwrap_or(1);
            let permit = Arc::clone(&self.appends).acquire_many_owned(units).await;
            let permit = permit.map_err(|_| SpoolError::Closed)?;
            let (done, answer) = oneshot::channel();
            self.send(Command::Append(Append {
                entries,
                bytes,
                done,
                permit,
            }))?;
            answer.await.map_err(|_| SpoolError::Closed)?
        };
        tokio::time::timeout(self.append_timeout, append)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    /// The block that holds `from`, or why there is none. One block is read, never more.
    ///
    /// # Errors
    /// [`SpoolError::NotReadable`] when the disk does not give it, [`SpoolError::NotDurable`] when
    /// it does not take the note that it is handed out, [`SpoolError::Closed`].
    pub async fn read(&self, lane: Lane, from: Seq) -> Result<ReadOutcome, SpoolError> {
        for _ in 0..LOOKS_MAX {
            let shared = Arc::clone(&self.shared);
            let looked = tokio::task::spawn_blocking(move || read::look(&shared, lane, from)).await;
            let looked = looked.map_err(|_| SpoolError::Closed)?;
            match looked.map_err(|error| SpoolError::NotReadable(Arc::new(error)))? {
                Look::Outcome(outcome) => return Ok(outcome),
                Look::Moved => {}
                Look::Damaged(serial) => {
                    let damaged = |done| Command::Damaged {
                        lane,
                        serial,
                        from,
                        done,
                    };
                    self.control(damaged).await?;
                }
                Look::Unmarked(serial) => {
                    self.control(|done| Command::HandOut { lane, serial, done })
                        .await?;
                }
            }
        }
        Err(SpoolError::NotReadable(Arc::new(
            io::ErrorKind::NotFound.into(),
        )))
    }

    /// A hub has welcomed this relay: what comes from now on need not go behind what has waited.
    pub fn welcomed(&self) {
        self.shared.is_welcomed.store(true, Ordering::Relaxed);
    }

    /// The hub has everything up to `upto`. When this answers, the cursor is durable; whole
    /// segments below it are deleted then or soon after.
    ///
    /// A number beyond the next one means that records were lost which the hub has; their
    /// numbers are not given out again.
    ///
    /// # Errors
    /// [`SpoolError::NotDurable`], [`SpoolError::AckBeyond`], [`SpoolError::Closed`].
    pub async fn ack(&self, lane: Lane, upto: Seq) -> Result<(), SpoolError> {
        self.check_ack(lane, upto)?;
        self.control(|done| Command::Ack { lane, upto, done }).await
    }

    /// The hub has records up to `upto` that are not here: their numbers are not given out, if none
    /// from `begin` on was. When this answers, the cursor is durable.
    ///
    /// # Errors
    /// [`SpoolError::Parted`] when one was, else as [`Spool::ack`].
    pub async fn go_on_behind(&self, lane: Lane, begin: Seq, upto: Seq) -> Result<(), SpoolError> {
        self.check_ack(lane, upto)?;
        let command = |done| Command::GoOn {
            lane,
            begin,
            upto,
            done,
        };
        self.control(command).await
    }

    /// A hub that is wrong about a number must not use the numbers up.
    fn check_ack(&self, lane: Lane, upto: Seq) -> Result<(), SpoolError> {
        let next = self.shared.catalog().lanes.get(lane).next;
        if upto.0 > next.0.saturating_add(AHEAD_MAX) {
            return Err(SpoolError::AckBeyond {
                upto: upto.0,
                next: next.0,
            });
        }
        Ok(())
    }

    /// Keeps a dictionary, so that blocks can be compressed with it and read for as long as one is
    /// there. `false` when the spool keeps as many as it may. It waits for the disk: call it where
    /// that is allowed.
    ///
    /// # Errors
    /// [`SpoolError::NotDurable`]; then no block is compressed with it.
    pub fn keep_dictionary(&self, dictionary: &Dictionary) -> Result<bool, SpoolError> {
        Ok(dictionaries::keep(&self.shared, dictionary)?)
    }

    /// Chooses what new blocks are compressed with; kinds that are not named, or whose dictionary
    /// is not kept, use the one built in. Dictionaries that no block can need are removed. It waits
    /// for the disk: call it where that is allowed.
    ///
    /// # Errors
    /// [`SpoolError::NotDurable`] when a file cannot be removed; what was chosen is in force.
    pub fn use_dictionaries(&self, chosen: &[(DictKind, DictId)]) -> Result<(), SpoolError> {
        Ok(dictionaries::choose(&self.shared, chosen)?)
    }

    /// The dictionaries that are kept.
    #[must_use]
    pub fn dictionaries(&self) -> Vec<DictId> {
        self.shared.shelf().ids()
    }

    /// Where it lives.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// The spool's life.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    /// Each lane's numbers, by [`Lane::index`].
    #[must_use]
    pub fn lanes(&self) -> [LaneState; Lane::COUNT] {
        let catalog = self.shared.catalog();
        catalog.lanes.0.each_ref().map(catalog::Book::state)
    }

    /// Whether clients are to send no more for a lane for a while, because the spool is nearly full.
    #[must_use]
    pub fn is_held_back(&self, lane: Lane) -> bool {
        self.shared.is_held_back(lane)
    }

    /// Whether clients of a project are to be told to send nothing for a lane, because it becomes
    /// full, mostly of what is theirs. It is asked for every item, and never waits.
    #[must_use]
    pub fn is_greedy(&self, lane: Lane, project: ProjectId) -> bool {
        self.shared.is_greedy(lane, project)
    }

    /// Changes whenever there may be something new to read.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    fn dictionaries_in_use(&self) -> Vec<(DictKind, DictId)> {
        let shelf = self.shared.shelf();
        let used = |kind| Some((kind, shelf.in_use(kind)?));
        DictKind::ALL.into_iter().filter_map(used).collect()
    }

    /// How the spool is.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        let lanes = self.lanes();
        let bytes_used = self.shared.catalog().bytes();
        let health = self.shared.health().clone();
        SpoolStatus {
            epoch: self.shared.epoch,
            bytes_used,
            bytes_max: health.bytes_max,
            lanes,
            quarantined: health.quarantined,
            quarantined_bytes: health.quarantined_bytes,
            repaired: health.repaired,
            torn: health.torn,
            commits: health.commits,
            records: health.records,
            sync_last: health.sync_last,
            sync_max: health.sync_max,
            sync_total: health.sync_total,
            opened_in: health.opened_in,
            dictionaries: self.dictionaries_in_use(),
            last_error: health.last_error,
        }
    }

    /// Commits what waits, writes the ledger and the cursors, and ends the owner. Later calls
    /// answer [`SpoolError::Closed`].
    ///
    /// # Errors
    /// [`SpoolError::NotDurable`] when the state could not be written, [`SpoolError::Closed`]
    /// when it was closed before.
    pub async fn close(&self) -> Result<(), SpoolError> {
        self.control(|done| Command::Close { done }).await
    }

    async fn control(&self, make: impl FnOnce(command::Done) -> Command) -> Result<(), SpoolError> {
        let permit = self
            .controls
            .acquire()
            .await
            .map_err(|_| SpoolError::Closed)?;
        let (done, answer) = oneshot::channel();
        self.send(make(done))?;
        let answer = answer.await.map_err(|_| SpoolError::Closed)?;
        drop(permit);
        answer
    }

    /// The queue is longer than all permits together, so there is room unless the owner is gone.
    fn send(&self, command: Command) -> Result<(), SpoolError> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) | TrySendError::Disconnected(_) => SpoolError::Closed,
            })
    }
}

#[cfg(test)]
mod tests;
