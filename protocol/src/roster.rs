//! What the hub tells relays: which projects and keys exist, their limits and privacy settings.
//!
//! A roster is whole: it replaces the one before. Its version only rises.

use serde::{Deserialize, Serialize};

use crate::ids::{ProjectId, PublicKey};

/// Everything a relay needs to decide without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterBundle {
    /// Rises with every change at the hub.
    pub version: u64,
    /// Every project, active or not.
    pub projects: Vec<RosterProject>,
}

/// One project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterProject {
    /// The number in the DSN's path.
    pub id: ProjectId,
    /// The short name, for logs and metrics.
    pub slug: String,
    /// Its keys.
    pub keys: Vec<RosterKey>,
    /// Origins browsers may send from; empty means any.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
    /// What is removed from its events.
    #[serde(default)]
    pub privacy: PrivacySettings,
}

/// One project key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterKey {
    /// The public key in the DSN.
    pub public_key: PublicKey,
    /// A key that is off is answered 403.
    pub active: bool,
    /// How much it may send; `None` is without limit.
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
}

/// At most `count` items per `window_secs` and data category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Items.
    pub count: u64,
    /// Seconds.
    pub window_secs: u64,
}

/// The simple privacy settings of a project (spec of scrubbing, section 1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivacySettings {
    /// Removes IP addresses too.
    pub scrub_ip_addresses: bool,
    /// Removes e-mail addresses too.
    pub scrub_emails: bool,
    /// Further key names whose values are removed; matched anywhere in a key, any case.
    pub sensitive_fields: Vec<String>,
    /// Key names that are left alone.
    pub safe_fields: Vec<String>,
}
