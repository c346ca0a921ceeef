//! What projects and organizations want to be taken in: filters, sampling rules, quotas.
//!
//! Relays enforce all of it, each by itself. A quota is shared out evenly among the relays that
//! were connected of late, so that together they never take more than it (but for the rounding,
//! at most one item for each relay); where most comes over one of them, less is taken than it
//! allows. The limit against spikes is whole at every relay, since a spike mostly comes over one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use protocol::filter::{self, FilterError, Filters, LegacyBrowser};
use protocol::ids::ProjectId;
use protocol::item::Category;
use protocol::limits::{ROSTER_CONDITION_BYTES_MAX, ROSTER_CONDITIONS_MAX, ROSTER_LIST_MAX};
use protocol::outcome::reason;
use protocol::roster::{FilterSettings, GenericFilter, Quota, QuotaScope, RateLimit, SamplingRule};
use protocol::sampling::{RuleError, Rules};
use protocol::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Fleet, FleetError, Relay, RelayState};
use crate::store::StoreError;
use crate::store::ledger_read::ErrorHours;

/// Most quotas of a project or organization.
pub const QUOTAS_MAX: usize = 15;
/// Longest window of a quota, in seconds.
pub const WINDOW_SECS_MAX: u64 = 31 * 24 * 3600;
/// Filters by condition that come with the program, by their reasons.
pub const READY_FILTERS: [filter::Ready; 2] =
    [filter::REACT_HYDRATION_ERRORS, filter::CHUNK_LOAD_ERROR];

/// Where is kept what was measured last.
const MEASURED: &str = "measured_limits";
/// A relay that was away for longer has no share of quotas.
const AWAY: Duration = Duration::from_hours(24);
/// Hours that the usual number of errors is taken from, and how many there must be.
const BASELINE_HOURS: i64 = 7 * 24;
const BASELINE_HOURS_MIN: i64 = 24;
/// The name that stands for [`USUAL_BROWSERS`].
pub const DEFAULT_BROWSERS: &str = "default";

/// The groups of browsers that are meant where none is named.
const USUAL_BROWSERS: [LegacyBrowser; 6] = [
    LegacyBrowser::IePre9,
    LegacyBrowser::Ie9,
    LegacyBrowser::OperaPre15,
    LegacyBrowser::OperaMiniPre8,
    LegacyBrowser::AndroidPre4,
    LegacyBrowser::SafariPre6,
];

/// How much more than usual is a spike.
const SPIKE_FACTOR: u64 = 10;
/// Fewer errors in an hour are never a spike.
const SPIKE_MIN: u64 = 1000;
const HOUR_SECS: u64 = 3600;

/// What a project wants to be taken in, as its options hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Intake {
    /// Filters.
    #[serde(skip_serializing_if = "FilterSettings::is_default")]
    pub filters: FilterSettings,
    /// Those of [`READY_FILTERS`] that are on.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ready_filters: BTreeSet<String>,
    /// Rules of what share is kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sampling_rules: Vec<SamplingRule>,
    /// Limits over all keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<QuotaSetting>,
    /// Whether errors are limited to a multiple of what is usual.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub spike_protection: bool,
}

/// A limit as people set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaSetting {
    /// The names of data categories that are counted together; empty is all.
    pub categories: Vec<String>,
    /// Items, over all relays.
    pub count: u64,
    /// Seconds.
    pub window_secs: u64,
    /// Items that may come at once, over all relays; `None` is as many as in a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
}

/// Settings that relays would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// A filter.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A sampling rule.
    #[error(transparent)]
    Sampling(#[from] RuleError),
    /// A limit is not one.
    #[error(
        "a quota has known categories, a window of 1 to {WINDOW_SECS_MAX} seconds and a burst of at least one item, if any; there are at most {QUOTAS_MAX}, and no two of the same categories over the same window"
    )]
    Quota,
    /// Too much of something.
    #[error("more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most.
        max: usize,
    },
}

