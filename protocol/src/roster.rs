//! What the hub tells relays: which projects and keys exist, their limits, privacy, sampling, and
//! how much of the link a relay may take.
//!
//! A roster is whole: it replaces the one before. Its version only rises. It travels as signed
//! bytes ([`crate::wire::Config`]), which are kept as they came.
//!
//! What a relay does with what it does not understand: a field whose being skipped lets *less*
//! leave the host than the hub meant is skipped; one whose being skipped would let *more* leave is
//! not. So unknown fields of [`PrivacySettings`] refuse the roster, a project without privacy
//! settings has the strictest ones, and whatever else must not be skipped is named in
//! [`RosterBundle::requires`]: a relay that does not know a name there refuses the roster whole and
//! keeps the one before. Settings that are not used are not written, so that a later hub stays
//! readable for earlier relays for as long as nothing later is asked of them.

mod bounds;
mod erasure;
mod filters;
mod link;
mod pseudonym;
mod quota;
mod strict;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dict::{DictId, DictKind};
use crate::ids::{ProjectId, PublicKey, RelayId};
use crate::timestamp::Timestamp;

pub use bounds::Excess;
pub use erasure::{Erasure, Subject, SubjectKind};
pub use filters::{FilterSettings, GenericFilter, SamplingRule};
pub use link::{LinkSettings, NoHours, QuietHours};
pub use pseudonym::PseudonymKey;
pub use quota::{Quota, QuotaScope};

/// What stands in front of a roster's bytes when they are signed, so that the signature is good
/// for nothing else.
pub const SIGNING_CONTEXT: &[u8] = b"vedette roster 1\n";

/// The public half of a key that rosters are signed with (Ed25519).
pub type ConfigKey = [u8; 32];

/// Everything a relay needs to decide without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterBundle {
    /// Rises with every change at the hub.
    pub version: u64,
    /// The version it was made from; 0 is none.
    #[serde(default)]
    pub parent: u64,
    /// When it was made, by the hub's clock. It is not good before.
    #[serde(default)]
    pub issued_at: Timestamp,
    /// When it ends, by the hub's clock. What it says of projects, limits and privacy is then
    /// still in force; sampling and the hub's limits of the link are not. `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The oldest version of the program that may use it; empty is any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub min_version: String,
    /// What a relay must understand to use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// The key that rosters are signed with from this one on.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    pub config_key: Option<ConfigKey>,
    /// Every project, active or not.
    pub projects: Vec<RosterProject>,
    /// On the way only: documents of privacy rules that several projects begin with
    /// ([`crate::wire::encode_roster`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<Arc<str>>,
    /// Says of an empty list of projects that it is meant: the last one was deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_emptied: bool,
    /// How much of the link relays may take that are not named in `links`.
    #[serde(default, skip_serializing_if = "LinkSettings::is_default")]
    pub link: LinkSettings,
    /// The same for single relays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<RelayLink>,
    /// Relays that take nothing new and deliver what they keep, since they are to go. A relay that
    /// skips it goes on accepting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drained: Vec<RelayId>,
    /// What new blocks are compressed with, by the lanes' kind; lanes whose kind is not named use
    /// the dictionary built in. A relay that skips this only sends more bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dicts: Vec<RosterDict>,
    /// What relays are to remove from what they still keep. A relay that skips it delivers what
    /// another would have removed; refusing the roster would do that too, and more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erasures: Vec<Erasure>,
    /// Whether the hub reads records that tell of several events ([`crate::block::Folded`]). It is
    /// not told by hubs that do not.
    #[serde(default, skip_serializing_if = "is_false")]
    pub folds: bool,
}

/// A dictionary that relays are to use. Its bytes are asked for by its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterDict {
    /// The name of its kind ([`DictKind::name`]); those of later versions are passed over.
    pub kind: String,
    /// Its number.
    pub id: DictId,
    /// How many bytes it has.
    pub len: u32,
    /// SHA-256 of its bytes.
    #[serde(with = "serde_bytes")]
    pub sha256: [u8; 32],
}

impl RosterDict {
    /// What it is for; `None` is for a later version.
    #[must_use]
    pub fn kind(&self) -> Option<DictKind> {
        DictKind::from_name(&self.kind)
    }
}

/// How much of the link one relay may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayLink {
    /// Which.
    pub relay: RelayId,
    /// How much.
    pub link: LinkSettings,
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
    #[serde(default = "PrivacySettings::strictest", with = "Privacy")]
    pub privacy: PrivacySettings,
    /// The share that is kept, by the name of the data category; categories not named are kept
    /// whole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sampling: BTreeMap<String, SampleRate>,
    /// Rules that go before them: the first that holds decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sampling_rules: Vec<SamplingRule>,
    /// What is not wanted.
    #[serde(default, skip_serializing_if = "FilterSettings::is_default")]
    pub filters: FilterSettings,
    /// How much the project and its organization may send, besides the limits of keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<Quota>,
    /// On the way only: which of the roster's documents its privacy rules begin with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<u32>,
}

