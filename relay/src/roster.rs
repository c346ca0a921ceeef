//! Which projects and keys exist, as last told by the hub; the last good copy is a file.
//!
//! What always holds: only what the hub's pinned key signed is believed, on the link and from the
//! disk alike; a roster is checked whole, compiled and tried before it is used, and refused whole
//! when anything is wrong with it ([`Roster::offer`]); readers see one whole version, the old or
//! the next; the file on disk is whole too, and the version before it stays beside it, for the day
//! the newest cannot be read or the relay does not hold with it. What the policy of this host
//! demands is in force whatever the hub says.
//!
//! A relay starts and works from the file for as long as it must. What has expired still says which
//! keys exist and what is removed; only sampling and the hub's limits of the link end.
//!
//! Without any roster that can be believed, [`Lookup::NotYet`] tells the pipeline to accept, scrub
//! by the strictest rules, and hold.

mod check;
mod disk;
mod dry_run;
mod error;
mod file;
mod keys;
mod quota;
mod table;
mod trial;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use protocol::ids::{ProjectId, PublicKey, RelayId};
use protocol::item::Category;
use protocol::roster::{ConfigKey, Erasure, LinkSettings, RateLimit, RosterDict, SampleRate};
use protocol::timestamp::Timestamp;
use protocol::wire::{Config, ConfigOutcome, ConfigStatus, decode_roster};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::policy::Policy;
use keys::Keys;
use table::Table;
use trial::Trial;

pub use dry_run::DryRunError;
pub use error::RosterError;
pub use quota::Quota;
pub use table::Project;
pub use trial::{STARTS_MAX, TRIAL};

/// The version of this program.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// A handle on the roster in force.
#[derive(Clone, Debug)]
pub struct Roster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    /// Where the pinned key is.
    key_dir: PathBuf,
    policy: Policy,
    /// Which relay this is, once it has joined.
    relay: RwLock<Option<RelayId>>,
    /// Held while a version is written and put in force.
    applying: Mutex<()>,
    table: RwLock<Option<Arc<Table>>>,
    /// What is on trial.
    trial: watch::Sender<Option<Trial>>,
    /// What the hub is still to be told of the last start.
    notice: Mutex<Option<ConfigStatus>>,
    /// This clock minus the hub's, in milliseconds, when last known.
    clock_offset_ms: AtomicI64,
}

/// What is known about a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// It may send to this project, within this limit.
    Known(Arc<Project>, Option<RateLimit>),
    /// It is switched off.
    Disabled,
    /// There is no such key.
    Unknown,
    /// No hub has told yet.
    NotYet,
}

/// What there is, as far as the next version is compared with it.
#[derive(Clone, Copy, Debug)]
struct InForce {
    version: u64,
    n_projects: usize,
}

/// Pins the key that rosters of the hub must be signed with. What another key signed is not
/// believed from now on.
///
/// It waits for the disk: call it where that is allowed.
///
/// # Errors
/// [`RosterError::File`].
pub fn pin(key_dir: &Path, key: ConfigKey) -> Result<(), RosterError> {
    let pinned = keys::read(key_dir)?;
    if pinned.is_some_and(|pinned| pinned.current == key) {
        return Ok(());
    }
    keys::write(
        key_dir,
        &Keys {
            current: key,
            previous: None,
        },
    )
}

/// The version of the roster that a start would take up, if there is one. Changes nothing.
///
/// # Errors
/// [`RosterError`], when a file cannot be read.
pub fn version_on_disk(
    dir: &Path,
    key_dir: &Path,
    policy: &Policy,
) -> Result<Option<u64>, RosterError> {
    let loaded = disk::load(dir, key_dir, policy)?;
    Ok(loaded.table.map(|table| table.version))
}

/// The last version that was given up because the relay did not hold with it.
#[must_use]
pub fn reverted_on_disk(dir: &Path) -> Option<u64> {
    trial::reverted(dir)
}

impl Roster {
    /// Reads the last good roster from the state directory; there may be none. The key it must be
    /// signed with lies in `key_dir`, where the relay keeps what it joined with.
    ///
    /// A copy that cannot be believed is reported in the log and the version before it is used. A
    /// version with which the relay was started too often within its trial is given up.
    ///
    /// # Errors
    /// [`RosterError::File`] when the directory cannot be read or written.
    pub fn open(dir: &Path, key_dir: &Path, policy: Policy) -> Result<Self, RosterError> {
        let (trial, notice) = disk::begin_trial(dir)?;
        let loaded = disk::load(dir, key_dir, &policy)?;
        if let Some(keys) = &loaded.keys {
            keys::write(key_dir, keys)?;
        }
        let roster = Self::new(dir, key_dir, policy, loaded.table);
        roster.0.trial.send_replace(trial);
        *roster.0.notice() = notice;
        Ok(roster)
    }

