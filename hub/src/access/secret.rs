//! Random secrets and the hashes they are stored as.
//!
//! A secret leaves the hub once, at its making; what is kept is its SHA-256, which suffices because
//! the secrets are 256 random bits, not words a person chose.

use sha2::{Digest, Sha256};

/// Bytes of randomness in a secret.
const SECRET_BYTES: usize = 32;

/// The source of randomness gave none.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness(#[from] getrandom::Error);

/// 64 hexadecimal digits of fresh randomness.
pub(crate) fn random_hex() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// A name that nobody guesses, as links carry it: 32 hexadecimal digits.
///
/// # Errors
/// [`NoRandomness`].
pub fn random_name() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// The form a secret is stored and looked up in.
pub(crate) fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Compares without telling by its duration where the first difference lies.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left
            .bytes()
            .zip(right.bytes())
            .fold(0, |differences, (a, b)| differences | (a ^ b))
            == 0
}
