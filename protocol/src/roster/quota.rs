//! How much a project or its organization may send.

use serde::{Deserialize, Serialize};

use super::RateLimit;

/// What a quota is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuotaScope {
    /// All projects of an organization.
    Organization,
    /// One project.
    Project,
}

impl QuotaScope {
    /// The word that clients are told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Project => "project",
        }
    }
}

/// At most so many items of some categories in a time, at this relay: the hub has shared out what
/// is allowed among the relays there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// What it is counted over.
    pub scope: QuotaScope,
    /// The number of the organization or project.
    pub scope_id: u64,
    /// The names of data categories that are counted together; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// How much.
    pub limit: RateLimit,
    /// The reason that clients are told and that is counted under.
    pub reason: String,
}
