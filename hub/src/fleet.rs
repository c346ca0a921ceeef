//! The fleet: who may connect, what relays are told, what they say of themselves.
//!
//! What always holds: a relay is known by its certificate, which the hub's own authority signed
//! for a key that never left the relay's host; a join token is kept as a hash and is used no more
//! often than it may be; the registry is asked at every connection and followed while it lasts; an
//! identity has one holder (`lineage`); relays are told only what the hub's key signed.
//!
//! Certificates live for days and are renewed over the link with a new key each time; the registry
//! knows the key that was used last and the one granted after it, and no other (`admit`). A relay
//! that was away for longer than its certificate lives shows it where enrolments go and gets
//! another: the key proves who it is, and the registry whether it may come back. That is the same
//! proof a challenge of our own would ask for, made by the TLS handshake.
//!
//! What connected relays show is gathered and written once in a while for all of them
//! ([`Fleet::refresh`]), so that a large fleet costs the store one transaction.

mod admit;
mod alarm;
mod authority;
mod certificate;
mod change;
mod condition;
mod config;
mod config_key;
mod diagnosis;
mod enrol;
mod equation;
mod erasure;
mod guesses;
mod health;
mod history;
mod intake;
mod lineage;
mod organization;
mod publish;
mod relay;
mod rollout;
mod token;
mod trust;
mod wanted;

#[cfg(test)]
mod tests;

pub use admit::Admitted;
pub use alarm::FleetAlerts;
pub use authority::{AuthorityError, ServerIdentity};
pub use certificate::in_time;
pub use condition::{Condition, ConditionKind, judge};
pub use config::{ConfigView, Presence, RelayConfig};
pub use config_key::ConfigKeyError;
pub use diagnosis::Question;
pub use equation::{Account, Line, deficit, divergence, lines};
pub use erasure::{AskedErasure, ErasedHere, read as read_erasure};
pub use intake::{
    DEFAULT_BROWSERS, Intake, IntakeError, Measured, QUOTAS_MAX, QuotaSetting, READY_FILTERS,
    WINDOW_SECS_MAX, check_quotas,
};
pub use lineage::Lineage;
pub use publish::{Offer, Published};
pub use relay::{
    CertificateState, Labels, Relay, RelayCertificate, RelayReport, RelayState, ReportedDisk,
    ReportedLane, ReportedProcess, SecondHolder,
};
pub use rollout::RelayStatus;
pub use token::{JoinToken, OpenToken, TOKEN_USES_MAX, TokenRequest};
pub use trust::AuthorityState;
pub use wanted::Draft;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use protocol::ids::{Epoch, RelayId};
use protocol::pattern::Network;
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use protocol::wire::{Ack, Books, Cursor, Hello, Region, Report, Sum};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::clock;
use crate::store::relays::{RelayRow, SeenRow};
use crate::store::{Store, StoreError};
use authority::Authority;
use config_key::ConfigKeys;
use guesses::Guesses;
use history::History;
use publish::Plan;
use rollout::RelayFacts;

/// Longest name of a relay, in characters.
pub const NAME_LEN_MAX: usize = 128;
/// Longest version a relay may state, in characters.
pub const VERSION_LEN_MAX: usize = 64;

/// Settings of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where this hub's data is. Relays that join are pinned to it and speak to no hub of another,
    /// whoever vouches for it; those that joined before are pinned with their next certificate,
    /// which they ask for at once. A restart is needed to change it, and relays that are pinned
    /// have to join again.
    pub region: Option<Region>,
    /// Most relays that may be registered and not revoked. A restart is needed to change it.
    pub relays_max: u32,
    /// How long a join token is valid when nothing else is said.
    pub join_token_lifetime: Span,
    /// A relay not heard of for longer raises an alert.
    pub dark_after: Span,
    /// A relay whose oldest record waits for longer raises an alert.
    pub behind_after: Span,
    /// How long a relay's certificate lives. Relays renew it by themselves after about half of it.
    pub certificate_lifetime: Span,
    /// How often a relay whose certificate has ended gets another for its enrolled key before it
    /// has renewed one in time again.
    pub recoveries_max: u32,
    /// How long relays go on trusting the authority before the present one.
    pub authority_overlap: Span,
    /// How long a few relays try a change that loosens something before the others get it.
    pub canary_time: Span,
    /// How long what relays are told holds without word from the hub. It is renewed at half of it.
    pub config_lifetime: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            region: None,
            relays_max: 10_000,
            join_token_lifetime: Span(Duration::from_secs(3600)),
            dark_after: Span(Duration::from_secs(90)),
            behind_after: Span(Duration::from_secs(900)),
            certificate_lifetime: Span(Duration::from_hours(7 * 24)),
            recoveries_max: 10,
            authority_overlap: Span(Duration::from_hours(14 * 24)),
            canary_time: Span(Duration::from_secs(60)),
            config_lifetime: Span(Duration::from_hours(30 * 24)),
        }
    }
}

