//! The key that pseudonyms are made with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Shortest key, in bytes.
const KEY_BYTES_MIN: usize = 16;
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 64;

/// A key of 16 to 64 bytes, written as hexadecimal digits. It is never shown.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PseudonymKey(Vec<u8>);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pseudonym key is 32 to 128 hexadecimal digits: make one with `openssl rand -hex 32`")]
pub struct NoPseudonymKey;

impl PseudonymKey {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for PseudonymKey {
    type Error = NoPseudonymKey;
    fn try_from(text: String) -> Result<Self, NoPseudonymKey> {
        let bytes = hex::decode(text).map_err(|_| NoPseudonymKey)?;
        let fits = (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&bytes.len());
        fits.then_some(Self(bytes)).ok_or(NoPseudonymKey)
    }
}

impl From<PseudonymKey> for String {
    fn from(key: PseudonymKey) -> Self {
        hex::encode(key.0)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}
