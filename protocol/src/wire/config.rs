//! The roster on its way down, and what became of it on its way up.

use serde::{Deserialize, Serialize};

use crate::roster::ConfigKey;

/// A roster as it was signed. Whoever keeps it keeps these bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// A [`crate::roster::RosterBundle`] as a MessagePack map.
    #[serde(rename = "b", with = "serde_bytes")]
    pub bytes: Vec<u8>,
    /// Its signatures, one for each key that a relay may still hold as the right one.
    #[serde(rename = "s")]
    pub signatures: Vec<ConfigSignature>,
}

/// One signature over [`crate::roster::SIGNING_CONTEXT`] and the bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigSignature {
    /// The key that made it.
    #[serde(rename = "k", with = "serde_bytes")]
    pub key: ConfigKey,
    /// Ed25519.
    #[serde(rename = "s", with = "serde_bytes")]
    pub signature: [u8; 64],
}

impl std::fmt::Debug for ConfigSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigSignature").finish_non_exhaustive()
    }
}

/// What became of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// The version it is about; 0 for one that could not even be read.
    #[serde(rename = "cv")]
    pub version: u64,
    /// What became of it.
    #[serde(rename = "o")]
    pub outcome: ConfigOutcome,
    /// Why, for people; empty when it is in force.
    #[serde(rename = "m", default)]
    pub reason: String,
}

/// What became of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigOutcome {
    /// It is in force.
    Applied,
    /// It was refused; the one before is in force.
    Rejected,
    /// It was in force, the relay did not hold, and the one before is in force again.
    Reverted,
    /// An outcome of a later version.
    #[serde(other)]
    Other,
}

impl ConfigOutcome {
    /// The name in logs and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Reverted => "reverted",
            Self::Other => "other",
        }
    }
}
