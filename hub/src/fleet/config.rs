//! What relays are told: read from the store, published, followed to where it is in force.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

use protocol::dict::{self, Dictionary};
use protocol::ids::RelayId;
use protocol::roster::{ConfigKey, LinkSettings, RelayLink};
use protocol::timestamp::Timestamp;
use protocol::wire::{ConfigOutcome, ConfigStatus};

use super::health::Tally;
use super::publish::{Means, Offer};
use super::rollout::{RelayFacts, RelayStatus};
use super::{Fleet, FleetError, Publish, RelayReport};
use crate::store::StoreError;

/// The label, and its value, of relays that try rosters before all others.
const CANARY_LABEL: (&str, &str) = ("canary", "true");
/// Longest reason of a relay that is kept, in characters.
const REASON_LEN_MAX: usize = 500;

/// What is published, as it is shown.
#[derive(Clone, Debug)]
pub struct ConfigView {
    /// What every relay is to have.
    pub offer: Offer,
    /// Since when something is tried.
    pub trial_began: Option<Timestamp>,
    /// What was tried and did not hold, and why.
    pub failed: Option<(u64, String)>,
    /// Why what is wanted cannot be published.
    pub problem: Option<String>,
    /// What relays pin.
    pub key: ConfigKey,
}

/// A relay's roster, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayConfig {
    /// Whether it is connected.
    pub is_connected: bool,
    /// The roster in force; 0 is none, or not known.
    pub version: u64,
    /// What became of the last roster it spoke of.
    pub status: Option<RelayStatus>,
}

/// A relay's connection, for as long as it lasts.
#[derive(Debug)]
pub struct Presence {
    fleet: Fleet,
    relay: RelayId,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut facts = self.fleet.facts();
        if let Some(relay) = facts.get_mut(&self.relay) {
            relay.n_sessions = relay.n_sessions.saturating_sub(1);
        }
    }
}

impl Fleet {
    /// Notes that a relay is connected, with this roster in force.
    #[must_use]
    pub fn enter(&self, relay: RelayId, version: u64, now: Timestamp) -> Presence {
        let mut facts = self.facts();
        let known = facts.entry(relay).or_default();
        known.n_sessions = known.n_sessions.saturating_add(1);
        known.has(version, now);
        Presence {
            fleet: self.clone(),
            relay,
        }
    }

    /// Notes what became of a roster at a relay.
    pub fn note_config(&self, relay: RelayId, status: &ConfigStatus, now: Timestamp) {
        if status.outcome != ConfigOutcome::Applied {
            let (version, outcome) = (status.version, status.outcome.name());
            let reason = super::cut(&status.reason, REASON_LEN_MAX);
            tracing::warn!(relay.id = %relay, roster.version = version, outcome, reason, "roster is not in force at a relay");
        }
        let mut facts = self.facts();
        let known = facts.entry(relay).or_default();
        if status.outcome == ConfigOutcome::Applied {
            known.has(status.version, now);
        }
        known.status = Some(RelayStatus {
            version: status.version,
            outcome: status.outcome,
            reason: super::cut(&status.reason, REASON_LEN_MAX),
            at: now,
        });
    }

    /// Notes what a relay has counted.
    pub(super) fn note_report(&self, relay: RelayId, report: &RelayReport, now: Timestamp) {
        let mut facts = self.facts();
        let known = facts.entry(relay).or_default();
        let tally = report.books.as_ref().map(|books| Tally::of(&books.totals));
        known.recent.add(now, tally, report.process.as_ref());
        known.has(report.roster_version, now);
    }

    /// What is published.
    pub async fn config(&self) -> ConfigView {
        let plan = self.0.plan.lock().await;
        let failed = plan.failed.as_ref();
        ConfigView {
            offer: plan.offer(),
            trial_began: plan.trial.as_ref().map(|trial| trial.began),
            failed: failed.map(|f| (f.published.bundle.version, f.reason.clone())),
            problem: plan.problem.clone(),
            key: self.0.config_keys().public(),
        }
    }

    /// A relay's roster; nothing is known of a relay that was not connected since the start.
    #[must_use]
    pub fn relay_config(&self, relay: RelayId) -> RelayConfig {
        let facts = self.facts();
        facts
            .get(&relay)
            .map_or_else(RelayConfig::default, |known| RelayConfig {
                is_connected: known.is_connected(),
                version: known.version,
                status: known.status.clone(),
            })
    }

