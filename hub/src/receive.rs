//! The hub's end of the link: blocks from relays over QUIC, rosters back.
//!
//! Each relay has one session, owned by one task. A block is taken from a stream of its own,
//! verified, brought into its lane's order and handed to the digest; the acknowledgement goes out
//! after the digest's commit and never before. Enrolment shares the port under its own ALPN.
//!
//! What always holds: who has no certificate of this hub's authority for a registered key gets no
//! further than the handshake; an identity has one holder at a time, and a copy of it, which would
//! number other records alike, is kept out before it sends any (`fleet::lineage`, `alive`); blocks under way are bounded per relay and their bytes for all
//! relays together; a relay that sends what it should not loses its connection, with a code that
//! says why, and nobody else notices.
//!
//! What it never does: look into a record. That is the digest's work.

mod alive;
mod enrol;
mod inbox;
mod lanes;
mod session;
mod stream;
mod tls;
mod trust;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::unit::ByteSize;
use protocol::wire::{ALPN, ALPN_ENROL, CloseCode};
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Endpoint, Incoming, VarInt};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use inbox::{Arrived, Inbox, Refusal, Step};

use crate::digest::{self, Applied, Delivery, DigestError, Skip};
use crate::fleet::{Fleet, FleetError};
use alive::{Alive, Holder};

/// How long a peer may take for a handshake, and for its first frame.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the fleet's changes are looked for, so that a revocation or a key that was switched
/// off takes effect within two seconds.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// Enrolments at the same time.
const ENROLMENTS_MAX: usize = 16;
/// How long the end waits for peers to hear of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of the link. A restart is needed to change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where relays connect to, UDP.
    pub listen: SocketAddr,
    /// Most connections at the same time.
    pub connections_max: u32,
    /// Most blocks of one relay under way: received and not yet committed.
    pub window: u16,
    /// Most bytes of all relays' blocks under way.
    pub bytes_max: ByteSize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4801)),
            connections_max: 4096,
            window: 16,
            bytes_max: ByteSize(128 * 1024 * 1024),
        }
    }
}

/// Why the link cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The port is taken or not allowed.
    #[error("relays cannot connect to {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No certificate to show.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The certificates are not usable.
    #[error("link cannot be secured: {0}")]
    Tls(String),
}

/// Where blocks go to: the digest, or what stands for it.
pub trait Sink: Clone + Send + Sync + 'static {
    /// Applies a block; resolves after the commit. Blocks of a lane come in order, several at once.
    fn deliver(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Applied, DigestError>> + Send;

    /// Moves a lane's cursor past records that will never come.
    fn skip(&self, skip: Skip) -> impl Future<Output = Result<Applied, DigestError>> + Send;
}

impl Sink for digest::Handle {
    async fn deliver(&self, delivery: Delivery) -> Result<Applied, DigestError> {
        Self::deliver(self, delivery).await
    }

    async fn skip(&self, skip: Skip) -> Result<Applied, DigestError> {
        Self::skip(self, skip).await
    }
}

/// A handle on the served link.
#[derive(Clone, Debug)]
pub struct Handle {
    local_addr: SocketAddr,
    sessions: Sessions,
}

impl Handle {
    /// The address relays connect to; the port was chosen here when the configuration says 0.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The relays that are connected.
    #[must_use]
    pub fn connected(&self) -> Vec<RelayId> {
        self.sessions.lock().keys().copied().collect()
    }
}

/// The connected relays; at most one connection each.
#[derive(Clone, Debug, Default)]
struct Sessions(Arc<Mutex<HashMap<RelayId, Holder>>>);

impl Sessions {
    /// Lets a connection stand for its relay; one that did before is closed. That both are of one
    /// relay is known by then: the newer has at least a working path.
    fn enter(&self, relay: RelayId, holder: Holder) {
        if let Some(before) = self.lock().insert(relay, holder) {
            close(&before.connection, CloseCode::Replaced);
            tracing::debug!(relay.id = %relay, "connection replaced by a newer one");
        }
    }

    fn leave(&self, relay: RelayId, connection: &Connection) {
        let mut sessions = self.lock();
        let id = sessions.get(&relay).map(|one| one.connection.stable_id());
        if id == Some(connection.stable_id()) {
            sessions.remove(&relay);
        }
    }

