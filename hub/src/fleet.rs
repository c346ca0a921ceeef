//! The fleet: who may connect, what relays are told, what they say of themselves.
//!
//! What always holds: a relay is known by its certificate, which the hub's own authority signed
//! for a key that never left the relay's host; a join token is kept as a hash and is used no more
//! often than it may be; the registry is asked at every connection and followed while it lasts.
//!
//! What connected relays show is gathered and written once in a while for all of them
//! ([`Fleet::refresh`]), so that a large fleet costs the store one transaction.

mod authority;
mod relay;
mod token;

#[cfg(test)]
mod tests;

pub use authority::{AuthorityError, ServerIdentity};
pub use relay::{Labels, Relay, RelayReport, RelayState, ReportedLane, ReportedTotal};
pub use token::JoinToken;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::{Epoch, ProjectId, RelayId};
use protocol::roster::{PrivacySettings, RateLimit, RosterBundle, RosterKey, RosterProject};
use protocol::timestamp::Timestamp;
use protocol::unit::Span;
use protocol::wire::{Cursor, Join, Joined, Report};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::store::relays::{JoinTokenRow, RelayRow, RosterRow, SeenRow};
use crate::store::{Store, StoreError};
use authority::Authority;

/// Longest name of a relay, in characters.
pub const NAME_LEN_MAX: usize = 128;
/// Longest version a relay may state, in characters.
pub const VERSION_LEN_MAX: usize = 64;
/// Most relays that may join with one token.
pub const TOKEN_USES_MAX: u32 = 10_000;

/// Settings of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Most relays that may be registered and not revoked. A restart is needed to change it.
    pub relays_max: u32,
    /// How long a join token is valid when nothing else is said.
    pub join_token_lifetime: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            relays_max: 10_000,
            join_token_lifetime: Span(Duration::from_secs(3600)),
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
    /// No randomness.
    #[error("the system gives no random bytes")]
    NoRandomness(#[from] getrandom::Error),
    /// The token is unknown, ended or used up, or its secret is wrong: which is not said.
    #[error("join token is not valid")]
    BadToken,
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
}

/// What a join token shall allow.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// How many relays may join; at most [`TOKEN_USES_MAX`].
    pub uses: u32,
    /// For how long; `None` is the configured time.
    pub lifetime: Option<Duration>,
    /// What its relays are labelled with.
    pub labels: Labels,
}

impl Default for TokenRequest {
    fn default() -> Self {
        Self {
            uses: 1,
            lifetime: None,
            labels: Labels::new(),
        }
    }
}

/// A join token that is not used up, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenToken {
    /// Its public half.
    pub id: String,
    /// What its relays are labelled with.
    pub labels: Labels,
    /// How many relays may still join.
    pub uses_left: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What every session with a relay follows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What relays are told.
    pub roster: Arc<RosterBundle>,
    /// Who may not connect.
    pub revoked: Arc<BTreeSet<RelayId>>,
}

/// A handle on the fleet.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    store: Store,
    config: Config,
    authority: Authority,
    state: watch::Sender<State>,
    /// What relays showed since the last refresh; one entry for each at most.
    seen: Mutex<HashMap<RelayId, SeenRow>>,
}

/// The project's options that relays are told.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    privacy: PrivacySettings,
    allowed_domains: Vec<String>,
}

impl Fleet {
    /// Opens the fleet; its authority's files are in `dir` and are made where they are missing.
    ///
    /// # Errors
    /// [`FleetError`] when files or store cannot be read.
    pub async fn open(store: Store, dir: &Path, config: Config) -> Result<Self, FleetError> {
        let authority = Authority::open(dir)?;
        let fleet = Self(Arc::new(Inner {
            store,
            config,
            authority,
            state: watch::Sender::default(),
            seen: Mutex::default(),
        }));
        fleet.refresh().await?;
        Ok(fleet)
    }

    /// A certificate for this process's end of the link.
    ///
    /// # Errors
    /// [`FleetError::Authority`].
    pub fn server_identity(&self) -> Result<ServerIdentity, FleetError> {
        Ok(self.0.authority.server_identity()?)
    }

