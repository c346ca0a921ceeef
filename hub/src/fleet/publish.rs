//! Rosters as they go out: signed, with a version each, to those that try first and to the rest.
//!
//! What always holds: what was published is in the store before any relay is sent it, so a hub that
//! starts again goes on where it was; versions only rise, also above what relays have from before a
//! restore; what protects goes to every relay at once, what loosens to a few first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::roster::RosterBundle;
use protocol::timestamp::Timestamp;
use protocol::wire::{Config, decode_roster};

use super::FleetError;
use super::change::{content, less};
use super::config_key::{ConfigKeyError, ConfigKeys};
use super::rollout::{NextTrial, RelayFacts, Step, Tried, choose, judge, plan};
use crate::store::StoreError;
use crate::store::configs::ConfigRow;

/// How far above the hub's own versions a relay's may be and still be believed: a hub that was
/// restored from a backup is behind its relays.
const VERSION_JUMP_MAX: u64 = 1_000_000;

/// One version, as it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub bundle: RosterBundle,
    /// The same as it was signed.
    pub config: Config,
}

/// What relays are to have.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// Every relay but some.
    pub stable: Arc<Published>,
    /// Those that try something first, and what.
    pub trial: Option<(Arc<Published>, Arc<BTreeSet<RelayId>>)>,
}

impl Offer {
    /// What a relay is to have.
    #[must_use]
    pub fn for_relay(&self, relay: RelayId) -> &Arc<Published> {
        match &self.trial {
            Some((published, canaries)) if canaries.contains(&relay) => published,
            _ => &self.stable,
        }
    }

    /// Which versions these are, to see whether anything has changed.
    pub(super) fn versions(&self) -> (u64, Option<(u64, &BTreeSet<RelayId>)>) {
        let trial = self.trial.as_ref();
        let trial = trial.map(|(published, canaries)| (published.bundle.version, &**canaries));
        (self.stable.bundle.version, trial)
    }
}

/// Something that is tried.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) published: Arc<Published>,
    /// When those that try it were first to have it.
    pub(super) began: Timestamp,
    /// Empty until a relay is connected.
    pub(super) canaries: Arc<BTreeSet<RelayId>>,
}

/// Something that was tried, and did not hold.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) published: Arc<Published>,
    /// What is wanted and held back because of it.
    pub(super) wanted: Arc<RosterBundle>,
    pub(super) reason: String,
}

/// Everything about what is published.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) stable: Option<Arc<Published>>,
    pub(super) trial: Option<Trial>,
    pub(super) failed: Option<Failed>,
    /// Why what is wanted cannot be published at all.
    pub(super) problem: Option<String>,
    /// The version of the store's rows that this was made from.
    pub(super) source: Option<u64>,
    /// The highest version ever published.
    highest: u64,
    /// What is in force is to be published again: it was signed with a key that was replaced.
    pub(super) is_stale: bool,
    /// Somebody wants what was taken back: it is tried once more, and its filters are meant.
    pub(super) is_meant: bool,
}

/// What publishing needs.
pub(super) struct Means<'a> {
    pub(super) keys: &'a ConfigKeys,
    pub(super) facts: &'a BTreeMap<RelayId, RelayFacts>,
    pub(super) now: Timestamp,
    /// How long a roster holds.
    pub(super) lifetime: Duration,
    /// How long it is tried.
    pub(super) canary_time: Duration,
}

impl Plan {
    /// Reads what was published before.
    pub(super) fn from_rows(
        rows: Vec<ConfigRow>,
        highest: u64,
        keys: &ConfigKeys,
    ) -> Result<Self, FleetError> {
        let mut plan = Self {
            highest,
            ..Self::default()
        };
        for row in rows {
            let bundle =
                decode_roster(&row.bytes).map_err(|_| StoreError::Unreadable { what: "roster" })?;
            let config = keys.sign(&bundle)?;
            let published = Arc::new(Published { bundle, config });
            match row.state.as_str() {
                "stable" => plan.stable = Some(published),
                "tried" => {
                    plan.trial = Some(Trial {
                        published,
                        began: Timestamp::default(),
                        canaries: Arc::default(),
                    });
                }
                _ => {
                    plan.failed = Some(Failed {
                        wanted: Arc::new(content(&published.bundle)),
                        published,
                        reason: row.reason,
                    });
                }
            }
        }
        Ok(plan)
    }

