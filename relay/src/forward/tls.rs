//! How the link is secured: TLS 1.3, ring, and one authority to trust, the hub's own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{ALPN, ALPN_ENROL, HUB_NAME};
use quinn::congestion::{BbrConfig, CubicConfig};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, TransportConfig};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::flight::BYTES_MAX;
use super::identity::Identity;
use super::{Congestion, HUB_PORT};

/// How long an attempt to connect may take. Long enough for two seconds of round trip and loss.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A hub that was silent for this long is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Keeps address translators from forgetting the path.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Assumed before it is measured. A lost first packet is sent again after three of these, so it
/// decides how soon a hub that comes back is found.
const INITIAL_RTT: Duration = Duration::from_millis(150);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The hub's name gives no address.
    #[error("{hub} has no address")]
    Resolve {
        /// The name.
        hub: String,
        /// Why.
        #[source]
        source: Option<std::io::Error>,
    },
    /// No socket.
    #[error("no socket: {0}")]
    Socket(#[source] std::io::Error),
    /// Keys and certificates that cannot be used.
    #[error("link cannot be secured: {0}")]
    Tls(String),
    /// No answer.
    #[error("{address} does not answer")]
    Silent {
        /// Where.
        address: SocketAddr,
    },
    /// An answer that is no connection.
    #[error("{0}")]
    Refused(#[source] ConnectionError),
}

/// Whom to believe.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    /// Only the hub of one of these authorities.
    Authorities(Vec<CertificateDer<'static>>),
    /// The hub whose authority has a key of this SHA-256, for enrolment.
    Pin([u8; 32]),
}

/// The link's client configuration.
pub(super) fn link_config(
    identity: &Identity,
    congestion: Congestion,
) -> Result<ClientConfig, ConnectError> {
    let mut client = known(identity)?;
    client.alpn_protocols = vec![ALPN.to_vec()];
    client_config(client, congestion)
}

/// The configuration of an enrolment that shows a certificate which has ended.
pub(super) fn recover_config(identity: &Identity) -> Result<ClientConfig, ConnectError> {
    let mut client = known(identity)?;
    client.alpn_protocols = vec![ALPN_ENROL.to_vec()];
    client_config(client, Congestion::Cubic)
}

/// What a relay with an identity shows, and whom it believes.
fn known(identity: &Identity) -> Result<rustls::ClientConfig, ConnectError> {
    let trust = Trust::Authorities(identity.authorities.clone());
    builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(HubVerifier::new(trust)))
        .with_client_auth_cert(vec![identity.certificate.clone()], identity.key())
        .map_err(tls)
}

/// The configuration of enrolment: nothing to show, and a pin to check.
pub(super) fn enrol_config(pin: [u8; 32]) -> Result<ClientConfig, ConnectError> {
    let mut client = builder()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(HubVerifier::new(Trust::Pin(pin))))
        .with_no_client_auth();
    client.alpn_protocols = vec![ALPN_ENROL.to_vec()];
    client_config(client, Congestion::Cubic)
}

fn builder()
-> Result<rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>, ConnectError> {
    rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls)
}

fn client_config(
    client: rustls::ClientConfig,
    congestion: Congestion,
) -> Result<ClientConfig, ConnectError> {
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(IDLE_TIMEOUT).map_err(tls)?;
    transport
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .initial_rtt(INITIAL_RTT)
        .datagram_receive_buffer_size(None)
        .max_concurrent_uni_streams(0_u8.into())
        .max_concurrent_bidi_streams(0_u8.into())
        .send_window(BYTES_MAX);
    match congestion {
        Congestion::Bbr => transport.congestion_controller_factory(Arc::new(BbrConfig::default())),
        Congestion::Cubic => {
            transport.congestion_controller_factory(Arc::new(CubicConfig::default()))
        }
    };
    let crypto = QuicClientConfig::try_from(client).map_err(tls)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Connects to the first address of `hub` that answers.
pub(super) async fn connect(
    hub: &str,
    config: &ClientConfig,
) -> Result<(Endpoint, Connection), ConnectError> {
    let mut failed = ConnectError::Resolve {
        hub: hub.to_owned(),
        source: None,
    };
    let with_port = with_port(hub);
    let addresses = timeout(CONNECT_TIMEOUT, tokio::net::lookup_host(&with_port)).await;
    let addresses = match addresses {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(error)) => {
            return Err(ConnectError::Resolve {
                hub: hub.to_owned(),
                source: Some(error),
            });
        }
        Err(_) => return Err(failed),
    };
    for address in addresses {
        match connect_to(address, config).await {
            Ok(connected) => return Ok(connected),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn connect_to(
    address: SocketAddr,
    config: &ClientConfig,
) -> Result<(Endpoint, Connection), ConnectError> {
    let any = match address {
        SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
    };
    let endpoint = Endpoint::client(any).map_err(ConnectError::Socket)?;
    let connecting = endpoint
        .connect_with(config.clone(), address, HUB_NAME)
        .map_err(tls)?;
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(connection)) => Ok((endpoint, connection)),
        Ok(Err(error)) => Err(ConnectError::Refused(error)),
        Err(_) => Err(ConnectError::Silent { address }),
    }
}

/// `host`, `host:port`, `1.2.3.4`, `[::1]`, `[::1]:port` or `::1`, with a port.
pub(super) fn with_port(hub: &str) -> String {
    let is_bare_v6 = hub.parse::<std::net::Ipv6Addr>().is_ok();
    let has_port = !is_bare_v6
        && hub
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (has_port, is_bare_v6) {
        (true, _) => hub.to_owned(),
        (false, true) => format!("[{hub}]:{HUB_PORT}"),
        (false, false) => format!("{hub}:{HUB_PORT}"),
    }
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn tls(error: impl std::fmt::Display) -> ConnectError {
    ConnectError::Tls(error.to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_without_a_port_has_the_usual_one() {
        assert_eq!(with_port("hub.example"), "hub.example:4801");
        assert_eq!(with_port("hub.example:443"), "hub.example:443");
        assert_eq!(with_port("10.0.0.1"), "10.0.0.1:4801");
        assert_eq!(with_port("::1"), "[::1]:4801");
        assert_eq!(with_port("[::1]:443"), "[::1]:443");
    }
}