impl Intake {
    /// Whether relays would take it.
    ///
    /// # Errors
    /// [`IntakeError`], the first that is found.
    pub fn check(&self) -> Result<(), IntakeError> {
        let filters = self.filters();
        let at_most = |what, n: usize, max: usize| {
            if n > max {
                return Err(IntakeError::TooMany { what, max });
            }
            Ok(())
        };
        at_most(
            "filters by condition",
            filters.generic.len(),
            ROSTER_CONDITIONS_MAX,
        )?;
        at_most(
            "sampling rules",
            self.sampling_rules.len(),
            ROSTER_CONDITIONS_MAX,
        )?;
        let conditions = filters.generic.iter().map(|filter| filter.condition.len());
        let rules = self.sampling_rules.iter().map(|rule| rule.condition.len());
        let longest = conditions.chain(rules).max().unwrap_or_default();
        at_most("bytes in a condition", longest, ROSTER_CONDITION_BYTES_MAX)?;
        for list in filters.lists() {
            at_most("entries in a list", list.len(), ROSTER_LIST_MAX)?;
        }
        Filters::compile(&filters)?;
        Rules::compile(&self.sampling_rules)?;
        check_quotas(&self.quotas)
    }

    /// The filters with those that come with the program, and with the groups of browsers that
    /// [`DEFAULT_BROWSERS`] stands for: relays of any version know those.
    pub(super) fn filters(&self) -> FilterSettings {
        let mut filters = self.filters.clone();
        let groups = &mut filters.legacy_browsers;
        if let Some(at) = groups.iter().position(|name| name == DEFAULT_BROWSERS) {
            groups.remove(at);
            let usual = USUAL_BROWSERS.map(|group| group.name().to_owned());
            let missing = usual.into_iter().filter(|name| !groups.contains(name));
            let missing: Vec<_> = missing.collect();
            groups.extend(missing);
        }
        let ready = READY_FILTERS.iter();
        let ready = ready.filter(|(id, _)| self.ready_filters.contains(*id));
        filters
            .generic
            .extend(ready.map(|(id, condition)| GenericFilter {
                id: (*id).to_owned(),
                condition: (*condition).to_owned(),
            }));
        filters
    }

    /// What of the limits each relay enforces.
    pub(super) fn quotas(
        &self,
        project: ProjectId,
        organization: u64,
        of_organization: &[QuotaSetting],
        measured: &Measured,
    ) -> Vec<Quota> {
        let own = self.quotas.iter().map(|quota| {
            let scope = (QuotaScope::Project, project.get());
            quota.shared(scope, reason::PROJECT_QUOTA, measured.n_relays)
        });
        let theirs = of_organization.iter().map(|quota| {
            let scope = (QuotaScope::Organization, organization);
            quota.shared(scope, reason::ORGANIZATION_QUOTA, measured.n_relays)
        });
        let spike = measured.spikes.get(&project.get());
        let spike = spike.filter(|_| self.spike_protection).map(|count| Quota {
            scope: QuotaScope::Project,
            scope_id: project.get(),
            categories: vec![Category::Error.name().to_owned()],
            limit: RateLimit::new(*count, HOUR_SECS),
            reason: reason::SPIKE.to_owned(),
        });
        own.chain(theirs).chain(spike).collect()
    }
}

/// Whether these are limits.
///
/// # Errors
/// [`IntakeError::Quota`].
pub fn check_quotas(quotas: &[QuotaSetting]) -> Result<(), IntakeError> {
    let is_known = |name: &String| {
        let category = Category::from_name(name);
        category.is_some_and(|category| category != Category::ClientReport)
    };
    let is_right = |quota: &QuotaSetting| {
        (1..=WINDOW_SECS_MAX).contains(&quota.window_secs)
            && quota.categories.iter().all(is_known)
            && quota.burst.is_none_or(|burst| burst > 0 && quota.count > 0)
    };
    // Relays would count what is of both twice.
    let mut seen = HashSet::new();
    let mut is_new = |quota: &QuotaSetting| {
        let categories: BTreeSet<_> = quota.categories.iter().cloned().collect();
        seen.insert((categories, quota.window_secs))
    };
    if quotas.len() > QUOTAS_MAX || !quotas.iter().all(|q| is_right(q) && is_new(q)) {
        return Err(IntakeError::Quota);
    }
    Ok(())
}