    /// The rows to be kept of it.
    pub(super) fn rows(&self) -> Vec<ConfigRow> {
        let row = |published: &Published, state: &str, reason: &str| ConfigRow {
            version: published.bundle.version.cast_signed(),
            state: state.to_owned(),
            bytes: published.config.bytes.clone(),
            issued_at: published.bundle.issued_at.as_millis(),
            reason: reason.to_owned(),
        };
        let stable = self.stable.iter().map(|p| row(p, "stable", ""));
        let trial = self.trial.iter().map(|t| row(&t.published, "tried", ""));
        let failed = self
            .failed
            .iter()
            .map(|f| row(&f.published, "failed", &f.reason));
        stable.chain(trial).chain(failed).collect()
    }

    /// What relays are to have.
    pub(super) fn offer(&self) -> Offer {
        Offer {
            stable: self.stable.clone().unwrap_or_default(),
            trial: self
                .trial
                .as_ref()
                .map(|trial| (Arc::clone(&trial.published), Arc::clone(&trial.canaries))),
        }
    }

    /// Whether relays that try first are still to be found.
    pub(super) fn wants_canaries(&self) -> bool {
        self.trial
            .as_ref()
            .is_some_and(|trial| trial.canaries.is_empty())
    }

    /// What tells whether there is something to be kept.
    pub(super) fn marks(&self) -> [Option<u64>; 3] {
        let version = |published: &Arc<Published>| published.bundle.version;
        [
            self.stable.as_ref().map(version),
            self.trial.as_ref().map(|trial| version(&trial.published)),
            self.failed
                .as_ref()
                .map(|failed| version(&failed.published)),
        ]
    }

    /// What is published next. `wanted` is what the store has by now, when that is news.
    ///
    /// What relays would not take is not published; of such a change only what takes away goes
    /// out, so that a key can always be switched off.
    pub(super) fn next(
        &self,
        wanted: Option<&RosterBundle>,
        source: u64,
        means: &Means<'_>,
    ) -> Result<Self, ConfigKeyError> {
        let mut next = self.clone();
        next.source = Some(source);
        if let Some(wanted) = wanted {
            next.problem = None;
            if let Err(error) = next.want(wanted, means) {
                tracing::error!(%error, "what relays are told stays as it was, but for what ends");
                next = self.clone();
                next.source = Some(source);
                next.problem = Some(error.to_string());
                if let Some(stable) = &self.stable {
                    next.want(&less(&stable.bundle, wanted), means)?;
                }
            }
        }
        next.step(means)?;
        Ok(next)
    }

    /// Takes what is wanted by now.
    fn want(&mut self, wanted: &RosterBundle, means: &Means<'_>) -> Result<(), ConfigKeyError> {
        let Some(stable) = &self.stable else {
            self.stable = Some(self.publish(content(wanted), means)?);
            return Ok(());
        };
        let tried = self
            .trial
            .as_ref()
            .map(|trial| content(&trial.published.bundle));
        let failed = self.failed.as_ref().map(|failed| &*failed.wanted);
        let next = plan(&content(&stable.bundle), tried.as_ref(), failed, wanted);
        if let Some(stable) = next.stable {
            self.stable = Some(self.publish(stable, means)?);
        }
        match next.trial {
            NextTrial::Nothing => {
                self.failed = None;
                self.is_meant = false;
                // Those that tried what is no longer wanted are above the others.
                self.is_stale |= self.trial.take().is_some();
            }
            NextTrial::GoesOn => {}
            NextTrial::Held(wanted) => {
                self.is_stale |= self.trial.take().is_some();
                if let Some(failed) = &mut self.failed {
                    failed.wanted = Arc::new(wanted);
                }
            }
            NextTrial::Renewed(wanted) => {
                let canaries = self.trial.take().map(|trial| trial.canaries);
                self.begin_trial(wanted, canaries.unwrap_or_default(), means)?;
            }
            NextTrial::Begins(wanted) => {
                self.failed = None;
                self.begin_trial(wanted, Arc::default(), means)?;
            }
        }
        Ok(())
    }