    /// Tries once more what did not hold.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn retry_config(&self) -> Result<(), FleetError> {
        {
            let mut plan = self.0.plan.lock().await;
            plan.failed = None;
            plan.is_meant = true;
            plan.source = None;
        }
        self.refresh().await
    }

    /// Replaces the key that rosters are signed with. Relays follow by themselves, those that are
    /// away when they are back; only a relay that misses two replacements must join again.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn replace_config_key(&self) -> Result<(), FleetError> {
        {
            let mut plan = self.0.plan.lock().await;
            let fleet = self.clone();
            let replace = move || fleet.0.config_keys().replace();
            let replaced = tokio::task::spawn_blocking(replace).await;
            replaced.map_err(|_| FleetError::Stopping)??;
            plan.is_stale = true;
        }
        tracing::info!("the key that rosters are signed with is replaced");
        self.refresh().await
    }

    /// Sets how much of the link a relay may take; `None` is what holds for all.
    ///
    /// # Errors
    /// [`FleetError::UnknownRelay`], [`FleetError::Store`].
    pub async fn set_link(
        &self,
        relay: RelayId,
        settings: Option<&LinkSettings>,
    ) -> Result<(), FleetError> {
        let text = settings.map(serde_json::to_string).transpose();
        let text = text.map_err(|_| StoreError::Unreadable { what: "settings" })?;
        let mut write = self.0.store.begin().await?;
        if !write.put_relay_link(relay, text.as_deref()).await? {
            return Err(FleetError::UnknownRelay(relay));
        }
        write.commit().await?;
        self.refresh().await
    }

    /// The relays with settings of the link of their own.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn links(&self) -> Result<Vec<RelayLink>, FleetError> {
        let rows = self.0.store.relay_links().await?;
        let links = rows.into_iter().map(|(id, settings)| {
            let unreadable = StoreError::Unreadable { what: "relay link" };
            let relay = id.try_into().ok().map(RelayId::from_bytes);
            match (relay, serde_json::from_str(&settings)) {
                (Some(relay), Ok(link)) => Ok(RelayLink { relay, link }),
                _ => Err(unreadable.into()),
            }
        });
        links.collect()
    }

    /// Keeps a dictionary that this hub had lost and a relay gave back, so that blocks can be read.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn keep_dictionary(
        &self,
        dictionary: &Dictionary,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        let id = dictionary.id();
        let mut write = self.0.store.begin().await?;
        let is_kept = write.keep_dictionary(dictionary, now).await?;
        write.commit().await?;
        match dict::learn(dictionary) {
            Ok(()) if is_kept => {
                tracing::info!(dictionary = %id, "a relay gave back a dictionary that was lost here");
            }
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "a dictionary that a relay gave back is not used"),
        }
        Ok(())
    }

    /// Brings what is published up to date; gives what relays are to have.
    pub(super) async fn refresh_config(
        &self,
        publish: Publish,
        now: Timestamp,
    ) -> Result<Offer, FleetError> {
        let inner = &*self.0;
        let mut plan = inner.plan.lock().await;
        if publish == Publish::WhereNothingIs && plan.stable.is_some() {
            return Ok(plan.offer());
        }
        let source = inner.store.roster_version().await?;
        let told = plan.stable.as_ref();
        let is_over = match told {
            Some(told) => self.asks_too_long(&told.bundle).await?,
            None => false,
        };
        let wanted = match plan.source {
            Some(known) if known == source && !is_over => None,
            _ => Some(self.roster().await?),
        };
        if wanted.is_some() || plan.wants_canaries() {
            self.find_labelled().await?;
        }
        let next = {
            let keys = inner.config_keys();
            let means = Means {
                keys: &keys,
                facts: &self.facts(),
                now,
                lifetime: inner.config.config_lifetime.0,
                canary_time: inner.config.canary_time.0,
            };
            plan.next(wanted.as_ref(), source, &means)?
        };
        if next.marks() != plan.marks() {
            let mut write = inner.store.begin().await?;
            write.put_configs(&next.rows()).await?;
            write.commit().await?;
        }
        *plan = next;
        Ok(plan.offer())
    }

    /// Notes which relays are labelled to try first.
    async fn find_labelled(&self) -> Result<(), FleetError> {
        let relays = self.relays().await?;
        let mut facts = self.facts();
        for relay in relays {
            if let Some(known) = facts.get_mut(&relay.id) {
                let (label, value) = CANARY_LABEL;
                known.is_labelled = relay.labels.get(label).is_some_and(|found| found == value);
            }
        }
        Ok(())
    }

    fn facts(&self) -> MutexGuard<'_, BTreeMap<RelayId, RelayFacts>> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