/// Why the fleet's state cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The authority refused.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Rosters cannot be signed.
    #[error(transparent)]
    ConfigKey(#[from] ConfigKeyError),
    /// A setting would make more of what relays are told than they take.
    #[error("with it relays could not be told everything: {0}")]
    TooMuch(#[source] ConfigKeyError),
    /// The hub is about to end.
    #[error("hub is stopping")]
    Stopping,
    /// No randomness.
    #[error("the system gives no random bytes")]
    NoRandomness(#[from] getrandom::Error),
    /// The token is unknown, ended or used up, or its secret is wrong: which is not said.
    #[error("join token is not valid")]
    BadToken,
    /// The token is for relays of other addresses.
    #[error("join token is for relays of {range}, and this one comes from {from}")]
    BadAddress {
        /// Where relays may come from.
        range: Network,
        /// Where this one does.
        from: IpAddr,
    },
    /// Wrong tokens came from the address of late.
    #[error("too many wrong join tokens from this address: wait {seconds} s")]
    TooManyGuesses {
        /// How long.
        seconds: u64,
    },
    /// There is no room for another relay.
    #[error("fleet has {max} relays, no more may join")]
    Full {
        /// The most.
        max: u32,
    },
    /// No such relay.
    #[error("relay {0} is not registered")]
    UnknownRelay(RelayId),
    /// The relay may not connect any more.
    #[error("relay {0} is revoked")]
    Revoked(RelayId),
    /// The relay's certificate does not hold at this time.
    #[error("certificate of relay {0} has ended, or not begun by the hub's clock")]
    Expired(RelayId),
    /// The relay's certificate was exchanged too often after it had ended.
    #[error(
        "certificate of relay {relay} has ended and was exchanged {max} times already: let it join again with --force"
    )]
    NoRecoveryLeft {
        /// Which.
        relay: RelayId,
        /// How often it was exchanged.
        max: u32,
    },
    /// As much as relays can be told is asked for already.
    #[error("relays are asked to erase as much as they can be told: wait until one of it ends")]
    TooManyErasures,
    /// Another holder of the identity was welcomed.
    #[error("identity of relay {0} is a copy of another's: let it join again with --force")]
    Cloned(RelayId),
}

/// What every session with a relay follows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What relays are told.
    pub config: Offer,
    /// Who may not connect.
    pub revoked: Arc<BTreeSet<RelayId>>,
}

/// A handle on the fleet.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    store: Store,
    config: Config,
    /// Where the authority's files are.
    dir: PathBuf,
    authority: RwLock<Arc<Authority>>,
    state: watch::Sender<State>,
    /// What relays showed since the last refresh; one entry for each at most.
    seen: Mutex<HashMap<RelayId, SeenRow>>,
    told: Mutex<Told>,
    guesses: Mutex<Guesses>,
    config_keys: Mutex<ConfigKeys>,
    /// What is published; held while it is brought up to date.
    plan: tokio::sync::Mutex<Plan>,
    /// What relays say of their rosters; one entry for each that was connected since the start.
    facts: Mutex<BTreeMap<RelayId, RelayFacts>>,
    receipts: Mutex<erasure::Receipts>,
    questions: Mutex<diagnosis::Questions>,
}

/// What is remembered of reports. Relays leave out what has not changed.
#[derive(Debug, Default)]
struct Told {
    /// The accounts each relay last sent; one entry for each at most.
    books: HashMap<RelayId, Books>,
    /// When each relay last told its CPU time, and how much it was, in milliseconds.
    cpu: HashMap<RelayId, (Timestamp, u64)>,
    history: History,
    /// The versions of the link of relays that speak none of this hub's.
    incompatible: HashMap<RelayId, (u16, u16)>,
}

