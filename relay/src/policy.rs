//! What this host's owner demands, whatever the hub says: a file that only the owner may write.
//!
//! What always holds: settings of the hub are only ever made stricter here, never looser
//! ([`Policy::privacy`], [`Policy::rate_limit`], [`Policy::link`]); a policy that cannot be read,
//! says something that is not known, or could have been written by somebody else keeps the relay
//! from starting, because a floor that was meant is not one that may be missing.
//!
//! Who may own the file: root, or the user the relay runs as. The second is for relays that are
//! run without root; there the policy still binds the hub, but not whoever takes over the relay.
//!
//! Without a file at the default place there is no floor but the built-in one: scrubbing is always
//! on.

mod file;
mod withheld;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::ids::Lane;
use protocol::item::Category;
use protocol::privacy::{self, CustomRules};
use protocol::roster::{LinkSettings, PrivacySettings, PseudonymKey, QuietHours, RateLimit};
use protocol::unit::{Bandwidth, Span};
use serde::{Deserialize, Serialize};

pub use file::PolicyError;
pub use withheld::{Withheld, WithheldError};

/// Where the policy is looked for when nothing else is said.
pub const DEFAULT_FILE: &str = "/etc/vedette/policy.toml";

/// In [`Policy::protected_fields`]: every key name.
const ANY_FIELD: &str = "*";

/// Where the policy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The file; only the default one may be missing.
    pub file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: PathBuf::from(DEFAULT_FILE),
        }
    }
}

/// The floor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The built-in rules are on. They cannot be switched off; the key is there to say so.
    pub scrub_defaults: bool,
    /// Removes IP addresses from every project.
    pub scrub_ip_addresses: bool,
    /// Removes e-mail addresses from every project.
    pub scrub_emails: bool,
    /// Key names whose values are always removed; matched anywhere in a key or a value, any case.
    pub sensitive_fields: Vec<String>,
    /// Key names that the hub cannot exempt from the rules; `*` is every name.
    pub protected_fields: Vec<String>,
    /// A document of privacy rules, as JSON, that runs before those of the hub; empty is none.
    pub privacy_rules: String,
    /// What pseudonyms are made with, in hexadecimal digits. Hosts with the same key make the same
    /// pseudonyms; without one, `[Filtered]` takes their place.
    pub pseudonym_key: Option<PseudonymKey>,
    /// Categories and lanes of which nothing leaves this host.
    pub never_send: Vec<Withheld>,
    /// Most bytes a second to the hub.
    pub bandwidth_max: Option<Bandwidth>,
    /// When only what is urgent travels.
    pub quiet_hours: Vec<QuietHours>,
    /// Most items of each key and category.
    pub rate_limit_max: Option<RateMax>,
}

/// At most `count` items in each `window`; with a burst so many at once, made up at that rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateMax {
    /// Items.
    pub count: u64,
    /// The time; whole seconds.
    pub window: Span,
    /// Items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
}

impl RateMax {
    fn limit(self) -> RateLimit {
        RateLimit {
            burst: self.burst,
            ..RateLimit::new(self.count, self.window.0.as_secs().max(1))
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            scrub_defaults: true,
            scrub_ip_addresses: false,
            scrub_emails: false,
            sensitive_fields: Vec::new(),
            protected_fields: Vec::new(),
            privacy_rules: String::new(),
            pseudonym_key: None,
            never_send: Vec::new(),
            bandwidth_max: None,
            quiet_hours: Vec::new(),
            rate_limit_max: None,
        }
    }
}