    /// Reads what [`Roster::open`] would, beside a relay that may be running: nothing is written,
    /// and no start is counted.
    ///
    /// # Errors
    /// [`RosterError::File`] when the directory cannot be read.
    pub fn peek(dir: &Path, key_dir: &Path, policy: Policy) -> Result<Self, RosterError> {
        let loaded = disk::load(dir, key_dir, &policy)?;
        Ok(Self::new(dir, key_dir, policy, loaded.table))
    }

    fn new(dir: &Path, key_dir: &Path, policy: Policy, table: Option<Table>) -> Self {
        Self(Arc::new(Inner {
            dir: dir.to_owned(),
            key_dir: key_dir.to_owned(),
            policy,
            relay: RwLock::default(),
            applying: Mutex::new(()),
            table: RwLock::new(table.map(Arc::new)),
            trial: watch::Sender::new(None),
            notice: Mutex::default(),
            clock_offset_ms: AtomicI64::new(0),
        }))
    }

    /// What this host's owner demands.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// What is known about a key.
    #[must_use]
    pub fn lookup(&self, key: &PublicKey) -> Lookup {
        let Some(table) = self.table() else {
            return Lookup::NotYet;
        };
        match table.keys.get(key) {
            None => Lookup::Unknown,
            Some(entry) if !entry.active => Lookup::Disabled,
            Some(entry) => Lookup::Known(Arc::clone(&entry.project), entry.rate_limit),
        }
    }

