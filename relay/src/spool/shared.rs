//! What the handles, the readers and the owner have in common.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use protocol::ids::{Epoch, Lane, ProjectId};
use protocol::timestamp::Timestamp;
use tokio::sync::watch;

use super::LastError;
use super::balance::Balance;
use super::catalog::Catalog;
use super::cipher::Keys;
use super::dictionaries::Shelf;
use super::disk::Disk;
use super::fair::Greedy;
use super::index::Index;
use super::lanes::ByLane;

/// One per open spool.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) epoch: Epoch,
    pub(super) keys: Keys,
    catalog: Mutex<Catalog>,
    health: Mutex<Health>,
    /// The accounts when they were last drawn up.
    balance: Mutex<Arc<Balance>>,
    shelf: Mutex<Shelf>,
    /// A bit for each lane, by its index, that is to hold back.
    held_back: AtomicU8,
    /// The projects of each lane that are to hold back before the others; nothing is nobody.
    greedy: RwLock<Option<Arc<Greedy>>>,
    /// Whether a hub has welcomed this relay since the owner last looked.
    pub(super) is_welcomed: AtomicBool,
    /// Counts commits and whatever else a reader may wait for.
    pub(super) changed: watch::Sender<u64>,
    pub(super) index: Index,
}

/// Figures for the status.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    pub(super) bytes_max: u64,
    pub(super) quarantined: u64,
    pub(super) quarantined_bytes: u64,
    pub(super) repaired: u64,
    pub(super) torn: u64,
    pub(super) commits: u64,
    pub(super) records: u64,
    pub(super) sync_last: Duration,
    pub(super) sync_max: Duration,
    pub(super) sync_total: Duration,
    pub(super) opened_in: Duration,
    pub(super) last_error: Option<LastError>,
}

impl Shared {
    pub(super) fn new(
        dir: PathBuf,
        disk: Arc<dyn Disk>,
        epoch: Epoch,
        keys: Keys,
        catalog: Catalog,
        health: Health,
        index: Index,
    ) -> Self {
        Self {
            dir,
            disk,
            epoch,
            keys,
            catalog: Mutex::new(catalog),
            health: Mutex::new(health),
            balance: Mutex::default(),
            shelf: Mutex::default(),
            held_back: AtomicU8::new(0),
            greedy: RwLock::default(),
            is_welcomed: AtomicBool::new(false),
            changed: watch::Sender::new(0),
            index,
        }
    }

    /// No code panics while it holds the lock; if it did, the numbers are still whole.
    pub(super) fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn balance(&self) -> MutexGuard<'_, Arc<Balance>> {
        self.balance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a lane is to hold back.
    pub(super) fn is_held_back(&self, lane: Lane) -> bool {
        self.held_back.load(Ordering::Relaxed) & bit(lane) != 0
    }

    /// Whether a project is to hold back in a lane before the others do.
    pub(super) fn is_greedy(&self, lane: Lane, project: ProjectId) -> bool {
        let greedy = self.greedy.read().unwrap_or_else(PoisonError::into_inner);
        let greedy = greedy.as_ref();
        greedy.is_some_and(|greedy| greedy.get(lane.live()).contains(&project))
    }

    pub(super) fn tell_greedy(&self, greedy: &Greedy) {
        let told = Lane::ALL.iter().any(|lane| !greedy.get(*lane).is_empty());
        let told = told.then(|| Arc::new(greedy.clone()));
        *self.greedy.write().unwrap_or_else(PoisonError::into_inner) = told;
    }

    pub(super) fn hold_back(&self, held: &ByLane<bool>) {
        let lanes = Lane::ALL.into_iter().filter(|lane| *held.get(*lane));
        let bits = lanes.map(bit).fold(0, std::ops::BitOr::bitor);
        self.held_back.store(bits, Ordering::Relaxed);
    }

    /// Keeps an error for the status.
    pub(super) fn note_error(&self, at: Timestamp, what: &str, error: &std::io::Error) {
        self.health().last_error = Some(LastError {
            at,
            message: format!("{what}: {error}"),
        });
    }

    pub(super) fn notify(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }
}

const fn bit(lane: Lane) -> u8 {
    1 << lane.index()
}
