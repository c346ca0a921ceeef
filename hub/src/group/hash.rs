//! Sixteen bytes that stand for a list of named texts.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The first half of a SHA-256; shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 16]);

impl Hash {
    /// Wraps the bytes.
    pub(super) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn into_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Takes names and texts; every one with its length before it.
#[derive(Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    /// Begins a part with so many values.
    pub(super) fn open(&mut self, id: &str, n_values: usize) {
        self.text(id);
        self.number(n_values);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }

    pub(super) fn finish(self) -> Hash {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(self.0.finalize()) {
            *to = from;
        }
        Hash(bytes)
    }
}