impl Policy {
    /// The privacy settings in force: the stricter of the hub's and these.
    #[must_use]
    pub fn privacy(&self, hub: &PrivacySettings) -> PrivacySettings {
        let floor = PrivacySettings {
            scrub_ip_addresses: self.scrub_ip_addresses,
            scrub_emails: self.scrub_emails,
            sensitive_fields: self.sensitive_fields.clone(),
            // What this host does not protect, the hub may exempt.
            safe_fields: hub.safe_fields.clone(),
            rules: self.own_rules().map(Arc::from).collect(),
            pseudonym_key: self.pseudonym_key.clone(),
        };
        // This host's rules come first, so that what they leave is what the hub's rules see.
        let rules = floor.stricter(hub).rules;
        let mut settings = hub.stricter(&floor);
        settings.rules = rules;
        settings.pseudonym_key = floor.pseudonym_key;
        settings.safe_fields.retain(|field| !self.protects(field));
        settings
    }

    fn own_rules(&self) -> impl Iterator<Item = &str> {
        let rules = Some(self.privacy_rules.as_str());
        rules.into_iter().filter(|rules| !rules.trim().is_empty())
    }

    /// Whether the privacy rules are right.
    fn check_rules(&self) -> Result<(), privacy::RuleError> {
        let rules: Vec<&str> = self.own_rules().collect();
        CustomRules::compile(&rules, None).map(drop)
    }

    /// Whether the hub may not exempt a field: it is protected by its name, or always removed. What a
    /// selector reaches nobody can tell beforehand.
    fn protects(&self, field: &str) -> bool {
        let has_names = !(self.protected_fields.is_empty() && self.sensitive_fields.is_empty());
        if has_names && privacy::is_selector(field) {
            return true;
        }
        let field = field.trim().to_lowercase();
        let normal = |name: &String| name.trim().to_lowercase();
        let is_protected = |name: String| name == ANY_FIELD || name == field;
        let is_removed = |name: String| !name.is_empty() && field.contains(&name);
        self.protected_fields.iter().map(normal).any(is_protected)
            || self.sensitive_fields.iter().map(normal).any(is_removed)
    }

    /// The limit of a key in force: no more than the hub's, no more than this one.
    #[must_use]
    pub fn rate_limit(&self, hub: Option<RateLimit>) -> Option<RateLimit> {
        let most = self.rate_limit_max.map(RateMax::limit);
        match (hub, most) {
            (Some(hub), Some(most)) => Some(hub.stricter(most)),
            (hub, most) => hub.or(most),
        }
    }

    /// How much of the link may be taken: no more than the hub's settings say, no more than these.
    #[must_use]
    pub fn link(&self, hub: &LinkSettings) -> LinkSettings {
        hub.stricter(&LinkSettings {
            bandwidth_max: self.bandwidth_max.map(|most| most.0),
            quiet_hours: self.quiet_hours.clone(),
        })
    }

    /// Whether items of this kind stay on this host.
    #[must_use]
    pub fn withholds(&self, lane: Lane, category: Category) -> bool {
        self.never_send
            .iter()
            .any(|what| what.covers(lane, category))
    }

    /// The first key with a value that cannot be, and what it must be.
    fn find_problem(&self) -> Option<(&'static str, &'static str)> {
        if !self.scrub_defaults {
            return Some((
                "scrub_defaults",
                "must be true: scrubbing cannot be switched off",
            ));
        }
        let window = self.rate_limit_max.map(|most| most.window.0);
        if window.is_some_and(|window| window < Duration::from_secs(1) || window.subsec_nanos() > 0)
        {
            return Some((
                "rate_limit_max.window",
                "must be whole seconds, at least \"1s\"",
            ));
        }
        if self
            .rate_limit_max
            .is_some_and(|most| most.burst == Some(0))
        {
            return Some((
                "rate_limit_max.burst",
                "must be at least 1, or left out: with none at once nothing is taken",
            ));
        }
        let names = self.sensitive_fields.iter().chain(&self.protected_fields);
        let is_blank = |name: &String| name.trim().is_empty();
        if names.into_iter().any(is_blank) {
            return Some((
                "sensitive_fields",
                "must not hold an empty name, nor must `protected_fields`",
            ));
        }
        None
    }
}
