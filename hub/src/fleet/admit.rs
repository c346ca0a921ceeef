//! Who is let in: certificates against the registry, and what a relay that presents itself is
//! noted with.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use protocol::wire::{Cert, Cursor, Hello, Region};

use super::certificate::{self, InTime, Shown, Validity};
use super::lineage::{self, Lineage};
use super::{Fleet, FleetError, RelayState};
use crate::store::relays::{CertificateRow, GrantRow, RelayRow, WelcomeRow};

/// A relay whose certificate lets it in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Which.
    pub relay: RelayId,
    /// Its certificate.
    certificate: CertificateRow,
}

/// Whether a relay with a certificate may connect or get another one.
fn check(
    row: Option<RelayRow>,
    relay: RelayId,
    shown: &CertificateRow,
) -> Result<RelayRow, FleetError> {
    let row = row.ok_or(FleetError::UnknownRelay(relay))?;
    if row.state == RelayState::Revoked.name() {
        return Err(FleetError::Revoked(relay));
    }
    if is_noted(&row, shown) || is_of_lost_time(&row, shown) {
        Ok(row)
    } else {
        // The authority signed it for this relay, which has used another key since.
        Err(FleetError::Cloned(relay))
    }
}

/// Whether it is the certificate in use or the one granted after it.
fn is_noted(row: &RelayRow, shown: &CertificateRow) -> bool {
    let key = &shown.key_hash;
    row.certificate == *key || row.next_certificate.as_ref() == Some(key)
}

/// Whether the authority signed it after all that are noted: then this hub was set back to a
/// backup, and gave it in the time that it lost. A copy of a relay's state has an earlier one.
fn is_of_lost_time(row: &RelayRow, shown: &CertificateRow) -> bool {
    let is_behind = |noted: i64, shown: i64| shown > noted;
    row.certificate_issued_at
        .is_some_and(|noted| is_behind(noted, shown.issued_at))
        && row
            .next_certificate_ends_at
            .is_none_or(|noted| is_behind(noted, shown.ends_at))
}

impl Fleet {
    /// Which relay a certificate, verified but for its dates, lets in at `now`.
    ///
    /// # Errors
    /// [`FleetError::UnknownRelay`], [`FleetError::Revoked`], [`FleetError::Expired`],
    /// [`FleetError::Cloned`] for a key that was replaced by another,
    /// [`FleetError::Authority`] for a certificate that is no relay's.
    pub async fn admit(&self, shown: &[u8], now: Timestamp) -> Result<Admitted, FleetError> {
        let shown = certificate::read(shown)?;
        let row = self.0.store.relay(shown.relay).await?;
        let noted = self.noted(&shown);
        check(row, shown.relay, &noted)?;
        match shown.validity.judge(now) {
            InTime::Yes => Ok(Admitted {
                relay: shown.relay,
                certificate: noted,
            }),
            InTime::NotYet | InTime::NoMore => Err(FleetError::Expired(shown.relay)),
        }
    }

    /// Which relay a certificate, verified but for its dates, is of, however old it is: for what a
    /// relay delivers by other ways than the link.
    ///
    /// # Errors
    /// As [`Fleet::admit`], without [`FleetError::Expired`]; [`FleetError::Cloned`] also while the
    /// identity is marked as held twice.
    pub async fn recognise(&self, shown: &[u8]) -> Result<RelayId, FleetError> {
        let shown = certificate::read(shown)?;
        let row = self.0.store.relay(shown.relay).await?;
        let row = check(row, shown.relay, &self.noted(&shown))?;
        // It does not say which of two holders it comes from.
        match row.cloned_at {
            None => Ok(shown.relay),
            Some(_) => Err(FleetError::Cloned(shown.relay)),
        }
    }

