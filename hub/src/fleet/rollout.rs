//! Decides how far a new roster has come: who tries it first, whether they hold, what is next.
//!
//! Nothing here waits, writes or reads a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::roster::RosterBundle;
use protocol::timestamp::Timestamp;
use protocol::wire::ConfigOutcome;

use super::change::{at_once, content};
use super::health::{Before, Recent};

/// One relay in so many tries a roster first.
const CANARY_SHARE: usize = 100;
/// Of the time a roster is tried, how often it may pass until relays that went away with it are
/// taken for victims.
const PATIENCE: i64 = 3;

/// What is known of a relay and its roster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RelayFacts {
    /// Connections that are open.
    pub(super) n_sessions: u32,
    /// The roster in force, as it last said.
    pub(super) version: u64,
    /// What became of the last roster it spoke of.
    pub(super) status: Option<RelayStatus>,
    /// Since when it has the roster in force, and how it was by then.
    pub(super) since: Option<(Timestamp, Before)>,
    /// What it has shown of late.
    pub(super) recent: Recent,
    /// Whether its label says that it tries rosters first.
    pub(super) is_labelled: bool,
}

/// What a relay said of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayStatus {
    /// Which.
    pub version: u64,
    /// What became of it.
    pub outcome: ConfigOutcome,
    /// Why; empty when it is in force.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl RelayFacts {
    pub(super) const fn is_connected(&self) -> bool {
        self.n_sessions > 0
    }

    /// Whether it has, or has had, anything to say of a version.
    pub(super) fn has_tried(&self, version: u64) -> bool {
        let spoke = self
            .status
            .as_ref()
            .is_some_and(|status| status.version == version);
        self.version == version || spoke
    }

    /// Takes a version that the relay says is in force.
    pub(super) fn has(&mut self, version: u64, now: Timestamp) {
        if self.version != version || self.since.is_none() {
            self.version = version;
            self.since = Some((now, self.recent.mark()));
        }
    }
}

/// Who tries a roster first: those that are labelled for it before all others, one in a hundred of
/// the connected and at least one. A relay that has it already stays one of them; one that is
/// drained, and so shows little, is one where there is no other.
pub(super) fn choose(
    facts: &BTreeMap<RelayId, RelayFacts>,
    drained: &[RelayId],
    candidate: u64,
) -> BTreeSet<RelayId> {
    let mut connected: Vec<(&RelayId, &RelayFacts)> = facts
        .iter()
        .filter(|(_, facts)| facts.is_connected())
        .collect();
    let n = connected.len().div_ceil(CANARY_SHARE);
    connected.sort_by_key(|(id, facts)| {
        let has_it = facts.version == candidate;
        (!has_it, drained.contains(id), !facts.is_labelled, **id)
    });
    connected.into_iter().take(n).map(|(id, _)| *id).collect()
}

/// What is next for a roster that is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    Wait,
    /// It goes to every relay.
    Promote,
    /// It goes to no other relay, and back where it is.
    Fail(String),
}

/// A roster that is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    /// Which.
    pub(super) candidate: u64,
    /// Since when.
    pub(super) began: Timestamp,
    /// How long it is to hold.
    pub(super) window: Duration,
    /// Whether somebody wants it after it was taken back: filters that leave nothing are meant then.
    pub(super) is_meant: bool,
}

/// Decides by what the relays that try a roster say and show.
pub(super) fn judge(
    facts: &BTreeMap<RelayId, RelayFacts>,
    canaries: &BTreeSet<RelayId>,
    tried: Tried,
    now: Timestamp,
) -> Step {
    let Tried {
        candidate,
        began,
        window,
        is_meant,
    } = tried;
    let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let (mut n_held, mut n_away) = (0_usize, 0_usize);
    for id in canaries {
        let Some(relay) = facts.get(id) else {
            n_away += 1;
            continue;
        };
        if let Some(status) = relay.status.as_ref().filter(|s| s.version == candidate)
            && status.outcome != ConfigOutcome::Applied
        {
            return Step::Fail(format!(
                "relay {id} {}: {}",
                status.outcome.name(),
                status.reason
            ));
        }
        let since = relay.since.filter(|_| relay.version == candidate);
        match since {
            Some((at, before)) => {
                let filtered = || relay.recent.filters_nearly_all(&before);
                let worse = relay.recent.worse_than(&before);
                if let Some(what) = worse.or_else(|| filtered().filter(|_| !is_meant)) {
                    return Step::Fail(format!("relay {id}: {what}"));
                }
                let has_held = relay.is_connected() && now.millis_since(at) >= window;
                n_held += usize::from(has_held);
            }
            None if relay.is_connected() && now.millis_since(began) >= window => {
                return Step::Fail(format!("relay {id} did not take it in time"));
            }
            None => {}
        }
        n_away += usize::from(!relay.is_connected());
    }
    let waited = now.millis_since(began);
    if n_held > 0 && n_held + n_away >= canaries.len() && n_away <= n_held {
        Step::Promote
    } else if n_away > n_held && waited >= window.saturating_mul(PATIENCE) {
        Step::Fail(format!(
            "{n_away} of {} relays that tried it are away",
            canaries.len()
        ))
    } else {
        Step::Wait
    }
}

/// What is to be published because the store has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// For every relay that tries nothing; `None` when what they have stays.
    pub(super) stable: Option<RosterBundle>,
    /// For those that try first.
    pub(super) trial: NextTrial,
}

/// What is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextTrial {
    /// Nothing.
    Nothing,
    /// What is tried, goes on.
    GoesOn,
    /// The same trial with something that goes out at once added.
    Renewed(RosterBundle),
    /// Something new.
    Begins(RosterBundle),
    /// What has failed is wanted still, and is not tried again by itself.
    Held(RosterBundle),
}

/// Parts what is wanted into what goes out at once and what is tried first. All are contents.
pub(super) fn plan(
    stable: &RosterBundle,
    tried: Option<&RosterBundle>,
    failed: Option<&RosterBundle>,
    wanted: &RosterBundle,
) -> Next {
    let wanted = content(wanted);
    let now = at_once(stable, &wanted);
    let trial = if now == wanted {
        NextTrial::Nothing
    } else if tried == Some(&wanted) {
        NextTrial::GoesOn
    } else if failed.is_some_and(|failed| at_once(failed, &wanted) == wanted) {
        NextTrial::Held(wanted)
    } else if tried.is_some_and(|tried| at_once(tried, &wanted) == wanted) {
        NextTrial::Renewed(wanted)
    } else {
        NextTrial::Begins(wanted)
    };
    Next {
        stable: (now != content(stable)).then_some(now),
        trial,
    }
}

#[cfg(test)]
mod tests;