    /// The certificate that relays' certificates are verified against.
    #[must_use]
    pub fn authority(&self) -> &CertificateDer<'static> {
        self.0.authority.certificate()
    }

    /// Signs with the authority's key, whose certificate every relay has.
    ///
    /// # Errors
    /// [`FleetError::Authority`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, FleetError> {
        Ok(self.0.authority.sign(message)?)
    }

    /// Makes a join token. Its text can be had from the result only.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn make_join_token(
        &self,
        request: &TokenRequest,
        now: Timestamp,
    ) -> Result<JoinToken, FleetError> {
        let token = JoinToken::make(self.0.authority.pin())?;
        let lifetime = request
            .lifetime
            .unwrap_or(self.0.config.join_token_lifetime.0);
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let mut write = self.0.store.begin().await?;
        write.remove_ended_join_tokens(now.as_millis()).await?;
        write
            .add_join_token(&JoinTokenRow {
                id: token.id.clone(),
                secret_hash: token.secret_hash(),
                labels: labels_json(&request.labels),
                uses_left: i64::from(request.uses.min(TOKEN_USES_MAX)),
                created_at: now.as_millis(),
                expires_at: now.plus_millis(lifetime).as_millis(),
            })
            .await?;
        write.commit().await?;
        Ok(token)
    }

    /// The join tokens that are not used up.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn join_tokens(&self) -> Result<Vec<OpenToken>, FleetError> {
        let rows = self.0.store.join_tokens().await?;
        let tokens = rows.into_iter().map(|row| OpenToken {
            id: row.id,
            labels: serde_json::from_str(&row.labels).unwrap_or_default(),
            uses_left: u32::try_from(row.uses_left).unwrap_or_default(),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
        });
        Ok(tokens.collect())
    }

    /// Ends a join token; `false` when there is none.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn remove_join_token(&self, id: &str) -> Result<bool, FleetError> {
        let mut write = self.0.store.begin().await?;
        let removed = write.remove_join_token(id).await?;
        write.commit().await?;
        Ok(removed)
    }

    /// Takes a relay into the fleet.
    ///
    /// # Errors
    /// [`FleetError::BadToken`] for a token that does not allow it, [`FleetError::Full`],
    /// [`FleetError::Authority`] for a request that is none.
    pub async fn join(&self, join: &Join, now: Timestamp) -> Result<Joined, FleetError> {
        let relay = new_relay_id()?;
        let inner = &*self.0;
        let granted = inner.authority.grant(relay, &join.csr)?;
        let mut write = inner.store.begin().await?;
        let labels = write
            .use_join_token(
                &join.token_id,
                &token::hash_secret(&join.secret),
                now.as_millis(),
            )
            .await?
            .ok_or(FleetError::BadToken)?;
        if write.n_relays().await? >= u64::from(inner.config.relays_max) {
            return Err(FleetError::Full {
                max: inner.config.relays_max,
            });
        }
        let name = match cut(&join.name, NAME_LEN_MAX) {
            name if name.is_empty() => relay.to_string(),
            name => name,
        };
        write
            .add_relay(&RelayRow {
                id: relay.as_bytes().to_vec(),
                name,
                labels,
                state: RelayState::Active.name().to_owned(),
                version: cut(&join.version, VERSION_LEN_MAX),
                certificate: granted.key_hash.to_vec(),
                joined_at: now.as_millis(),
                last_seen_at: None,
                address: None,
                clock_offset_ms: None,
                report: "{}".to_owned(),
            })
            .await?;
        write.commit().await?;
        tracing::info!(relay.id = %relay, "relay joined");
        Ok(Joined {
            relay,
            certificate: granted.certificate.to_vec(),
            authority: inner.authority.certificate().to_vec(),
        })
    }

    /// Which relay a certificate, verified against the authority, lets in.
    ///
    /// # Errors
    /// [`FleetError::UnknownRelay`], also for a key other than the registered one,
    /// [`FleetError::Revoked`], [`FleetError::Authority`] for a certificate that is no relay's.
    pub async fn admit(&self, certificate: &[u8]) -> Result<RelayId, FleetError> {
        let (relay, key_hash) = authority::read_relay(certificate)?;
        let row = self.0.store.relay(relay).await?;
        match row {
            Some(row) if row.certificate != key_hash => Err(FleetError::UnknownRelay(relay)),
            Some(row) if row.state == RelayState::Revoked.name() => Err(FleetError::Revoked(relay)),
            Some(_) => Ok(relay),
            None => Err(FleetError::UnknownRelay(relay)),
        }
    }

    /// Every relay, by name.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn relays(&self) -> Result<Vec<Relay>, FleetError> {
        let rows = self.0.store.relays().await?;
        rows.into_iter().map(Relay::from_row).collect()
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
        Ok(cursors.map(|(lane, upto)| Cursor { lane, upto }).collect())
    }

    /// Follows the roster and who is revoked.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.0.state.subscribe()
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
        let report = report.map(|report| RelayReport::from_wire(report, now));
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

    /// Writes what relays showed, and reads what others changed: the roster, the registry. Whoever
    /// follows [`Fleet::watch`] is told when anything did.
    ///
    /// # Errors
    /// [`FleetError::Store`]; what was to be written is written the next time.
    pub async fn refresh(&self) -> Result<(), FleetError> {
        let inner = &*self.0;
        self.write_seen().await?;
        let revoked: BTreeSet<RelayId> = inner
            .store
            .revoked_relays()
            .await?
            .into_iter()
            .filter_map(|id| id.try_into().ok().map(RelayId::from_bytes))
            .collect();
        let version = inner.store.roster_version().await?;
        let known = inner.state.borrow().clone();
        let roster = if known.roster.version == bundle_version(version) {
            known.roster
        } else {
            Arc::new(self.roster().await?)
        };
        inner.state.send_if_modified(|state| {
            let newer = state.roster.version < roster.version;
            let changed = newer || *state.revoked != revoked;
            if changed {
                if newer {
                    state.roster = roster;
                }
                state.revoked = Arc::new(revoked);
            }
            changed
        });
        Ok(())
    }

    /// The roster as the store has it.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn roster(&self) -> Result<RosterBundle, FleetError> {
        let (version, rows) = self.0.store.roster_rows().await?;
        let mut projects: Vec<RosterProject> = Vec::new();
        for row in rows {
            let id = ProjectId::new(row.project_id.cast_unsigned())
                .map_err(|_| StoreError::Unreadable { what: "project id" })?;
            if projects.last().is_none_or(|last| last.id != id) {
                projects.push(roster_project(id, &row)?);
            }
            if let (Some(key), Some(project)) = (roster_key(&row)?, projects.last_mut()) {
                project.keys.push(key);
            }
        }
        Ok(RosterBundle {
            version: bundle_version(version),
            projects,
        })
    }

    async fn write_seen(&self) -> Result<(), FleetError> {
        let rows = std::mem::take(&mut *self.seen());
        if rows.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut write = self.0.store.begin().await?;
            for row in rows.values() {
                write.put_relay_seen(row).await?;
            }
            write.commit().await
        };
        if let Err(error) = written.await {
            let mut seen = self.seen();
            for (relay, row) in rows {
                seen.entry(relay).or_insert(row);
            }
            return Err(error.into());
        }
        Ok(())
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

