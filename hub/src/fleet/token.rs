//! Join tokens: `vdj1.<id>.<secret>.<pin>`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::authority::KeyHash;

/// Bytes of a token's id.
const ID_BYTES: usize = 8;
/// Bytes of a token's secret: 160 bits.
const SECRET_BYTES: usize = 20;

/// A join token as it is shown once. Its text is the whole of it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Its public half.
    pub id: String,
    secret: String,
    pin: KeyHash,
}

impl JoinToken {
    /// Makes one of fresh randomness.
    pub(super) fn make(pin: KeyHash) -> Result<Self, getrandom::Error> {
        let mut id = [0; ID_BYTES];
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self {
            id: hex::encode(id),
            secret: URL_SAFE_NO_PAD.encode(secret),
            pin,
        })
    }

    /// What is kept of the secret.
    pub(super) fn secret_hash(&self) -> Vec<u8> {
        hash_secret(&self.secret)
    }
}

/// What is kept of a secret.
pub(super) fn hash_secret(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = URL_SAFE_NO_PAD.encode(self.pin);
        write!(f, "vdj1.{}.{}.{pin}", self.id, self.secret)
    }
}

// The secret stays out of logs.
impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinToken")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
