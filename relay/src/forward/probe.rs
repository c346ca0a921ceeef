//! Tries the way to the hub without being a relay: for `vedette-relay doctor`.
//!
//! What it never does: present the relay's certificate. A second connection of the same relay
//! would end the one that is working.

use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::IdentityError;
use super::identity::Identity;
use super::tls::{self, CONNECT_TIMEOUT, connect, enrol_config};

/// What is known of the relay's identity and its hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who the relay is.
    pub relay: String,
    /// The hub it joined.
    pub hub: String,
}

/// Reads the identity.
///
/// # Errors
/// [`IdentityError`].
pub async fn known(dir: &Path) -> Result<Known, IdentityError> {
    let identity = Identity::load(dir).await?;
    Ok(Known {
        relay: identity.relay.to_string(),
        hub: identity.hub,
    })
}

/// Shakes hands with the hub over QUIC, checking its authority; says how long that took.
///
/// # Errors
/// Why it did not come about, for a person to read.
pub async fn reach_by_udp(dir: &Path, hub: &str) -> Result<Duration, String> {
    let identity = Identity::load(dir)
        .await
        .map_err(|error| error.to_string())?;
    let mut failed = "the authority's certificate is damaged".to_owned();
    for pin in identity
        .authorities
        .iter()
        .filter_map(|one| tls::key_hash(one))
    {
        match shake_hands(hub, pin).await {
            Ok(took) => return Ok(took),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

async fn shake_hands(hub: &str, pin: [u8; 32]) -> Result<Duration, String> {
    let config = enrol_config(pin).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let connected = connect(hub, &config).await;
    let (endpoint, connection) = connected.map_err(|error| error.to_string())?;
    let took = began.elapsed();
    connection.close(0_u32.into(), b"");
    drop(timeout(Duration::from_millis(500), endpoint.wait_idle()).await);
    Ok(took)
}

/// Opens a TCP connection to the hub; says how long that took.
///
/// # Errors
/// Why it did not come about, for a person to read.
pub async fn reach_by_tcp(hub: &str) -> Result<Duration, String> {
    let began = Instant::now();
    let connecting = TcpStream::connect(tls::with_port(hub));
    match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(_)) => Ok(began.elapsed()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}
