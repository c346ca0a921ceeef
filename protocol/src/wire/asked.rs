//! What a hub asks of a relay besides records: how it is, and what became of an erasure.

use serde::{Deserialize, Serialize};

/// What became of an erasure of the roster at a relay, in all the life of its spool. It is said
/// again with every connection, and when more was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The erasure's number.
    #[serde(rename = "i")]
    pub id: u64,
    /// Records that were removed.
    #[serde(rename = "r", default)]
    pub records: u64,
    /// Their items.
    #[serde(rename = "n", default)]
    pub items: u64,
    /// Files that may still hold some, because they may be at the hub, cannot be read, or could not
    /// be changed; 0 is done. Until then the relay looks again.
    #[serde(rename = "l", default)]
    pub left: u64,
}

/// Asks for a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagGet {
    /// Any number; the answer names it.
    #[serde(rename = "n")]
    pub nonce: u64,
}

/// How a relay is, in all detail and without anything that users sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diag {
    /// The question's.
    #[serde(rename = "n")]
    pub nonce: u64,
    /// A JSON object; at most [`Diag::BYTES_MAX`].
    #[serde(rename = "b", with = "serde_bytes")]
    pub json: Vec<u8>,
}

impl Diag {
    /// Most bytes of a diagnosis.
    pub const BYTES_MAX: usize = 256 * 1024;
}
