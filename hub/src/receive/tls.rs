//! How the port is secured: TLS 1.3, ring, certificates of the hub's own authority.

use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{ALPN, ALPN_ENROL};
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{IdleTimeout, ServerConfig, TransportConfig, VarInt};

use super::{Config, ReceiveError, trust};
use crate::fleet::Fleet;

/// A peer that was silent for this long is gone.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Most unread bytes of one stream.
const STREAM_RECEIVE_WINDOW: u32 = 1024 * 1024;
/// Most unread bytes of one connection.
const RECEIVE_WINDOW: u32 = 4 * 1024 * 1024;
/// Most unacknowledged bytes to one relay: rosters.
const SEND_WINDOW: u64 = 2 * 1024 * 1024;

/// What the hub shows and believes, whichever carries the link.
pub(super) fn server_tls(fleet: &Fleet) -> Result<rustls::ServerConfig, ReceiveError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls)?
        .with_client_cert_verifier(trust::verifier(fleet))
        .with_cert_resolver(trust::certificate(fleet)?);
    server.alpn_protocols = vec![ALPN.to_vec(), ALPN_ENROL.to_vec()];
    Ok(server)
}

/// How QUIC carries it.
pub(super) fn quic_config(
    server: Arc<rustls::ServerConfig>,
    config: &Config,
) -> Result<ServerConfig, ReceiveError> {
    let crypto = QuicServerConfig::try_from(server).map_err(tls)?;
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(IDLE_TIMEOUT).map_err(tls)?;
    transport
        .max_idle_timeout(Some(idle))
        .max_concurrent_uni_streams(VarInt::from(config.window))
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .datagram_receive_buffer_size(None)
        .stream_receive_window(VarInt::from_u32(STREAM_RECEIVE_WINDOW))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .congestion_controller_factory(Arc::new(BbrConfig::default()));
    let mut server = ServerConfig::with_crypto(Arc::new(crypto));
    server
        .transport_config(Arc::new(transport))
        .max_incoming(config.connections_max as usize);
    Ok(server)
}

fn tls(error: impl std::fmt::Display) -> ReceiveError {
    ReceiveError::Tls(error.to_string())
}
