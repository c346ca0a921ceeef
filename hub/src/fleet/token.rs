//! Join tokens: `vdj1.<id>.<secret>.<pin>`.
//!
//! A token lets in as many relays as it may, until it ends, from where it may, and labels them. Of
//! its secret a hash is kept. One that is guessed at too often ends.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::pattern::Network;
use protocol::timestamp::Timestamp;
use sha2::{Digest as _, Sha256};

use super::authority::KeyHash;
use super::{Fleet, FleetError, Labels, labels_json};
use crate::store::relays::JoinTokenRow;

/// Bytes of a token's id.
const ID_BYTES: usize = 8;
/// Bytes of a token's secret: 160 bits.
const SECRET_BYTES: usize = 20;
/// Most relays that may join with one token.
pub const TOKEN_USES_MAX: u32 = 10_000;
/// A token that was guessed at this often ends.
pub(super) const TOKEN_FAILURES_MAX: u32 = 32;

/// What a join token shall allow.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// How many relays may join; at most [`TOKEN_USES_MAX`].
    pub uses: u32,
    /// For how long; `None` is the configured time.
    pub lifetime: Option<Duration>,
    /// What its relays are labelled with.
    pub labels: Labels,
    /// Where its relays come from; `None` is anywhere.
    pub from: Option<Network>,
}

impl Default for TokenRequest {
    fn default() -> Self {
        Self {
            uses: 1,
            lifetime: None,
            labels: Labels::new(),
            from: None,
        }
    }
}

/// A join token that is not used up, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenToken {
    /// Its public half.
    pub id: String,
    /// What its relays are labelled with.
    pub labels: Labels,
    /// How many relays may still join.
    pub uses_left: u32,
    /// Where they come from; `None` is anywhere.
    pub from: Option<Network>,
    /// How often a wrong secret was shown for it.
    pub failures: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A join token as it is shown once. Its text is the whole of it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Its public half.
    pub id: String,
    /// When it ends.
    pub expires_at: Timestamp,
    secret: String,
    pin: KeyHash,
}

/// Whether a token lets a relay in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does.
    Good,
    /// The secret is not the token's.
    WrongSecret,
    /// Used up, or ended.
    Spent,
    /// The relay comes from elsewhere.
    WrongAddress(Network),
}

/// Decides about a token that exists.
pub(super) fn judge(
    row: &JoinTokenRow,
    secret_hash: &[u8],
    from: IpAddr,
    now: Timestamp,
) -> Verdict {
    if row.secret_hash != secret_hash {
        return Verdict::WrongSecret;
    }
    if row.uses_left <= 0 || row.expires_at <= now.as_millis() {
        return Verdict::Spent;
    }
    match row.address_range.as_deref().map(str::parse::<Network>) {
        None => Verdict::Good,
        Some(Ok(range)) if range.holds(from) => Verdict::Good,
        Some(Ok(range)) => Verdict::WrongAddress(range),
        // A bound that cannot be read must not let everybody in.
        Some(Err(_)) => Verdict::Spent,
    }
}

impl Fleet {
    /// Makes a join token. Its text can be had from the result only.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn make_join_token(
        &self,
        request: &TokenRequest,
        now: Timestamp,
    ) -> Result<JoinToken, FleetError> {
        let lifetime = request
            .lifetime
            .unwrap_or(self.0.config.join_token_lifetime.0);
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let expires_at = now.plus_millis(lifetime);
        let token = JoinToken::make(self.pin(), expires_at)?;
        let mut write = self.0.store.begin().await?;
        write.remove_ended_join_tokens(now.as_millis()).await?;
        write
            .add_join_token(&JoinTokenRow {
                id: token.id.clone(),
                secret_hash: token.secret_hash(),
                labels: labels_json(&request.labels),
                uses_left: i64::from(request.uses.min(TOKEN_USES_MAX)),
                created_at: now.as_millis(),
                expires_at: expires_at.as_millis(),
                address_range: request.from.map(|range| range.to_string()),
                failures: 0,
            })
            .await?;
        write.commit().await?;
        Ok(token)
    }

    /// The join tokens that are not used up.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn join_tokens(&self) -> Result<Vec<OpenToken>, FleetError> {
        let rows = self.0.store.join_tokens().await?;
        let tokens = rows.into_iter().map(|row| OpenToken {
            id: row.id,
            labels: serde_json::from_str(&row.labels).unwrap_or_default(),
            uses_left: u32::try_from(row.uses_left).unwrap_or_default(),
            from: row.address_range.and_then(|range| range.parse().ok()),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
        });
        Ok(tokens.collect())
    }

    /// Ends a join token; `false` when there is none.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn remove_join_token(&self, id: &str) -> Result<bool, FleetError> {
        let mut write = self.0.store.begin().await?;
        let is_there = write.remove_join_token(id).await?;
        // What is not there is not removed, and leaves no trace of it.
        if is_there {
            write.commit().await?;
        }
        Ok(is_there)
    }
}

impl JoinToken {
    /// Makes one of fresh randomness.
    fn make(pin: KeyHash, expires_at: Timestamp) -> Result<Self, getrandom::Error> {
        let mut id = [0; ID_BYTES];
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self {
            id: hex::encode(id),
            expires_at,
            secret: URL_SAFE_NO_PAD.encode(secret),
            pin,
        })
    }

    /// What is kept of the secret.
    fn secret_hash(&self) -> Vec<u8> {
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