impl Inner {
    fn config_keys(&self) -> MutexGuard<'_, ConfigKeys> {
        self.config_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What may be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publish {
    /// Whatever the store wants by now.
    WhatIsWanted,
    /// The first roster, when there is none.
    WhereNothingIs,
}

impl Fleet {
    /// Opens the fleet; its authority's files are in `dir` and are made where they are missing.
    ///
    /// # Errors
    /// [`FleetError`] when files or store cannot be read.
    pub async fn open(store: Store, dir: &Path, config: Config) -> Result<Self, FleetError> {
        let authority = Authority::open(dir)?;
        let config_keys = ConfigKeys::open(dir)?;
        let (rows, highest) = store.configs().await?;
        let plan = Plan::from_rows(rows, highest, &config_keys)?;
        let fleet = Self(Arc::new(Inner {
            store,
            config,
            dir: dir.to_owned(),
            authority: RwLock::new(Arc::new(authority)),
            state: watch::Sender::default(),
            seen: Mutex::default(),
            told: Mutex::default(),
            guesses: Mutex::default(),
            config_keys: Mutex::new(config_keys),
            plan: tokio::sync::Mutex::new(plan),
            facts: Mutex::default(),
            receipts: Mutex::default(),
            questions: Mutex::default(),
        }));
        // A command beside a hub that runs publishes nothing that the hub does not know of.
        fleet.follow(Publish::WhereNothingIs).await?;
        Ok(fleet)
    }

    /// Signs with the authority's key, whose certificate every relay has.
    ///
    /// # Errors
    /// [`FleetError::Authority`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, FleetError> {
        Ok(self.authority().sign(message)?)
    }

