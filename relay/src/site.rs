//! Leads relays of a segmented network to the hub: what they send passes through this relay.
//!
//! Datagrams and TCP streams are forwarded as they are to the hub that this relay itself uses.
//! The relays behind it speak to the hub end to end: their certificates, their cursors and their
//! acknowledgements are between them and the hub, and a join token's pin holds as anywhere else.
//!
//! What always holds: flows are bounded, and one that is silent is forgotten; bytes are counted.
//!
//! What it never does: read, keep or change what passes, or lead to anywhere but that hub.

mod streams;
mod table;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::unit::Span;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::forward;

/// Ports tried when the configuration leaves the choice and TCP has not the one of UDP.
const BIND_ATTEMPTS: usize = 16;

/// Settings of the way through. A change needs a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where other relays come in, UDP and TCP; nowhere when not set.
    pub listen: Option<SocketAddr>,
    /// Most flows at a time, of each carrier; a relay is one.
    pub flows_max: u32,
    /// How long a flow may be silent; relays say something every few seconds.
    pub idle_timeout: Span,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: None,
            flows_max: 256,
            idle_timeout: Span(Duration::from_secs(90)),
        }
    }
}

/// Why nothing can pass.
#[derive(Debug, thiserror::Error)]
#[error("relays cannot come in at {address}: {source}")]
pub struct SiteError {
    address: SocketAddr,
    source: io::Error,
}

/// What has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteStatus {
    /// Flows of datagrams now.
    pub udp_flows: u64,
    /// TCP streams now.
    pub tcp_flows: u64,
    /// Bytes to the hub.
    pub bytes_up: u64,
    /// Bytes from the hub.
    pub bytes_down: u64,
    /// Flows that were not taken: too many, or no way to the hub.
    pub refused: u64,
}

/// A handle on the way through.
#[derive(Clone, Debug)]
pub struct Handle {
    address: SocketAddr,
    meter: Arc<Meter>,
}

impl Handle {
    /// Where relays come in; the port was chosen here when the configuration says 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What has passed.
    #[must_use]
    pub fn status(&self) -> SiteStatus {
        let load = |n: &AtomicU64| n.load(Ordering::Relaxed);
        SiteStatus {
            udp_flows: load(&self.meter.udp_flows),
            tcp_flows: load(&self.meter.tcp_flows),
            bytes_up: load(&self.meter.bytes_up),
            bytes_down: load(&self.meter.bytes_down),
            refused: load(&self.meter.refused),
        }
    }
}

#[derive(Debug, Default)]
struct Meter {
    udp_flows: AtomicU64,
    tcp_flows: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    refused: AtomicU64,
}

fn count(meter: &AtomicU64, n: usize) {
    meter.fetch_add(n as u64, Ordering::Relaxed);
}

/// Lets relays through until `cancel`; `None` when the configuration names no address.
///
/// # Errors
/// [`SiteError`]: the port is taken or not allowed.
pub async fn start(
    config: &Config,
    link: forward::Handle,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> Result<Option<Handle>, SiteError> {
    let Some(address) = config.listen else {
        return Ok(None);
    };
    let failed = |source| SiteError { address, source };
    let (socket, listener) = bind_both(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    let meter = Arc::new(Meter::default());
    let handle = Handle {
        address,
        meter: Arc::clone(&meter),
    };
    let flows_max = config.flows_max as usize;
    let idle = config.idle_timeout.0;
    let datagrams = udp::Datagrams {
        socket: Arc::new(socket),
        link: link.clone(),
        flows_max,
        idle,
        meter: Arc::clone(&meter),
    };
    tracker.spawn(datagrams.run(cancel.clone()));
    let streams = streams::Streams {
        listener,
        link,
        flows_max,
        idle,
        meter,
    };
    tracker.spawn(streams.run(cancel));
    tracing::info!(listen = %address, "relays may pass to the hub");
    Ok(Some(handle))
}

/// Binds UDP and TCP to one port. When the host is to choose it, both must have it free.
async fn bind_both(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let socket = UdpSocket::bind(address).await?;
        match TcpListener::bind(socket.local_addr()?).await {
            Ok(listener) => return Ok((socket, listener)),
            Err(_) if address.port() == 0 && attempt < BIND_ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}
