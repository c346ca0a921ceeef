//! What a project does not want to keep.
//!
//! Filters and sampling save room; they protect nothing. So what a later version adds to them is
//! passed over by those that do not know it.

use serde::{Deserialize, Serialize};

use super::{SampleRate, is_false};
use crate::timestamp::Timestamp;

/// Inbound filters, off where nothing is said. See the room of filters for what each does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that people set by itself"
)]
pub struct FilterSettings {
    /// Conditions, each with the reason it gives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generic: Vec<GenericFilter>,
    /// Security reports about what extensions and advertisers insert.
    #[serde(skip_serializing_if = "is_false")]
    pub csp_defaults: bool,
    /// Security reports about these sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub csp_sources: Vec<String>,
    /// Addresses and networks of clients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_ips: Vec<String>,
    /// Globs of releases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
    /// Globs of messages and of `type: value` of exceptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_messages: Vec<String>,
    /// Globs of the messages of logs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_messages: Vec<String>,
    /// Globs of the names of metrics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trace_metric_names: Vec<String>,
    /// What happens on developers' machines.
    #[serde(skip_serializing_if = "is_false")]
    pub localhost: bool,
    /// Errors of browsers' extensions.
    #[serde(skip_serializing_if = "is_false")]
    pub browser_extensions: bool,
    /// Names of groups of old browsers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub legacy_browsers: Vec<String>,
    /// Crawlers.
    #[serde(skip_serializing_if = "is_false")]
    pub web_crawlers: bool,
    /// Transactions of health checks.
    #[serde(skip_serializing_if = "is_false")]
    pub health_checks: bool,
}

/// A filter by condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GenericFilter {
    /// The reason it gives.
    pub id: String,
    /// The condition, JSON. See [`crate::condition`].
    pub condition: String,
}

impl FilterSettings {
    /// The lists that people write, of which each has a bound.
    #[must_use]
    pub const fn lists(&self) -> [&Vec<String>; 6] {
        [
            &self.csp_sources,
            &self.client_ips,
            &self.releases,
            &self.error_messages,
            &self.log_messages,
            &self.trace_metric_names,
        ]
    }

    /// Whether everything is kept.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What share is kept of the items of a category for which a condition holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SamplingRule {
    /// Its number, as in the reason of what it drops.
    pub id: u32,
    /// The name of the data category.
    pub category: String,
    /// The condition, JSON. See [`crate::condition`].
    pub condition: String,
    /// The share.
    pub rate: SampleRate,
    /// From when on, by the time of receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
