//! Passwords: argon2id, off the async threads, a few at a time.
//!
//! Hashing takes 19 MiB and some 30 ms by intent. [`HASHES_AT_ONCE`] bounds the memory,
//! [`WAITING_MAX`] the queue; who comes later is told to come again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes computed at the same time.
const HASHES_AT_ONCE: usize = 2;
/// Logins that may wait for their turn.
const WAITING_MAX: usize = 64;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password, in bytes.
const PASSWORD_BYTES_MAX: usize = 256;

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Shorter than allowed.
    #[error("password has fewer than {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// Longer than allowed.
    #[error("password has more than {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// Too many are waiting.
    #[error("too many logins are waiting")]
    Busy,
    /// The hash function refused its input.
    #[error("password cannot be hashed")]
    Hash,
}

/// Hashes and checks passwords. Clones share the bounds.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    nobody: Arc<str>,
}

impl Hasher {
    /// Makes the hash that unknown accounts are checked against.
    pub(crate) fn new() -> Result<Self, PasswordError> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            waiting: Arc::new(AtomicUsize::new(0)),
            nobody: hash_now("no account has this password")?.into(),
        })
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordError::TooShort);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let password = password.to_owned();
        self.in_turn(move || hash_now(&password)).await?
    }

    /// Whether the password is the one that was hashed. Without a hash it takes as long and is
    /// never right, so that unknown accounts cannot be told from known ones.
    pub(crate) async fn verify(
        &self,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.nobody.as_ref().to_owned());
        let password = password.to_owned();
        let right = self.in_turn(move || verify_now(&password, &stored)).await?;
        Ok(known && right)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = Place::take(&self.waiting)?;
        let _turn = self
            .turns
            .acquire()
            .await
            .map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| PasswordError::Hash)
    }
}

/// A place in the queue, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(waiting: &Arc<AtomicUsize>) -> Result<Self, PasswordError> {
        let place = Self(Arc::clone(waiting));
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            return Err(PasswordError::Busy);
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Hash)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String, PasswordError> {
    let hash: PasswordHash = argon2()?
        .hash_password(password.as_bytes())
        .map_err(|_| PasswordError::Hash)?;
    Ok(hash.to_string())
}

fn verify_now(password: &str, stored: &str) -> bool {
    let (Ok(argon2), Ok(hash)) = (argon2(), PasswordHash::new(stored)) else {
        return false;
    };
    argon2.verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_is_right() {
        let hasher = Hasher::new().unwrap();
        let hash = hasher.hash("correct horse").await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(
            hasher
                .verify("correct horse", Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!hasher.verify("Correct horse", Some(hash)).await.unwrap());
        assert!(
            !hasher
                .verify("no account has this password", None)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn refuses_short_and_endless_passwords() {
        let hasher = Hasher::new().unwrap();
        assert!(matches!(
            hasher.hash("seven77").await,
            Err(PasswordError::TooShort)
        ));
        assert!(matches!(
            hasher.hash(&"x".repeat(257)).await,
            Err(PasswordError::TooLong)
        ));
    }
}