    /// Every relay, by name.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn relays(&self) -> Result<Vec<Relay>, FleetError> {
        let rows = self.0.store.relays().await?;
        rows.into_iter().map(|row| self.shown(row)).collect()
    }

    /// One relay.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn relay(&self, id: RelayId) -> Result<Option<Relay>, FleetError> {
        let row = self.0.store.relay(id).await?;
        row.map(|row| self.shown(row)).transpose()
    }

    fn shown(&self, row: RelayRow) -> Result<Relay, FleetError> {
        let relay = Relay::from_row(row)?;
        let incompatible = self.told().incompatible.get(&relay.id).copied();
        Ok(Relay {
            incompatible,
            ..relay
        })
    }

    /// Renames, labels, drains or revokes a relay. A revoked one loses its connection at once.
    ///
    /// # Errors
    /// [`FleetError::UnknownRelay`], [`FleetError::Store`].
    pub async fn update_relay(
        &self,
        id: RelayId,
        name: &str,
        labels: &Labels,
        state: RelayState,
    ) -> Result<(), FleetError> {
        let mut write = self.0.store.begin().await?;
        let name = cut(name, NAME_LEN_MAX);
        let found = write
            .update_relay(id, &name, &labels_json(labels), state.name())
            .await?;
        write.commit().await?;
        if !found {
            return Err(FleetError::UnknownRelay(id));
        }
        self.refresh().await
    }

    /// How far each lane of a relay's spool is applied; lanes not named are not begun.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn cursors(&self, relay: RelayId, epoch: Epoch) -> Result<Vec<Cursor>, FleetError> {
        let cursors = self.0.store.relay_cursors(relay, epoch).await?;
        let cursors = cursors.into_iter();
        let cursor = |(lane, upto, digest)| Cursor { lane, upto, digest };
        Ok(cursors.map(cursor).collect())
    }

    /// What is booked of each lane of a relay's spool, as the relay is told when it asks.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn booked(&self, relay: RelayId, epoch: Epoch) -> Result<Vec<Ack>, FleetError> {
        let lanes = self.0.store.lane_books(relay, epoch).await?;
        let sum = |(project, category, n)| Sum {
            project,
            category,
            n,
        };
        let acks = lanes.into_iter().map(|lane| Ack {
            lane: lane.lane,
            upto: lane.upto,
            digest: lane.digest,
            sums: lane.sums.into_iter().map(sum).take(Ack::SUMS_MAX).collect(),
        });
        Ok(acks.collect())
    }

    /// Follows the roster and who is revoked.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
    }

    /// Notes that a relay was here and speaks no version of the link that this hub does.
    pub fn note_incompatible(&self, hello: &Hello, address: SocketAddr, now: Timestamp) {
        let versions = (hello.proto_min, hello.proto_max);
        let offset = hello.wall.millis_since(now);
        self.note_seen(hello.relay, address, &hello.version, offset, None, now);
        let before = self.told().incompatible.insert(hello.relay, versions);
        if before != Some(versions) {
            tracing::warn!(relay.id = %hello.relay, oldest = versions.0, newest = versions.1, "a relay speaks no version of the link that this hub does: upgrade whichever is older");
        }
    }

    /// Notes that a relay is connected, and its report when it sent one.
    pub fn note_seen(
        &self,
        relay: RelayId,
        address: SocketAddr,
        version: &str,
        clock_offset_ms: i64,
        report: Option<&Report>,
        now: Timestamp,
    ) {
        self.told().incompatible.remove(&relay);
        let report = report.map(|report| self.take_report(relay, report, now));
        if let Some(report) = &report {
            self.note_report(relay, report, now);
        }
        let report = report.and_then(|report| serde_json::to_string(&report).ok());
        let mut seen = self.seen();
        let before = seen.remove(&relay).and_then(|row| row.report);
        seen.insert(
            relay,
            SeenRow {
                relay,
                at: now.as_millis(),
                address: address.to_string(),
                version: cut(version, VERSION_LEN_MAX),
                clock_offset_ms,
                report: report.or(before),
            },
        );
    }

    /// Completes a report with what it leaves out, and adds it to the relay's history.
    fn take_report(&self, relay: RelayId, report: &Report, now: Timestamp) -> RelayReport {
        let mut told = self.told();
        let mut shown = RelayReport::from_wire(report, told.books.get(&relay), now);
        if let Some(books) = &shown.books {
            told.books.insert(relay, books.clone());
        }
        if let Some(process) = report.process {
            let before = told.cpu.insert(relay, (now, process.cpu_ms));
            shown.process = Some(ReportedProcess::new(process, now, before));
        }
        told.history.add(relay, &shown);
        shown
    }

    /// Writes what relays showed, and reads what others changed: the roster, the registry. Whoever
    /// follows [`Fleet::watch`] is told when anything did.
    ///
    /// # Errors
    /// [`FleetError::Store`]; what was to be written is written the next time.
    pub async fn refresh(&self) -> Result<(), FleetError> {
        self.follow(Publish::WhatIsWanted).await
    }

    async fn follow(&self, publish: Publish) -> Result<(), FleetError> {
        let inner = &*self.0;
        self.follow_authority().await?;
        self.write_seen().await?;
        self.write_receipts().await?;
        let revoked = self.relays_that_are(RelayState::Revoked).await?;
        let revoked: BTreeSet<RelayId> = revoked.into_iter().collect();
        let config = self.refresh_config(publish, clock::now()).await?;
        inner.state.send_if_modified(|state| {
            let newer = state.config.versions() != config.versions();
            let changed = newer || *state.revoked != revoked;
            if changed {
                state.config = config;
                state.revoked = Arc::new(revoked);
            }
            changed
        });
        Ok(())
    }

    async fn relays_that_are(&self, state: RelayState) -> Result<Vec<RelayId>, FleetError> {
        let ids = self.0.store.relays_of_state(state.name()).await?;
        let ids = ids.into_iter();
        Ok(ids
            .filter_map(|id| id.try_into().ok().map(RelayId::from_bytes))
            .collect())
    }

    async fn write_seen(&self) -> Result<(), FleetError> {
        let rows = std::mem::take(&mut *self.seen());
        let history = self.told().history.take_due(clock::now());
        if rows.is_empty() && history.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut write = self.0.store.begin().await?;
            for row in rows.values() {
                write.put_relay_seen(row).await?;
            }
            write.put_relay_history(&history).await?;
            write.commit().await
        };
        if let Err(error) = written.await {
            self.told().history.put_back(history);
            let mut seen = self.seen();
            for (relay, row) in rows {
                seen.entry(relay).or_insert(row);
            }
            return Err(error.into());
        }
        Ok(())
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receipts(&self) -> MutexGuard<'_, erasure::Receipts> {
        let receipts = self.0.receipts.lock();
        receipts.unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<RelayId, SeenRow>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

/// The first `max` characters, without control characters.
fn cut(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

fn labels_json(labels: &Labels) -> String {
    serde_json::to_string(labels).unwrap_or_else(|_| "{}".to_owned())
}
