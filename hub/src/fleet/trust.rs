//! Who signs, whom relays trust, and the exchange of one authority for another.

use std::sync::{Arc, PoisonError};

use protocol::timestamp::Timestamp;
use rustls::pki_types::CertificateDer;
use serde_bytes::ByteBuf;

use super::authority::{Authority, KeyHash, ServerIdentity};
use super::{Fleet, FleetError};
use crate::store::StoreError;

/// When the authority was last exchanged, in unix milliseconds.
const ROTATED_AT: &str = "authority_rotated_at";

/// An authority as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityState {
    /// SHA-256 of its public key, as join tokens pin it.
    pub key_hash: [u8; 32],
    /// Whether it signs; one does.
    pub is_signing: bool,
    /// Whether relays that renew are told to trust it.
    pub is_trusted: bool,
    /// Relays, not revoked, whose certificate in use it signed.
    pub relays: usize,
}

impl Fleet {
    /// A certificate for this process's end of the link.
    ///
    /// # Errors
    /// [`FleetError::Authority`].
    pub fn server_identity(&self) -> Result<ServerIdentity, FleetError> {
        Ok(self.authority().server_identity(self.region())?)
    }

    /// The certificates that relays' certificates are verified against, the signing one first.
    #[must_use]
    pub fn authorities(&self) -> Vec<CertificateDer<'static>> {
        self.authority().all().cloned().collect()
    }

    /// The key of the authority that signs, as join tokens pin it. It changes when the authority
    /// is exchanged.
    #[must_use]
    pub fn pin(&self) -> [u8; 32] {
        self.authority().pin()
    }

    /// Puts another authority into the place of the one that signs. Relays learn of it as they
    /// renew; those that are away meanwhile still know the hub, by what the old one signed.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn rotate_authority(&self, now: Timestamp) -> Result<(), FleetError> {
        // Opened from the files: another process may have exchanged it already.
        let dir = &self.0.dir;
        let authority = Authority::open(dir)?.rotate(dir)?;
        let mut write = self.0.store.begin().await?;
        let at = now.as_millis().to_string();
        write.put_setting(ROTATED_AT, &at).await?;
        write.commit().await?;
        self.put_authority(authority);
        Ok(())
    }

    /// The authorities that are known, the signing one first.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn authority_states(
        &self,
        now: Timestamp,
    ) -> Result<Vec<AuthorityState>, FleetError> {
        let authority = self.authority();
        let trusted = self.to_trust(now).await?;
        let relays = self.0.store.relays().await?;
        let signed = |key: &KeyHash| {
            let is_of = |row: &&crate::store::relays::RelayRow| {
                row.state != "revoked" && row.authority.as_deref() == Some(key)
            };
            relays.iter().filter(is_of).count()
        };
        let states = authority.all().filter_map(|certificate| {
            let key_hash = super::certificate::key_hash(certificate)?;
            Some(AuthorityState {
                key_hash,
                is_signing: key_hash == authority.pin(),
                is_trusted: trusted
                    .iter()
                    .any(|one| one.as_slice() == certificate.as_ref()),
                relays: signed(&key_hash),
            })
        });
        Ok(states.collect())
    }

    /// What relays are told to trust: the authority, and during the overlap the one before.
    pub(super) async fn to_trust(&self, now: Timestamp) -> Result<Vec<ByteBuf>, FleetError> {
        let rotated_at = self.0.store.setting(ROTATED_AT).await?;
        let rotated_at = rotated_at.and_then(|at| at.parse().ok());
        let overlap = i64::try_from(self.0.config.authority_overlap.0.as_millis());
        let overlap = overlap.unwrap_or(i64::MAX);
        // An exchange whose time is not known may be a recent one.
        let is_overlap =
            rotated_at.is_none_or(|at| now.millis_since(Timestamp::from_millis(at)) < overlap);
        let n = if is_overlap { 2 } else { 1 };
        let authority = self.authority();
        let trusted = authority.all().take(n);
        Ok(trusted.map(|one| ByteBuf::from(one.as_ref())).collect())
    }

    pub(super) fn authority(&self) -> Arc<Authority> {
        let authority = self.0.authority.read();
        Arc::clone(&authority.unwrap_or_else(PoisonError::into_inner))
    }

    fn put_authority(&self, authority: Authority) {
        let place = self.0.authority.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Arc::new(authority);
    }

    /// Takes over an authority that another process, the command line, has put into its place.
    pub(super) async fn follow_authority(&self) -> Result<(), FleetError> {
        let (authority, dir) = (self.authority(), self.0.dir.clone());
        let changed = tokio::task::spawn_blocking(move || {
            let is_current = authority.is_current(&dir);
            (!is_current).then(|| Authority::open(&dir)).transpose()
        });
        let gone = |_| StoreError::Unreadable { what: "authority" };
        if let Some(authority) = changed.await.map_err(gone)?? {
            tracing::info!("another authority signs from now on");
            self.put_authority(authority);
        }
        Ok(())
    }
}
