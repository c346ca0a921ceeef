//! Relays' certificates: made for keys of theirs, and read.
//!
//! They live for days by the hub's clock and by no other: a relay shows what it has, and the hub
//! judges it. Of a request nothing but the key is taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::ids::RelayId;
use protocol::timestamp::Timestamp;
use protocol::wire::{Region, read_relay_uri, relay_uri};
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use x509_parser::extensions::GeneralName;

use super::authority::{Authority, AuthorityError, KeyHash};

/// The last second that certificates can name: the end of 9999.
const SECONDS_MAX: i64 = 253_402_300_799;
/// Length of relays' certificates' serial numbers.
const SERIAL_BYTES: usize = 16;
/// How much too early a certificate may be shown: the hub's clock may have been set back a little.
const EARLY_MAX_MS: i64 = 300_000;

/// From when to when a certificate holds, by the hub's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Whether a certificate holds at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InTime {
    Yes,
    NotYet,
    NoMore,
}

impl Validity {
    /// From now for as long as certificates live.
    pub(super) fn from(now: Timestamp, lifetime: Duration) -> Self {
        let lifetime = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        Self {
            not_before: now,
            not_after: now.plus_millis(lifetime),
        }
    }

    pub(super) const fn judge(self, now: Timestamp) -> InTime {
        if now.millis_since(self.not_before) < -EARLY_MAX_MS {
            InTime::NotYet
        } else if now.millis_since(self.not_after) >= 0 {
            InTime::NoMore
        } else {
            InTime::Yes
        }
    }
}

/// A relay's certificate as it was granted.
pub(super) struct Granted {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key_hash: KeyHash,
    pub(super) serial: Vec<u8>,
    pub(super) validity: Validity,
}

/// What a relay's certificate says. That an authority signed it was verified.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) relay: RelayId,
    pub(super) key_hash: KeyHash,
    pub(super) validity: Validity,
    pub(super) serial: Vec<u8>,
    /// The signer's name, DER.
    pub(super) issuer: Vec<u8>,
}

/// Signs a relay's key; in a region the certificate is what pins the relay to it.
pub(super) fn grant(
    authority: &Authority,
    region: Option<&Region>,
    relay: RelayId,
    csr: &[u8],
    validity: Validity,
) -> Result<Granted, AuthorityError> {
    let request =
        CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr))
            .map_err(|_| AuthorityError::Request)?;
    let key = request.public_key;
    if key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
        return Err(AuthorityError::Request);
    }
    let uri = relay_uri(region, relay);
    let mut params = leaf_params("vedette relay", ExtendedKeyUsagePurpose::ClientAuth);
    params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
    let date = |at: Timestamp| {
        let seconds = at.as_secs().clamp(0, SECONDS_MAX).unsigned_abs();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = date(validity.not_before);
    params.not_after = date(validity.not_after);
    let serial = new_serial()?;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let certificate = params.signed_by(&key, authority.issuer())?;
    Ok(Granted {
        certificate: certificate.der().clone(),
        key_hash: Sha256::digest(key.subject_public_key_info()).into(),
        serial: serial.to_vec(),
        validity,
    })
}

/// A random serial number, positive and without leading zeros, so that it is written as it is.
fn new_serial() -> Result<[u8; SERIAL_BYTES], AuthorityError> {
    let mut serial = [0; SERIAL_BYTES];
    getrandom::fill(&mut serial).map_err(|_| AuthorityError::NoRandomness)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

/// Reads a relay's certificate.
pub(super) fn read(certificate: &[u8]) -> Result<Shown, AuthorityError> {
    let not_a_relay = |_| AuthorityError::NotARelay;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NotARelay)?;
    let names = certificate
        .subject_alternative_name()
        .map_err(not_a_relay)?
        .ok_or(AuthorityError::NotARelay)?;
    let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return Err(AuthorityError::NotARelay);
    };
    let (_, relay) = read_relay_uri(uri).ok_or(AuthorityError::NotARelay)?;
    let seconds = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
    let validity = certificate.validity();
    Ok(Shown {
        relay,
        key_hash: Sha256::digest(certificate.public_key().raw).into(),
        validity: Validity {
            not_before: seconds(validity.not_before.timestamp()),
            not_after: seconds(validity.not_after.timestamp()),
        },
        serial: certificate.raw_serial().to_vec(),
        issuer: certificate.issuer().as_raw().to_vec(),
    })
}

/// A time at which a certificate holds, the nearest to `now`: for who verifies all but the dates.
#[must_use]
pub fn in_time(certificate: &[u8], now: Timestamp) -> Timestamp {
    let Ok(Shown { validity, .. }) = read(certificate) else {
        return now;
    };
    now.max(validity.not_before).min(validity.not_after)
}

/// SHA-256 of a certificate's public key.
pub(super) fn key_hash(certificate: &CertificateDer<'_>) -> Option<KeyHash> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Sha256::digest(certificate.public_key().raw).into())
}

/// A certificate's name, DER.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(certificate.subject().as_raw().to_vec())
}

/// A certificate as text.
pub(super) fn pem(certificate: &CertificateDer<'_>) -> String {
    const LINE: usize = 64;
    let text = STANDARD.encode(certificate);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(LINE)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

/// What all certificates have in common: a calendar that does not matter.
pub(super) fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    // A host without a battery begins at 1970 and must find its hub none the less.
    params.not_before = rcgen::date_time_ymd(1970, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

/// A certificate that signs nothing.
pub(super) fn leaf_params(name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = params();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_holds_from_a_little_before_its_beginning_until_its_end() {
        let at = Timestamp::from_millis;
        let validity = Validity::from(at(1_000_000_000), Duration::from_secs(60));
        let check = |now: i64, expected: InTime| assert_eq!(validity.judge(at(now)), expected);
        check(0, InTime::NotYet);
        check(1_000_000_000 - EARLY_MAX_MS - 1, InTime::NotYet);
        check(1_000_000_000 - EARLY_MAX_MS, InTime::Yes);
        check(1_000_059_999, InTime::Yes);
        check(1_000_060_000, InTime::NoMore);
        check(i64::MAX / 2, InTime::NoMore);
    }
}
