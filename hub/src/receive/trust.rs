//! Whom the port believes and what it shows: follows the fleet's authority without a restart.
//!
//! A relay's certificate is verified here in every respect but its dates. They are judged after
//! the handshake, by the hub's clock, where the answer can say what is wrong: a certificate that
//! has ended does not open a session, and opens the one way that gives another for its key. That
//! the relay holds the key is proved by the handshake itself, so no challenge of our own is needed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::timestamp::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::ReceiveError;
use crate::fleet::{self, Fleet};

/// Verifies relays.
pub(super) fn verifier(fleet: &Fleet) -> Arc<dyn ClientCertVerifier> {
    Arc::new(RelayVerifier {
        fleet: fleet.clone(),
        provider: Arc::new(rustls::crypto::ring::default_provider()),
    })
}

/// Shows the hub's certificate.
pub(super) fn certificate(fleet: &Fleet) -> Result<Arc<dyn ResolvesServerCert>, ReceiveError> {
    let pin = fleet.pin();
    let key = certified(fleet)?;
    Ok(Arc::new(HubCertificate {
        fleet: fleet.clone(),
        shown: Mutex::new((pin, key)),
    }))
}

#[derive(Debug)]
struct RelayVerifier {
    fleet: Fleet,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for RelayVerifier {
    /// Who enrols has no certificate yet; the link proper refuses connections without one.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        for authority in self.fleet.authorities() {
            roots.add(authority)?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::clone(&self.provider));
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millis(seconds.saturating_mul(1000));
        let in_time = fleet::in_time(end_entity, now).as_secs();
        let in_time = Duration::from_secs(u64::try_from(in_time).unwrap_or_default());
        verifier.verify_client_cert(
            end_entity,
            intermediates,
            UnixTime::since_unix_epoch(in_time),
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The hub's certificate, made again when another authority signs.
#[derive(Debug)]
struct HubCertificate {
    fleet: Fleet,
    /// The authority's key, and what it signed.
    shown: Mutex<([u8; 32], Arc<CertifiedKey>)>,
}

impl ResolvesServerCert for HubCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let pin = self.fleet.pin();
        if shown.0 != pin {
            match certified(&self.fleet) {
                Ok(key) => *shown = (pin, key),
                Err(error) => tracing::warn!(%error, "the hub goes on with its old certificate"),
            }
        }
        Some(Arc::clone(&shown.1))
    }
}

fn certified(fleet: &Fleet) -> Result<Arc<CertifiedKey>, ReceiveError> {
    let identity = fleet.server_identity()?;
    let provider = rustls::crypto::ring::default_provider();
    let key = CertifiedKey::from_der(identity.chain, identity.key, &provider)
        .map_err(|error| ReceiveError::Tls(error.to_string()))?;
    Ok(Arc::new(key))
}