    /// How a relay that presents itself stands to the one that was welcomed last.
    ///
    /// # Errors
    /// [`FleetError::UnknownRelay`], [`FleetError::Store`].
    pub async fn lineage(&self, hello: &Hello, cursors: &[Cursor]) -> Result<Lineage, FleetError> {
        let row = self.0.store.relay(hello.relay).await?;
        let row = row.ok_or(FleetError::UnknownRelay(hello.relay))?;
        let last = row.instance.map(i64::cast_unsigned);
        Ok(lineage::judge(last, hello, cursors))
    }

    /// Notes that a relay is welcomed: from now on only this start of it, and those that descend
    /// from it, are. The certificate it showed is the one in use.
    ///
    /// # Errors
    /// [`FleetError::Cloned`] when another start was welcomed meanwhile, [`FleetError::Store`].
    pub async fn welcome(
        &self,
        admitted: &Admitted,
        hello: &Hello,
        cursors: &[Cursor],
    ) -> Result<(), FleetError> {
        let relay = admitted.relay;
        let instance = hello.instance.cast_signed();
        let certificate = &admitted.certificate;
        let is_welcomed = |row: &RelayRow| {
            row.instance == Some(instance)
                && row.certificate == certificate.key_hash
                && row.authority == certificate.authority
                && row.certificate_serial.as_ref() == Some(&certificate.serial)
        };
        let row = self.0.store.relay(relay).await?;
        if row.is_some_and(|row| is_welcomed(&row)) {
            return Ok(());
        }
        // Asked again with the lock held: two starts may present themselves at once.
        let mut write = self.0.store.begin().await?;
        let row = check(write.relay(relay).await?, relay, certificate)?;
        let last = row.instance.map(i64::cast_unsigned);
        if lineage::judge(last, hello, cursors) == Lineage::Copy {
            return Err(FleetError::Cloned(relay));
        }
        if !is_noted(&row, certificate) {
            write
                .put_relay_grant(&GrantRow {
                    relay,
                    key_hash: certificate.key_hash.clone(),
                    ends_at: certificate.ends_at,
                    recoveries: row.recoveries,
                })
                .await?;
        }
        write
            .put_relay_welcome(&WelcomeRow {
                relay,
                instance,
                generation: hello.generation.cast_signed(),
                certificate: certificate.clone(),
            })
            .await?;
        Ok(write.commit().await?)
    }

    /// Notes that an identity has a second holder; `served` is the one that goes on, when it is
    /// connected. The first time it is said in the log.
    ///
    /// # Errors
    /// [`FleetError::Store`].
    pub async fn note_clone(
        &self,
        relay: RelayId,
        served: Option<SocketAddr>,
        fenced: SocketAddr,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        let row = self.0.store.relay(relay).await?;
        let row = row.ok_or(FleetError::UnknownRelay(relay))?;
        let served = served.map(|address| address.to_string()).or(row.address);
        let addresses: Vec<String> = served.into_iter().chain([fenced.to_string()]).collect();
        if row.cloned_at.is_none() {
            let served = addresses.first();
            tracing::warn!(relay.id = %relay, ?served, %fenced, "a second relay has this identity and is kept out: give it one of its own with `vedette-relay join HUB TOKEN --force`");
        }
        let addresses = serde_json::to_string(&addresses).unwrap_or_default();
        let mut write = self.0.store.begin().await?;
        write
            .put_relay_clone(relay, Some(now.as_millis()), Some(&addresses))
            .await?;
        Ok(write.commit().await?)
    }

    /// Takes the mark of a second holder off a relay. The second holder, if it is still there,
    /// brings it back; it stays kept out in any case.
    ///
    /// # Errors
    /// [`FleetError::UnknownRelay`], [`FleetError::Store`].
    pub async fn clear_clone(&self, relay: RelayId) -> Result<(), FleetError> {
        let mut write = self.0.store.begin().await?;
        if !write.put_relay_clone(relay, None, None).await? {
            return Err(FleetError::UnknownRelay(relay));
        }
        Ok(write.commit().await?)
    }