    /// The start of a relay that is connected, whether it answers, and its round trip.
    fn holder(&self, relay: RelayId) -> Option<(u64, Arc<Alive>, Duration)> {
        let sessions = self.lock();
        let holder = sessions.get(&relay)?;
        let rtt = holder.connection.rtt();
        Some((holder.instance, Arc::clone(&holder.alive), rtt))
    }

    /// Where a relay is connected from.
    fn address(&self, relay: RelayId) -> Option<SocketAddr> {
        let sessions = self.lock();
        Some(sessions.get(&relay)?.connection.remote_address())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RelayId, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every connection's task has at hand.
struct Context<S> {
    config: Config,
    fleet: Fleet,
    sink: S,
    sessions: Sessions,
    /// Room for the bytes of blocks under way, in KiB.
    room: Arc<Semaphore>,
    enrolments: Semaphore,
    cancel: CancellationToken,
}

/// Binds the port and serves relays until `cancel`; what was received by then is still committed
/// and acknowledged.
///
/// # Errors
/// [`ReceiveError`]; then nothing was started.
pub fn start<S: Sink>(
    config: Config,
    fleet: Fleet,
    sink: S,
    tracker: &TaskTracker,
    cancel: CancellationToken,
) -> Result<Handle, ReceiveError> {
    let address = config.listen;
    let server = tls::server_config(&fleet, &config)?;
    let bind = |source| ReceiveError::Bind { address, source };
    let endpoint = Endpoint::server(server, address).map_err(bind)?;
    let handle = Handle {
        local_addr: endpoint.local_addr().map_err(bind)?,
        sessions: Sessions::default(),
    };
    let room = usize::try_from(config.bytes_max.0 / 1024).unwrap_or(usize::MAX);
    let context = Arc::new(Context {
        config,
        fleet,
        sink,
        sessions: handle.sessions.clone(),
        room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
        enrolments: Semaphore::new(ENROLMENTS_MAX),
        cancel,
    });
    tracker.spawn(run(endpoint, context, tracker.clone()));
    Ok(handle)
}

async fn run<S: Sink>(endpoint: Endpoint, context: Arc<Context<S>>, tracker: TaskTracker) {
    let mut refresh = interval(REFRESH_INTERVAL);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_behind = false;
    // Sessions are counted apart from the app's other tasks, to know when the last has ended.
    let sessions = TaskTracker::new();
    loop {
        tokio::select! {
            () = context.cancel.cancelled() => break,
            _ = refresh.tick() => match context.fleet.refresh().await {
                Ok(()) => is_behind = false,
                Err(error) if is_behind => tracing::debug!(%error, "fleet is still not readable"),
                Err(error) => {
                    is_behind = true;
                    tracing::warn!(%error, "fleet is not readable, relays go on as they are");
                }
            },
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => {
                    let session = accept(incoming, Arc::clone(&context), endpoint.open_connections());
                    tracker.spawn(sessions.track_future(session));
                }
                None => break,
            },
        }
    }
    sessions.close();
    sessions.wait().await;
    if let Err(error) = context.fleet.refresh().await {
        tracing::debug!(%error, "what relays showed last is not kept");
    }
    endpoint.close(code(CloseCode::Done), b"hub is stopping");
    drop(timeout(CLOSE_TIMEOUT, endpoint.wait_idle()).await);
}

async fn accept<S: Sink>(incoming: Incoming, context: Arc<Context<S>>, n_connections: usize) {
    if n_connections >= context.config.connections_max as usize {
        incoming.refuse();
        return;
    }
    let handshake = async { incoming.accept()?.await };
    let connection = match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%error, "handshake did not succeed"),
        Err(_) => return tracing::debug!("handshake took too long"),
    };
    let data = connection.handshake_data();
    let protocol = data
        .and_then(|data| data.downcast::<HandshakeData>().ok())
        .and_then(|data| data.protocol);
    match protocol.as_deref() {
        Some(ALPN) => session::serve(connection, context).await,
        Some(ALPN_ENROL) => enrol::serve(connection, context).await,
        _ => close(&connection, CloseCode::Version),
    }
}

fn code(code: CloseCode) -> VarInt {
    VarInt::from_u32(code.code())
}

fn close(connection: &Connection, why: CloseCode) {
    connection.close(code(why), why.reason().as_bytes());
}
