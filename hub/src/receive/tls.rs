//! How the port is secured: TLS 1.3, ring, certificates of the hub's own authority.

use std::sync::Arc;
use std::time::Duration;

use protocol::wire::{ALPN, ALPN_ENROL};
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{IdleTimeout, ServerConfig, TransportConfig, VarInt};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache};

use super::{Config, ReceiveError, trust};
use crate::fleet::Fleet;

/// A peer that was silent for this long is gone.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Tickets that a relay gets at a time: each attempt to connect takes one, also one in vain.
const TICKETS: usize = 3;
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
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok(server)
}

/// The same for QUIC, where a relay that comes again is known by a ticket and may say who it is
/// with its first packet. A ticket is kept here and is good once: who repeats that packet is not
/// heard. Whether the relay may still come is the registry's to say, as at any connection.
fn early(mut server: rustls::ServerConfig, connections_max: u32) -> rustls::ServerConfig {
    let kept = (connections_max as usize).saturating_mul(TICKETS);
    server.session_storage = ServerSessionMemoryCache::new(kept);
    server.send_tls13_tickets = TICKETS;
    // QUIC knows this or none; its windows bound what may come.
    server.max_early_data_size = u32::MAX;
    server
}

/// How QUIC carries it.
pub(super) fn quic_config(
    server: Arc<rustls::ServerConfig>,
    config: &Config,
) -> Result<ServerConfig, ReceiveError> {
    let server = early(Arc::unwrap_or_clone(server), config.connections_max);
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