    /// The project of a number, by any of its keys.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> Option<Arc<Project>> {
        let table = self.table()?;
        let mut entries = table.keys.values();
        let found = entries.find(|entry| entry.project.id == id);
        found.map(|entry| Arc::clone(&entry.project))
    }

    /// The share of a project's items that is kept where no rule decides.
    #[must_use]
    pub fn rate(&self, project: &Project, category: Category, now: Timestamp) -> SampleRate {
        let mut rates = project.sampling.iter();
        let rate = rates.find(|(known, _)| *known == category);
        match rate {
            Some((_, rate)) if !self.is_expired(now) => *rate,
            _ => SampleRate::ALL,
        }
    }

    /// Notes which relay this is: what the roster says of single relays is meant for it.
    pub fn belongs_to(&self, relay: RelayId) {
        let mut known = self.0.relay.write().unwrap_or_else(PoisonError::into_inner);
        *known = Some(relay);
    }

    /// How much of the link this relay may take, by the hub's settings and the policy.
    #[must_use]
    pub fn link(&self, now: Timestamp) -> LinkSettings {
        let hub_now = self.hub_time(now);
        let table = self.table().filter(|table| !table.is_expired(hub_now));
        let hub = table.map(|table| table.link_of(self.relay()).clone());
        self.0.policy.link(&hub.unwrap_or_default())
    }

    /// Whether this relay is to take nothing new and deliver what it keeps.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        let relay = self.relay();
        self.table()
            .zip(relay)
            .is_some_and(|(table, relay)| table.is_drained(relay))
    }

    fn relay(&self) -> Option<RelayId> {
        *self.0.relay.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The dictionaries that new blocks are to be compressed with.
    #[must_use]
    pub fn dictionaries(&self) -> Vec<RosterDict> {
        self.table()
            .map_or_else(Vec::new, |table| table.dicts.clone())
    }

    /// What is to be removed from the spool.
    #[must_use]
    pub fn erasures(&self) -> Arc<[Erasure]> {
        let erasures = self.table().map(|table| Arc::clone(&table.erasures));
        erasures.unwrap_or_default()
    }

    /// The version in force; 0 is none.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.table().map_or(0, |table| table.version)
    }

    /// Whether the hub reads records that tell of several events.
    #[must_use]
    pub fn folds(&self) -> bool {
        self.table().is_some_and(|table| table.folds)
    }

    /// How many keys are known.
    #[must_use]
    pub fn n_keys(&self) -> usize {
        self.table().map_or(0, |table| table.keys.len())
    }

    /// Whether sampling and the hub's limits of the link have ended.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        let hub_now = self.hub_time(now);
        self.table().is_some_and(|table| table.is_expired(hub_now))
    }

    /// Notes what time it is at the hub, so that nothing depends on this host's clock being right.
    pub fn note_hub_time(&self, hub_now: Timestamp, now: Timestamp) {
        let offset = now.millis_since(hub_now);
        self.0.clock_offset_ms.store(offset, Ordering::Relaxed);
    }

    /// What the hub is to be told of a roster that did not hold, at a start or since; once.
    #[must_use]
    pub fn take_notice(&self) -> Option<ConfigStatus> {
        self.0.notice().take()
    }

    /// Puts a roster of the hub in force, or says why not.
    ///
    /// It waits for the disk: call it where that is allowed.
    #[must_use]
    pub fn offer(&self, config: &Config, now: Timestamp) -> ConfigStatus {
        match self.apply(config, now) {
            Ok(version) => ConfigStatus {
                version,
                outcome: ConfigOutcome::Applied,
                reason: String::new(),
            },
            Err(error) => {
                // What is not signed is not asked for its version.
                let bundle = decode_roster(&config.bytes);
                let version = bundle.map_or(0, |bundle| bundle.version);
                let reason = error.to_string();
                tracing::warn!(
                    roster.version = version,
                    reason,
                    "roster of the hub is refused"
                );
                ConfigStatus {
                    version,
                    outcome: ConfigOutcome::Rejected,
                    reason,
                }
            }
        }
    }

    /// Verifies a roster, checks and tries it, writes it to disk and puts it in force; the same
    /// version again does nothing. Gives the version in force.
    ///
    /// It waits for the disk: call it where that is allowed.
    ///
    /// # Errors
    /// [`RosterError`]; then the one before stays in force.
    pub fn apply(&self, config: &Config, now: Timestamp) -> Result<u64, RosterError> {
        let inner = &*self.0;
        let _one_at_a_time = inner.applying();
        let pinned = keys::read(&inner.key_dir)?.ok_or(RosterError::NoKey)?;
        let (bundle, signed_by) = disk::read(config, &[pinned.current])?;
        let before = self.table();
        // What another hub said, before this relay joined its present one, is nothing to compare.
        let before = before.filter(|table| pinned.trusts(&table.signed_by));
        let in_force = before.as_ref().map(|table| InForce {
            version: table.version,
            n_projects: table.n_projects,
        });
        let version = bundle.version;
        let reverted = trial::reverted(&inner.dir);
        let hub_now = self.hub_time(now);
        if !check::is_news(&bundle, in_force, reverted, hub_now, PROGRAM)? {
            return Ok(version);
        }
        let next_key = bundle.config_key.filter(|key| *key != pinned.current);
        let table = Table::build(bundle, signed_by, &inner.policy)?;
        // The first roster has none before it to go back to.
        let trial = before.map(|_| Trial::of(config, version));
        if let Some(trial) = trial {
            trial::write(&inner.dir, trial)?;
        }
        file::write(&inner.dir, config)?;
        if let Some(next) = next_key {
            keys::write(
                &inner.key_dir,
                &Keys {
                    current: next,
                    previous: Some(pinned.current),
                },
            )?;
            tracing::info!("the hub's key for rosters is replaced");
        }
        let mut place = inner.table.write().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::new(table));
        drop(place);
        inner.trial.send_replace(trial);
        tracing::info!(
            roster.version = version,
            keys = self.n_keys(),
            "roster in force"
        );
        Ok(version)
    }

    /// Ends each trial when the relay has held for so long; runs until `cancel`.
    pub async fn watch_trials(self, patience: Duration, cancel: CancellationToken) {
        let mut changes = self.0.trial.subscribe();
        let watching = async {
            loop {
                let trial = *changes.borrow_and_update();
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = sleep(patience), if trial.is_some() => self.note_trial(trial, None).await,
                }
            }
        };
        cancel.run_until_cancelled(watching).await;
        // An end in order says nothing against the roster.
        let trial = *self.0.trial.borrow();
        self.note_trial(trial, trial.map(Trial::anew)).await;
    }

    /// Gives up what is on trial, if anything is, and puts the version before in force again.
    pub async fn fail_trial(&self, why: &'static str) {
        let roster = self.clone();
        let failing = tokio::task::spawn_blocking(move || roster.revert(why)).await;
        if let Ok(Err(error)) = failing {
            tracing::error!(%error, "a roster is not reverted");
        }
    }

    fn revert(&self, why: &str) -> Result<(), RosterError> {
        let inner = &*self.0;
        let _one_at_a_time = inner.applying();
        let Some(trial) = *inner.trial.borrow() else {
            return Ok(());
        };
        let notice = disk::revert(&inner.dir, trial, why)?;
        let loaded = disk::load(&inner.dir, &inner.key_dir, &inner.policy)?;
        let mut place = inner.table.write().unwrap_or_else(PoisonError::into_inner);
        *place = loaded.table.map(Arc::new);
        drop(place);
        *inner.notice() = Some(notice);
        inner.trial.send_replace(None);
        Ok(())
    }

    /// Writes what a trial has become, unless another has begun meanwhile.
    async fn note_trial(&self, trial: Option<Trial>, becomes: Option<Trial>) {
        let roster = self.clone();
        let write = move || -> Result<(), RosterError> {
            let inner = &*roster.0;
            let _one_at_a_time = inner.applying();
            if trial.is_none() || *inner.trial.borrow() != trial {
                return Ok(());
            }
            match becomes {
                Some(trial) => trial::write(&inner.dir, trial)?,
                None => trial::clear(&inner.dir)?,
            }
            inner.trial.send_replace(becomes);
            Ok(())
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(write).await {
            tracing::warn!(%error, "what became of a roster's trial is not noted");
        }
    }

    fn hub_time(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(-self.0.clock_offset_ms.load(Ordering::Relaxed))
    }

    fn table(&self) -> Option<Arc<Table>> {
        let table = self.0.table.read().unwrap_or_else(PoisonError::into_inner);
        table.clone()
    }
}

impl Inner {
    fn notice(&self) -> MutexGuard<'_, Option<ConfigStatus>> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
