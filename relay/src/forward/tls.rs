//! How the link is secured: TLS 1.3, ring, and one authority to trust, the hub's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{ALPN, ALPN_ENROL};
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{IdleTimeout, TransportConfig};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};
use sha2::{Digest as _, Sha256};

use super::Congestion;
use super::channel::{IDLE_TIMEOUT, KEEP_ALIVE};
use super::flight::BYTES_MAX;
use super::identity::Identity;
use super::proxy::ProxyError;

/// Assumed before it is measured. A lost first packet is sent again after three of these, so it
/// decides how soon a hub that comes back is found.
const INITIAL_RTT: Duration = Duration::from_millis(150);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// A name gives no address.
    #[error("{name} has no address")]
    Resolve {
        /// The name, with its port.
        name: String,
        /// Why.
        #[source]
        source: Option<std::io::Error>,
    },
    /// No socket.
    #[error("no socket: {0}")]
    Socket(#[source] std::io::Error),
    /// Nobody there who takes TCP connections.
    #[error("{address} cannot be connected to: {source}")]
    Tcp {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The proxy does not lead to the hub.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Keys and certificates that cannot be used.
    #[error("link cannot be secured: {0}")]
    Tls(String),
    /// No answer.
    #[error("{at} does not answer")]
    Silent {
        /// Where.
        at: String,
    },
}

impl ConnectError {
    pub(super) fn tls(error: impl std::fmt::Display) -> Self {
        Self::Tls(error.to_string())
    }
}

/// Whom to believe.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Only the hub of one of these authorities.
    Authorities(Vec<CertificateDer<'static>>),
    /// The hub whose authority has a key of this SHA-256, for enrolment.
    Pin([u8; 32]),
}

/// What the relay shows and believes on the link.
pub(super) fn link_tls(identity: &Identity) -> Result<ClientConfig, ConnectError> {
    known(identity, ALPN)
}

/// The same for an enrolment that shows a certificate which has ended.
pub(super) fn recover_tls(identity: &Identity) -> Result<ClientConfig, ConnectError> {
    known(identity, ALPN_ENROL)
}

/// What a relay with an identity shows, and whom it believes.
fn known(identity: &Identity, alpn: &[u8]) -> Result<ClientConfig, ConnectError> {
    let trust = Trust::Authorities(identity.authorities.clone());
    let mut client = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(HubVerifier::new(trust)))
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.key())
        .map_err(ConnectError::tls)?;
    client.alpn_protocols = vec![alpn.to_vec()];
    Ok(client)
}

/// The same for enrolment by a token: nothing to show, and a pin to check.
pub(super) fn enrol_tls(pin: [u8; 32]) -> Result<ClientConfig, ConnectError> {
    let mut client = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(HubVerifier::new(Trust::Pin(pin))))
        .with_no_client_auth();
    client.alpn_protocols = vec![ALPN_ENROL.to_vec()];
    Ok(client)
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, ConnectError> {
    ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(ConnectError::tls)
}

/// How QUIC carries it.
pub(super) fn quic_config(
    client: ClientConfig,
    congestion: Congestion,
) -> Result<quinn::ClientConfig, ConnectError> {
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(IDLE_TIMEOUT).map_err(ConnectError::tls)?;
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(INITIAL_RTT)
        .datagram_receive_buffer_size(None)
        .max_concurrent_uni_streams(0_u8.into())
        .max_concurrent_bidi_streams(0_u8.into())
        .send_window(BYTES_MAX);
    match congestion {
        Congestion::Auto | Congestion::Bbr => {
            transport.congestion_controller_factory(Arc::new(BbrConfig::default()))
        }
        Congestion::Cubic => {
            transport.congestion_controller_factory(Arc::new(CubicConfig::default()))
        }
    };
    let crypto = QuicClientConfig::try_from(client).map_err(ConnectError::tls)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// Believes a hub by its authority, and says whose certificate it met instead.
#[derive(Debug)]
struct HubVerifier {
    trust: Trust,
    provider: CryptoProvider,
}

impl HubVerifier {
    fn new(trust: Trust) -> Self {
        Self {
            trust,
            provider: provider(),
        }
    }

    /// The authorities to verify against; for a pin, the certificate of the chain that it pins.
    fn authorities(&self, chain: &[CertificateDer<'_>]) -> Vec<CertificateDer<'static>> {
        match &self.trust {
            Trust::Authorities(authorities) => authorities.clone(),
            Trust::Pin(pin) => chain
                .iter()
                .filter(|certificate| key_hash(certificate) == Some(*pin))
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
        }
    }
}

impl ServerCertVerifier for HubVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let stranger = || {
            let issuer = issuer(end_entity).unwrap_or_else(|| "nobody".to_owned());
            rustls::Error::General(format!(
                "hub's certificate is issued by {issuer}, not by the authority to trust"
            ))
        };
        let mut roots = RootCertStore::empty();
        for authority in self.authorities(intermediates) {
            roots.add(authority)?;
        }
        if roots.is_empty() {
            return Err(stranger());
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(self.provider.clone()),
        )
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(
                    rustls::CertificateError::UnknownIssuer
                    | rustls::CertificateError::BadSignature,
                ) => stranger(),
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// SHA-256 of a certificate's public key.
pub(super) fn key_hash(certificate: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Sha256::digest(certificate.public_key().raw).into())
}

/// Who signed a certificate, for people.
fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    const LEN_MAX: usize = 200;
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let issuer = certificate.issuer().to_string();
    Some(
        issuer
            .chars()
            .filter(|c| !c.is_control())
            .take(LEN_MAX)
            .collect(),
    )
}
