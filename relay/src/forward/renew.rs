//! Another certificate before the one in use ends, or after it has.
//!
//! When a certificate is to be renewed is decided by the hub's clock, as the hub tells it at each
//! welcome, and by time that passes here: the host's wall clock may say what it likes. Each
//! renewal makes a new key, so that a copy of the state directory is worth nothing for longer than
//! one certificate lives. The hub takes the old one until it hears that the new one is on the
//! relay's disk, or sees it used, so nothing is lost when the relay ends between the two.

use std::path::PathBuf;
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use protocol::wire::{Cert, CertRequest, ErrorBody, Frame, Welcome};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep_until};

use super::Config;
use super::identity::{Identity, IdentityError, off_the_runtime};
use super::join::{JoinError, exchange};
use super::tls::recover_tls;

/// How long a renewal that did not succeed waits, and the least between two.
const RETRY: Duration = Duration::from_secs(60);
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// When a certificate is renewed: after half of its life, give or take a tenth, so that a fleet
/// that joined at once does not renew at once.
pub(super) fn renew_at(not_before: Timestamp, not_after: Timestamp, jitter: u16) -> Timestamp {
    let life = i128::from(not_after.millis_since(not_before).max(0));
    let per_mille = 400 + i128::from(jitter) * 200 / i128::from(u16::MAX);
    let until = i64::try_from(life * per_mille / 1000).unwrap_or(i64::MAX);
    not_before.plus_millis(until)
}

/// The renewal of one session.
pub(super) struct Renewal {
    dir: PathBuf,
    relay: RelayId,
    due: Instant,
    /// The hub's clock, when [`Renewal::read_at`] was now.
    hub_time: Timestamp,
    read_at: Instant,
    /// The key that a certificate is asked for.
    asked: Option<KeyPair>,
}

impl Renewal {
    /// Begins with what the hub said the time is.
    pub(super) fn new(dir: PathBuf, identity: &Identity, welcome: &Welcome) -> Self {
        let mut renewal = Self {
            dir,
            relay: identity.relay,
            due: Instant::now(),
            hub_time: welcome.hub_time,
            read_at: Instant::now(),
            asked: None,
        };
        // Of a hub that has come to state a region since the relay joined: the next certificate
        // pins the relay to it.
        if welcome.region.is_none() || identity.region().is_some() {
            renewal.schedule(identity);
        }
        renewal
    }

    fn schedule(&mut self, identity: &Identity) {
        let passed = self.read_at.elapsed();
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let hub_now = self.hub_time.plus_millis(passed);
        let at = identity.validity().map_or(hub_now, |(from, to)| {
            renew_at(from, to, jitter(&identity.certificate))
        });
        let wait = u64::try_from(at.millis_since(hub_now)).unwrap_or_default();
        // Far beyond any session.
        let wait = Duration::from_millis(wait).min(Duration::from_hours(365 * 24));
        self.due = Instant::now() + wait;
    }

    /// Ends when a certificate is to be asked for.
    pub(super) async fn due(&self) {
        sleep_until(self.due).await;
    }

    /// Makes a key and asks for its certificate.
    pub(super) fn ask(&mut self) -> Option<Frame> {
        self.due = Instant::now() + RETRY;
        match make_request() {
            Ok((key, request)) => {
                self.asked = Some(key);
                Some(request)
            }
            Err(error) => {
                tracing::warn!(%error, "no key could be made for the next certificate");
                None
            }
        }
    }

    /// Keeps what the hub granted; gives what the hub is told once it is on the disk. It is used
    /// from the next connection on.
    pub(super) async fn take(&mut self, cert: Cert) -> Option<Frame> {
        let Some(key) = self.asked.take() else {
            tracing::debug!("a certificate came that was not asked for");
            return None;
        };
        let kept = Cert {
            certificate: cert.certificate.clone(),
            authorities: Vec::new(),
        };
        match keep(self.dir.clone(), self.relay, &key, cert).await {
            Ok(Some(identity)) => {
                tracing::info!(relay.id = %self.relay, "certificate renewed");
                self.schedule(&identity);
                self.due = self.due.max(Instant::now() + PAUSE_MIN);
                return Some(Frame::Cert(kept));
            }
            Ok(None) => tracing::debug!("the relay has another identity by now"),
            Err(error) => tracing::warn!(%error, "the renewed certificate could not be kept"),
        }
        None
    }

    /// The hub gives none at the moment.
    pub(super) fn refused(&mut self, error: &ErrorBody) {
        self.asked = None;
        tracing::warn!(error = error.message, "hub renews no certificate");
    }
}

/// Gets another certificate for the enrolled key after the one it had has ended.
pub(super) async fn recover(
    config: &Config,
    hub: &str,
    identity: &Identity,
) -> Result<(), JoinError> {
    let dir = config.dir.clone();
    let tls = recover_tls(identity).map_err(|error| JoinError::connect(hub, &error.into()))?;
    let (key, request) = make_request()?;
    match exchange(hub, config, tls, &request).await? {
        Frame::Cert(cert) => {
            keep(dir, identity.relay, &key, cert).await?;
            tracing::info!(relay.id = %identity.relay, "certificate had ended and was exchanged");
            Ok(())
        }
        other => Err(JoinError::unexpected(&other)),
    }
}

fn make_request() -> Result<(KeyPair, Frame), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let csr = CertificateParams::default().serialize_request(&key)?;
    let csr = csr.der().to_vec();
    Ok((key, Frame::CertRequest(CertRequest { csr })))
}

async fn keep(
    dir: PathBuf,
    relay: RelayId,
    key: &KeyPair,
    cert: Cert,
) -> Result<Option<Identity>, IdentityError> {
    let path = dir.clone();
    let is_for_key = x509_parser::parse_x509_certificate(&cert.certificate)
        .is_ok_and(|(_, read)| read.public_key().raw == key.subject_public_key_info());
    if !is_for_key {
        return Err(IdentityError::Damaged { path });
    }
    let key = key.serialize_der();
    let authorities = cert.authorities.into_iter().map(ByteBuf::into_vec);
    let authorities = authorities.collect();
    off_the_runtime(move || Identity::renew(&dir, relay, &key, cert.certificate, authorities)).await
}

/// The same for a certificate whenever it is asked for, and different for others.
fn jitter(certificate: &[u8]) -> u16 {
    let hash = Sha256::digest(certificate);
    hash.iter()
        .take(2)
        .fold(0, |jitter, byte| (jitter << 8) | u16::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: i64 = 86_400_000;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_certificate_is_renewed_after_half_of_its_life_give_or_take_a_tenth() {
        let check = |jitter: u16, expected: i64| {
            assert_eq!(renew_at(at(0), at(10 * DAY_MS), jitter), at(expected));
        };
        check(0, 4 * DAY_MS);
        check(u16::MAX, 6 * DAY_MS);
        assert_eq!(renew_at(at(5), at(1), 9), at(5));
    }

    proptest! {
        #[test]
        fn it_is_renewed_within_its_life(from in -DAY_MS..DAY_MS, life in 0..=i64::MAX / 4, jitter: u16) {
            let to = at(from).plus_millis(life);
            let renewed = renew_at(at(from), to, jitter);
            prop_assert!(renewed >= at(from) && renewed <= to);
        }
    }
}