/// A roster that was never changed is told apart from none, which is 0.
const fn bundle_version(changes: u64) -> u64 {
    changes.saturating_add(1)
}

fn roster_project(id: ProjectId, row: &RosterRow) -> Result<RosterProject, FleetError> {
    // Options that cannot be read must not switch scrubbing settings off.
    let options: Options =
        serde_json::from_str(&row.options).map_err(|_| StoreError::Unreadable {
            what: "project options",
        })?;
    Ok(RosterProject {
        id,
        slug: row.slug.clone(),
        keys: Vec::new(),
        allowed_domains: options.allowed_domains,
        privacy: options.privacy,
    })
}

fn roster_key(row: &RosterRow) -> Result<Option<RosterKey>, FleetError> {
    let Some(public_key) = &row.public_key else {
        return Ok(None);
    };
    let public_key = public_key
        .parse()
        .map_err(|_| StoreError::Unreadable { what: "public key" })?;
    let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    let count = row.rate_limit_count.and_then(|n| u64::try_from(n).ok());
    let rate_limit = match (count, positive(row.rate_limit_window_s)) {
        (Some(count), Some(window_secs)) => Some(RateLimit { count, window_secs }),
        _ => None,
    };
    Ok(Some(RosterKey {
        public_key,
        active: row.is_active.unwrap_or_default(),
        rate_limit,
    }))
}

/// A random uuid of version 4.
fn new_relay_id() -> Result<RelayId, FleetError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(RelayId::from_bytes(uuid.into_bytes()))
}

/// The first `max` characters, without control characters.
fn cut(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

fn labels_json(labels: &Labels) -> String {
    serde_json::to_string(labels).unwrap_or_else(|_| "{}".to_owned())
}