impl QuotaSetting {
    /// A relay's part of it.
    fn shared(&self, (scope, scope_id): (QuotaScope, u64), reason: &str, n_relays: u64) -> Quota {
        Quota {
            scope,
            scope_id,
            categories: self.categories.clone(),
            limit: RateLimit {
                burst: self.burst.map(|burst| burst.div_ceil(n_relays)),
                ..RateLimit::new(self.count.div_ceil(n_relays), self.window_secs)
            },
            reason: reason.to_owned(),
        }
    }
}

/// What limits are made from, besides settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// Relays that share quotas; at least one.
    pub n_relays: u64,
    /// Most errors of an hour by project, where it is known what is usual.
    pub spikes: BTreeMap<u64, u64>,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            n_relays: 1,
            spikes: BTreeMap::new(),
        }
    }
}

impl Measured {
    fn of(relays: &[Relay], hours: &[ErrorHours], now: Timestamp) -> Self {
        let away = i64::try_from(AWAY.as_millis()).unwrap_or(i64::MAX);
        let is_here = |relay: &&Relay| {
            let seen = relay.last_seen_at.unwrap_or(relay.joined_at);
            relay.state != RelayState::Revoked && now.millis_since(seen) < away
        };
        let n_relays = relays.iter().filter(is_here).count();
        let spikes = hours.iter().filter_map(|project| {
            let id = u64::try_from(project.project_id).ok()?;
            Some((id, spike_limit(project, now.hour())?))
        });
        Self {
            n_relays: u64::try_from(n_relays).unwrap_or(u64::MAX).max(1),
            spikes: spikes.collect(),
        }
    }
}

/// A multiple of the mean, as a power of two so that it changes seldom.
fn spike_limit(project: &ErrorHours, this_hour: i64) -> Option<u64> {
    let n_hours = this_hour - project.first_hour;
    if n_hours < BASELINE_HOURS_MIN {
        return None;
    }
    let errors = u64::try_from(project.errors).ok()?;
    let mean = errors.div_ceil(u64::try_from(n_hours).ok()?);
    let limit = mean.saturating_mul(SPIKE_FACTOR).max(SPIKE_MIN);
    limit.checked_next_power_of_two()
}