impl RosterProject {
    /// A project without keys, of which nothing is set.
    #[must_use]
    pub fn new(id: ProjectId, slug: &str) -> Self {
        Self {
            id,
            slug: slug.to_owned(),
            keys: Vec::new(),
            allowed_domains: Vec::new(),
            privacy: PrivacySettings::default(),
            sampling: BTreeMap::new(),
            sampling_rules: Vec::new(),
            filters: FilterSettings::default(),
            quotas: Vec::new(),
            documents: Vec::new(),
        }
    }
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
///
/// Without a burst that holds in every stretch of time as long as the window. With one, `burst`
/// items may come at once, and what was taken is made up at the rate of `count` per window: in
/// every such stretch at most `count + burst` are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Items.
    pub count: u64,
    /// Seconds.
    pub window_secs: u64,
    /// Items. A relay that skips it allows no more than `count` in a window, which is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
}

impl RateLimit {
    /// A limit without a burst.
    #[must_use]
    pub const fn new(count: u64, window_secs: u64) -> Self {
        Self {
            count,
            window_secs,
            burst: None,
        }
    }
}

/// The privacy settings of a project: switches and names, and rules in the language of [`crate::privacy`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivacySettings {
    /// Removes IP addresses too.
    pub scrub_ip_addresses: bool,
    /// Removes e-mail addresses too.
    pub scrub_emails: bool,
    /// Further key names whose values are removed; matched anywhere in a key or a value, any case.
    pub sensitive_fields: Vec<String>,
    /// Key names, or selectors that name a key, that are left alone.
    pub safe_fields: Vec<String>,
    /// Documents of rules in the language of [`crate::privacy`], as JSON. They only remove more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Arc<str>>,
    /// What pseudonyms are made with. It is the host's own and never travels.
    #[serde(skip)]
    pub pseudonym_key: Option<PseudonymKey>,
}

impl PrivacySettings {
    /// What is removed where nobody has said anything: everything that the built-in rules know.
    #[must_use]
    pub fn strictest() -> Self {
        Self {
            scrub_ip_addresses: true,
            scrub_emails: true,
            ..Self::default()
        }
    }
}

/// [`PrivacySettings`] as they travel: what is not used is not written, what is not known refuses.
#[derive(Serialize, Deserialize)]
#[serde(remote = "PrivacySettings", deny_unknown_fields)]
struct Privacy {
    #[serde(default, skip_serializing_if = "is_false")]
    scrub_ip_addresses: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    scrub_emails: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sensitive_fields: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    safe_fields: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Arc<str>>,
    #[serde(skip)]
    pseudonym_key: Option<PseudonymKey>,
}

/// A share in millionths. Invariant: at most one million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SampleRate(u32);

/// A share that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sample rate is between 0 and 1")]
pub struct SampleRateError;

impl SampleRate {
    /// Everything.
    pub const ALL: Self = Self(1_000_000);

    /// From a share between 0 and 1.
    ///
    /// # Errors
    /// [`SampleRateError`].
    pub fn from_share(share: f64) -> Result<Self, SampleRateError> {
        if !(0.0..=1.0).contains(&share) {
            return Err(SampleRateError);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let millionths = (share * 1_000_000.0).round() as u32;
        Ok(Self(millionths))
    }

    /// The share between 0 and 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1_000_000.0
    }

    /// Whether what has this number is kept. The numbers are spread evenly, and the same number is
    /// decided alike everywhere.
    #[must_use]
    pub const fn keeps(self, number: u64) -> bool {
        number % 1_000_000 < self.0 as u64
    }
}

impl TryFrom<u32> for SampleRate {
    type Error = SampleRateError;
    fn try_from(millionths: u32) -> Result<Self, SampleRateError> {
        if millionths > Self::ALL.0 {
            Err(SampleRateError)
        } else {
            Ok(Self(millionths))
        }
    }
}

impl From<SampleRate> for u32 {
    fn from(rate: SampleRate) -> Self {
        rate.0
    }
}

impl RosterBundle {
    /// How much of the link a relay may take.
    #[must_use]
    pub fn link_of(&self, relay: RelayId) -> &LinkSettings {
        let named = self.links.iter().find(|link| link.relay == relay);
        named.map_or(&self.link, |named| &named.link)
    }

    /// Whether the optional parts have ended by now.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests;
