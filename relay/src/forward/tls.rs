//! How the link is secured: TLS 1.3, ring, and one authority to trust, the hub's own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::wire::{ALPN, ALPN_ENROL, Region, read_hub_uri};
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{IdleTimeout, TransportConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme,
    WantsVerifier,
};
use sha2::{Digest as _, Sha256};
use x509_parser::extensions::GeneralName;

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
    /// The hub is none for this relay.
    #[error(transparent)]
    Foreign(Foreign),
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

/// What a connection is secured with.
#[derive(Clone, Debug)]
pub(super) struct Secured {
    pub(super) client: ClientConfig,
    met: Met,
}

impl Secured {
    /// For TCP, where nothing goes early and each handshake is a whole one.
    pub(super) fn for_tcp(&self) -> ClientConfig {
        let mut client = self.client.clone();
        client.resumption = Resumption::disabled();
        client.enable_early_data = false;
        client
    }

    /// Begins anew: what was met before is another's.
    pub(super) fn begin(&self) {
        *self.met.lock() = None;
    }

    /// Why the hub was not taken, when it is of another region than the relay.
    pub(super) fn foreign(&self) -> Option<ConnectError> {
        self.met.lock().clone().map(ConnectError::Foreign)
    }
}

/// A hub of another region, if the last one that showed a certificate was.
#[derive(Clone, Debug, Default)]
struct Met(Arc<Mutex<Option<Foreign>>>);

impl Met {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Foreign>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hub that is not of the relay's region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "hub is of {}, and this relay is pinned to region {pinned}: nothing is sent there",
    shown.as_ref().map_or_else(|| "no region".to_owned(), |region| format!("region {region}"))
)]
pub(super) struct Foreign {
    pinned: Region,
    shown: Option<Region>,
}

/// What the relay shows and believes on the link.
pub(super) fn link_tls(identity: &Identity) -> Result<Secured, ConnectError> {
    let mut tls = known(identity, ALPN)?;
    tls.client.enable_early_data = true;
    Ok(tls)
}

/// The same for an enrolment that shows a certificate which has ended.
pub(super) fn recover_tls(identity: &Identity) -> Result<Secured, ConnectError> {
    known(identity, ALPN_ENROL)
}

/// What a relay with an identity shows, and whom it believes.
fn known(identity: &Identity, alpn: &[u8]) -> Result<Secured, ConnectError> {
    let trust = Trust::Authorities(identity.authorities.clone());
    let verifier = HubVerifier::new(trust, identity.region());
    let met = verifier.met.clone();
    let mut client = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.key())
        .map_err(ConnectError::tls)?;
    client.alpn_protocols = vec![alpn.to_vec()];
    Ok(Secured { client, met })
}

/// The same for who has nothing to show: a pin to check, and the region of who has joined before.
pub(super) fn enrol_tls(pin: [u8; 32], region: Option<Region>) -> Result<Secured, ConnectError> {
    let verifier = HubVerifier::new(Trust::Pin(pin), region);
    let met = verifier.met.clone();
    let mut client = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    client.alpn_protocols = vec![ALPN_ENROL.to_vec()];
    Ok(Secured { client, met })
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

/// Believes a hub by its authority and, when the relay is pinned to one, its region; says whose
/// certificate it met instead. It judges within the handshake, before a byte of the relay's goes.
#[derive(Debug)]
struct HubVerifier {
    trust: Trust,
    region: Option<Region>,
    met: Met,
    provider: CryptoProvider,
}

impl HubVerifier {
    fn new(trust: Trust, region: Option<Region>) -> Self {
        Self {
            trust,
            region,
            met: Met::default(),
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

    /// A relay that is pinned to a region takes no hub of another, nor of none. One that is not
    /// takes any of the authority it joined: its next certificate pins it.
    fn is_of_region(&self, hub: &CertificateDer<'_>) -> Result<ServerCertVerified, rustls::Error> {
        let shown = region_of(hub);
        let foreign = self
            .region
            .clone()
            .filter(|region| shown.as_ref() != Some(region));
        let foreign = foreign.map(|pinned| Foreign { pinned, shown });
        self.met.lock().clone_from(&foreign);
        match foreign {
            Some(foreign) => Err(rustls::Error::General(foreign.to_string())),
            None => Ok(ServerCertVerified::assertion()),
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
            })?;
        self.is_of_region(end_entity)
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

/// The region that a hub's certificate names.
fn region_of(certificate: &CertificateDer<'_>) -> Option<Region> {
    uris(certificate, read_hub_uri)
}

/// What the first fitting name of a certificate says.
pub(super) fn uris<T>(
    certificate: &CertificateDer<'_>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names
        .value
        .general_names
        .iter()
        .find_map(|name| match name {
            GeneralName::URI(uri) => read(uri),
            _ => None,
        })
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