impl Fleet {
    /// Measures what limits are made from, and tells relays where it has changed.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn measure(&self, now: Timestamp) -> Result<(), FleetError> {
        let this_hour = now.hour();
        let store = &self.0.store;
        let hours = store
            .error_hours(this_hour - BASELINE_HOURS, this_hour)
            .await?;
        let measured = Measured::of(&self.relays().await?, &hours, now);
        if measured == self.measured().await? {
            return Ok(());
        }
        let mut write = store.begin().await?;
        write.put_setting(MEASURED, &json(&measured)?).await?;
        write.raise_roster_version().await?;
        write.commit().await?;
        self.refresh().await
    }

    /// What was measured last.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn measured(&self) -> Result<Measured, FleetError> {
        let stored = self.0.store.setting(MEASURED).await?;
        Ok(stored
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default())
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unreadable { what: "settings" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(errors: i64, n_hours: i64) -> ErrorHours {
        ErrorHours {
            project_id: 1,
            errors,
            first_hour: 1000 - n_hours,
        }
    }

    #[test]
    fn a_spike_is_a_multiple_of_what_is_usual_once_that_is_known() {
        assert_eq!(spike_limit(&hours(1_000_000, 23), 1000), None);
        assert_eq!(spike_limit(&hours(24, 24), 1000), Some(1024));
        assert_eq!(spike_limit(&hours(168 * 500, 168), 1000), Some(8192));
        assert_eq!(
            spike_limit(&hours(168 * 520, 168), 1000),
            Some(8192),
            "it changes seldom"
        );
        assert_eq!(spike_limit(&hours(-1, 168), 1000), None);
    }

    #[test]
    fn quotas_are_shared_out_so_that_the_sum_is_never_far_above() {
        let intake = Intake {
            quotas: vec![QuotaSetting {
                categories: vec!["error".to_owned()],
                count: 100,
                window_secs: 60,
                burst: Some(50),
            }],
            spike_protection: true,
            ..Intake::default()
        };
        let measured = Measured {
            n_relays: 3,
            spikes: BTreeMap::from([(1, 2048)]),
        };
        let project = ProjectId::new(1).unwrap();
        let quotas = intake.quotas(project, 9, &intake.quotas, &measured);
        let found: Vec<_> = quotas
            .iter()
            .map(|quota| {
                let RateLimit { count, burst, .. } = quota.limit;
                (quota.scope_id, count, burst, quota.reason.as_str())
            })
            .collect();
        assert_eq!(
            found,
            [
                (1, 34, Some(17), "project_quota"),
                (9, 34, Some(17), "organization_quota"),
                (1, 2048, None, "spike_protection")
            ]
        );
        let nobody = Measured::default();
        let quotas = intake.quotas(project, 9, &[], &nobody);
        assert_eq!(
            quotas.len(),
            1,
            "no limit where it is not known what is usual"
        );
        assert_eq!(
            (quotas[0].limit.count, quotas[0].limit.burst),
            (100, Some(50))
        );
    }

    #[test]
    fn relays_are_told_of_every_group_that_the_usual_browsers_are() {
        let mut intake = Intake::default();
        intake.filters.legacy_browsers = ["default", "ie11", "ie9"].map(str::to_owned).into();
        let told = intake.filters().legacy_browsers;
        let expected = [
            "ie11",
            "ie9",
            "ie_pre_9",
            "opera_pre_15",
            "opera_mini_pre_8",
            "android_pre_4",
            "safari_pre_6",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn settings_that_relays_would_refuse_are_refused_here() {
        let check = |change: fn(&mut Intake), is_right: bool| {
            let mut intake = Intake::default();
            change(&mut intake);
            assert_eq!(intake.check().is_ok(), is_right, "{intake:?}");
        };
        check(|_| {}, true);
        check(
            |i| i.filters.client_ips = vec!["10.0.0.0/8".to_owned()],
            true,
        );
        check(|i| i.filters.client_ips = vec!["10.0.0".to_owned()], false);
        check(
            |i| i.filters.releases = vec!["x".to_owned(); ROSTER_LIST_MAX + 1],
            false,
        );
        check(
            |i| i.ready_filters = READY_FILTERS.map(|(id, _)| id.to_owned()).into(),
            true,
        );
        let check_limits = |quotas: &[(&str, u64, Option<u64>)], is_right: bool| {
            let quotas = quotas.iter().map(|(category, count, burst)| QuotaSetting {
                categories: vec![(*category).to_owned()],
                count: *count,
                window_secs: 60,
                burst: *burst,
            });
            let quotas: Vec<_> = quotas.collect();
            assert_eq!(check_quotas(&quotas).is_ok(), is_right, "{quotas:?}");
        };
        check_limits(&[("x", 1, None)], false);
        check_limits(&[("error", 0, None), ("session", 1, Some(9))], true);
        check_limits(&[("error", 1, Some(0))], false);
        check_limits(&[("error", 0, Some(9))], false);
        check_limits(&[("error", 1, None), ("error", 2, Some(1))], false);
    }
}