    /// Goes on with what is tried, and publishes again what ends or is behind the relays.
    fn step(&mut self, means: &Means<'_>) -> Result<(), ConfigKeyError> {
        self.step_trial(means);
        self.find_stale(means);
        if self.is_stale
            && let Some(stable) = &self.stable
        {
            self.stable = Some(self.publish(content(&stable.bundle), means)?);
            self.is_stale = false;
        }
        // What is tried goes on to every relay some day, so it is above what they have.
        let stable = self
            .stable
            .as_ref()
            .map_or(0, |stable| stable.bundle.version);
        if let Some(trial) = self.trial.take_if(|t| t.published.bundle.version < stable) {
            let wanted = content(&trial.published.bundle);
            self.begin_trial(wanted, trial.canaries, means)?;
        }
        Ok(())
    }

    fn step_trial(&mut self, means: &Means<'_>) {
        let Some(trial) = &mut self.trial else {
            return;
        };
        let candidate = trial.published.bundle.version;
        let canaries = Arc::make_mut(&mut trial.canaries);
        // A relay that went away before it had it tries nothing.
        canaries.retain(|id| {
            let relay = means.facts.get(id);
            relay.is_some_and(|relay| relay.is_connected() || relay.has_tried(candidate))
        });
        if canaries.is_empty() {
            let drained = &trial.published.bundle.drained;
            *canaries = choose(means.facts, drained, candidate);
            trial.began = means.now;
            if !canaries.is_empty() {
                let n = canaries.len();
                tracing::info!(roster.version = candidate, relays = n, "roster is tried");
            }
            return;
        }
        let tried = Tried {
            candidate,
            began: trial.began,
            window: means.canary_time,
            is_meant: self.is_meant,
        };
        let step = judge(means.facts, canaries, tried, means.now);
        match step {
            Step::Wait => {}
            Step::Promote => {
                tracing::info!(roster.version = candidate, "roster goes to every relay");
                self.stable = Some(Arc::clone(&trial.published));
                self.trial = None;
                self.is_meant = false;
            }
            Step::Fail(reason) => {
                tracing::warn!(roster.version = candidate, reason, "roster is taken back");
                self.failed = Some(Failed {
                    published: Arc::clone(&trial.published),
                    wanted: Arc::new(content(&trial.published.bundle)),
                    reason,
                });
                self.trial = None;
                self.is_meant = false;
                self.is_stale = true;
            }
        }
    }

    /// Whether what is in force ends soon, or a relay has a version that is above its own.
    fn find_stale(&mut self, means: &Means<'_>) {
        let Some(stable) = &self.stable else {
            return;
        };
        let lifetime = i64::try_from(means.lifetime.as_millis()).unwrap_or(i64::MAX);
        let age = means.now.millis_since(stable.bundle.issued_at);
        self.is_stale |= age >= lifetime / 2;
        let offer = self.offer();
        for (id, relay) in means.facts.iter().filter(|(_, relay)| relay.is_connected()) {
            let is_above = relay.version > offer.for_relay(*id).bundle.version;
            if is_above && relay.version <= self.highest.saturating_add(VERSION_JUMP_MAX) {
                self.highest = self.highest.max(relay.version);
                self.is_stale = true;
            }
        }
    }

    fn begin_trial(
        &mut self,
        wanted: RosterBundle,
        canaries: Arc<BTreeSet<RelayId>>,
        means: &Means<'_>,
    ) -> Result<(), ConfigKeyError> {
        self.trial = Some(Trial {
            published: self.publish(wanted, means)?,
            began: means.now,
            canaries,
        });
        Ok(())
    }

    /// Gives a content the next version and signs it.
    fn publish(
        &mut self,
        content: RosterBundle,
        means: &Means<'_>,
    ) -> Result<Arc<Published>, ConfigKeyError> {
        let lifetime = i64::try_from(means.lifetime.as_millis()).unwrap_or(i64::MAX);
        let bundle = RosterBundle {
            version: self.highest.saturating_add(1),
            parent: self
                .stable
                .as_ref()
                .map_or(0, |stable| stable.bundle.version),
            issued_at: means.now,
            expires_at: Some(means.now.plus_millis(lifetime)),
            config_key: Some(means.keys.public()),
            ..content
        };
        let config = means.keys.sign(&bundle)?;
        self.highest = bundle.version;
        Ok(Arc::new(Published { bundle, config }))
    }
}