    /// A certificate for another key of a relay that is connected. The one in use holds until the
    /// relay has the new one, and says so or uses it.
    ///
    /// # Errors
    /// [`FleetError::Authority`] for a request that is none, [`FleetError::Revoked`],
    /// [`FleetError::UnknownRelay`], [`FleetError::Store`].
    pub async fn renew(
        &self,
        admitted: &Admitted,
        csr: &[u8],
        now: Timestamp,
    ) -> Result<Cert, FleetError> {
        self.grant(admitted.relay, &admitted.certificate, csr, now, |_| Ok(0))
            .await
    }

    /// A relay that is connected has a certificate on its disk that was granted to it: the one
    /// before is worth nothing from now on.
    ///
    /// # Errors
    /// [`FleetError::Authority`] for a certificate that is no relay's, [`FleetError::Store`].
    pub async fn note_kept(&self, admitted: &mut Admitted, kept: &[u8]) -> Result<(), FleetError> {
        let kept = certificate::read(kept)?;
        let relay = admitted.relay;
        let certificate = self.noted(&kept);
        let mut write = self.0.store.begin().await?;
        write.put_relay_certificate(relay, &certificate).await?;
        let row = write.relay(relay).await?;
        write.commit().await?;
        if row.is_some_and(|row| row.certificate == kept.key_hash) {
            admitted.certificate = certificate;
        }
        Ok(())
    }

    /// What is noted of a certificate.
    fn noted(&self, shown: &Shown) -> CertificateRow {
        let signer = self.authority().signer_of(&shown.issuer);
        CertificateRow {
            key_hash: shown.key_hash.to_vec(),
            authority: signer.map(|signer| signer.to_vec()),
            serial: shown.serial.clone(),
            issued_at: shown.validity.not_before.as_millis(),
            ends_at: shown.validity.not_after.as_millis(),
        }
    }

    /// A certificate for another key of a relay whose own, verified but for its dates, has ended.
    /// It is not given without end: an operator shall hear of a relay that cannot renew.
    ///
    /// # Errors
    /// As [`Fleet::renew`], and [`FleetError::NoRecoveryLeft`], [`FleetError::Cloned`].
    pub async fn recover(
        &self,
        shown: &[u8],
        csr: &[u8],
        now: Timestamp,
    ) -> Result<Cert, FleetError> {
        let shown = certificate::read(shown)?;
        let max = self.0.config.recoveries_max;
        let relay = shown.relay;
        let cert = self
            .grant(relay, &self.noted(&shown), csr, now, |row| {
                let n = row.recoveries.saturating_add(1);
                if n > i64::from(max) {
                    return Err(FleetError::NoRecoveryLeft { relay, max });
                }
                Ok(n)
            })
            .await?;
        tracing::info!(relay.id = %relay, "certificate had ended, the enrolled key got another");
        Ok(cert)
    }

    async fn grant(
        &self,
        relay: RelayId,
        shown: &CertificateRow,
        csr: &[u8],
        now: Timestamp,
        recoveries: impl FnOnce(&RelayRow) -> Result<i64, FleetError> + Send,
    ) -> Result<Cert, FleetError> {
        let authority = self.authority();
        let validity = Validity::from(now, self.certificate_lifetime());
        let granted = certificate::grant(&authority, self.region(), relay, csr, validity)?;
        let mut write = self.0.store.begin().await?;
        let row = check(write.relay(relay).await?, relay, shown)?;
        write
            .put_relay_grant(&GrantRow {
                relay,
                key_hash: granted.key_hash.to_vec(),
                ends_at: granted.validity.not_after.as_millis(),
                recoveries: recoveries(&row)?,
            })
            .await?;
        write.commit().await?;
        Ok(Cert {
            certificate: granted.certificate.to_vec(),
            authorities: self.to_trust(now).await?,
        })
    }

    /// Where this hub's data is, when it says so.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.0.config.region.as_ref()
    }

    pub(super) fn certificate_lifetime(&self) -> Duration {
        self.0.config.certificate_lifetime.0
    }
}
