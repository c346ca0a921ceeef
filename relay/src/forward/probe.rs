//! Tries the way to the hub without being a relay: for `vedette-relay doctor`.
//!
//! What it never does: present the relay's certificate. A second connection of the same relay
//! would end the one that is working.

use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::timestamp::Timestamp;
use protocol::wire::Region;
use tokio::time::Instant;

use super::channel::Carrier;
use super::dial::{self, Plan, Way, with_port};
use super::error::LinkError;
use super::hubs::At;
use super::identity::Identity;
use super::tls::{self, enrol_tls};
use super::{Config, IdentityError, hubs};

/// What is known of the relay's identity and its hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who the relay is.
    pub relay: String,
    /// The hub it joined.
    pub hub: String,
    /// Where else the hub said it may be found.
    pub fallbacks: Vec<String>,
    /// The region it is pinned to.
    pub region: Option<Region>,
    /// From when to when its certificate holds, by the hub's clock; `None` for one that cannot be
    /// read.
    pub validity: Option<(Timestamp, Timestamp)>,
}

/// Reads the identity.
///
/// # Errors
/// [`IdentityError`].
pub async fn known(dir: &Path) -> Result<Known, IdentityError> {
    let identity = Identity::load(dir).await?;
    Ok(Known {
        relay: identity.relay.to_string(),
        validity: identity.validity(),
        region: identity.region(),
        fallbacks: identity.fallbacks,
        hub: identity.hub,
    })
}

/// Where a relay that joined a hub looks for it, in this order.
#[must_use]
pub fn addresses(config: &Config, known: &Known) -> Vec<String> {
    let joined = At {
        hub: &known.hub,
        fallbacks: &known.fallbacks,
    };
    hubs::in_order(config, &joined, &[])
}

/// The file that holds key and certificate.
#[must_use]
pub fn identity_file(dir: &Path) -> PathBuf {
    Identity::file(dir)
}

/// Shakes hands with the hub over QUIC, checking its authority; says how long that took.
///
/// # Errors
/// Why it did not come about, for a person to read.
pub async fn reach_by_udp(dir: &Path, hub: &str) -> Result<Duration, String> {
    let identity = Identity::load(dir)
        .await
        .map_err(|error| error.to_string())?;
    let pins = identity.authorities.iter().filter_map(tls::key_hash);
    let mut failed = "the authority's certificate is damaged".to_owned();
    for pin in pins {
        match shake_hands(hub, pin, identity.region()).await {
            Ok(took) => return Ok(took),
            Err(error) => failed = error.to_string(),
        }
    }
    Err(failed)
}

async fn shake_hands(
    hub: &str,
    pin: [u8; 32],
    region: Option<Region>,
) -> Result<Duration, LinkError> {
    let way = Way::new(&Config::default(), hub, enrol_tls(pin, region)?);
    let began = Instant::now();
    let channel = dial::connect(&way, Plan::Only(Carrier::Quic)).await?;
    let took = began.elapsed();
    channel.close(LinkError::Stopping).await;
    Ok(took)
}

/// Opens a TCP connection to the hub, through the proxy when there is one; says how long that took.
///
/// # Errors
/// Why it did not come about, for a person to read.
pub async fn reach_by_tcp(config: &Config, hub: &str) -> Result<Duration, String> {
    let auth_file = config.proxy_auth_file.as_deref();
    let began = Instant::now();
    dial::open_tcp(&with_port(hub), config.proxy.as_ref(), auth_file)
        .await
        .map(|_| began.elapsed())
        .map_err(|error| error.to_string())
}
