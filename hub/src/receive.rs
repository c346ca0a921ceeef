//! The hub's end of the link: blocks from relays over QUIC or TCP, rosters back.
//!
//! Each relay has one session, owned by one task. A block is taken in,
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
mod dictionaries;
mod enrol;
mod inbox;
mod lanes;
mod peer;
mod questions;
mod session;
mod stream;
mod tcp;
mod tls;
mod trust;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::RelayId;
use protocol::unit::ByteSize;
use protocol::wire::{ALPN, ALPN_ENROL, CloseCode, Goaway};
use quinn::crypto::rustls::HandshakeData;
use quinn::{
    Connection, ConnectionError, Endpoint, Incoming, ServerConfig, VarInt, ZeroRttAccepted,
};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use peer::Peer;

pub use inbox::{Arrived, Inbox, Refusal, Step};

use crate::digest::{self, Applied, Delivery, DigestError, Skip};
use crate::fleet::{Fleet, FleetError};
use alive::{Alive, Holder};
use dictionaries::Awaited;

/// How long a peer may take for a handshake, and for its first frame.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the fleet's changes are looked for, so that a revocation or a key that was switched
/// off takes effect within two seconds.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// Enrolments at the same time.
const ENROLMENTS_MAX: usize = 16;
/// TCP connections that are in their handshake.
const HANDSHAKES_MAX: usize = 256;
/// How long nobody is accepted over TCP after that failed: files may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections over TCP that the kernel keeps until they are accepted.
const LISTEN_BACKLOG: u32 = 1024;
/// Ports tried when the configuration leaves the choice and TCP has not the one of UDP.
const BIND_ATTEMPTS: usize = 16;
/// How long the end waits for peers to hear of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of the link. A restart is needed to change them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where relays connect to: UDP, and TCP on the same port for networks without UDP.
    pub listen: SocketAddr,
    /// Most connections at the same time.
    pub connections_max: u32,
    /// Most blocks of one relay under way: received and not yet committed.
    pub window: u16,
    /// Most bytes of all relays' blocks under way.
    pub bytes_max: ByteSize,
    /// Where else relays find this hub, or a stand-in with its data and its authority: told to those
    /// that join, and when the hub ends. At most 7.
    #[serde(deserialize_with = "a_few")]
    pub alternatives: Vec<String>,
}

fn a_few<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let hubs = Vec::<String>::deserialize(source)?;
    if hubs.len() > Goaway::ALTERNATIVES_MAX {
        let text = format!("{} alternatives: name at most 7", hubs.len());
        return Err(serde::de::Error::custom(text));
    }
    Ok(hubs)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 4801)),
            connections_max: 4096,
            window: 256,
            bytes_max: ByteSize(128 * 1024 * 1024),
            alternatives: Vec::new(),
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
        source: io::Error,
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
            before.peer.close(CloseCode::Replaced);
            tracing::debug!(relay.id = %relay, "connection replaced by a newer one");
        }
    }

    /// Lets a connection stand for its relay, unless one of the same start does: a relay that
    /// dials by two ways says on which it goes on. Gives whether it stands.
    fn enter_first(&self, relay: RelayId, holder: &Holder) -> bool {
        let is_same = |before: &Holder| before.instance == holder.instance;
        if self.lock().get(&relay).is_some_and(is_same) {
            return false;
        }
        self.enter(relay, holder.clone());
        true
    }

    fn leave(&self, relay: RelayId, peer: &Peer) {
        let mut sessions = self.lock();
        if sessions.get(&relay).is_some_and(|one| one.peer.is(peer)) {
            sessions.remove(&relay);
        }
    }

    /// The start of a relay that is connected, whether it answers, and its round trip.
    fn holder(&self, relay: RelayId) -> Option<(u64, Arc<Alive>, Duration)> {
        let sessions = self.lock();
        let holder = sessions.get(&relay)?;
        let rtt = holder.peer.rtt();
        Some((holder.instance, Arc::clone(&holder.alive), rtt))
    }

    /// Where a relay is connected from.
    fn address(&self, relay: RelayId) -> Option<SocketAddr> {
        let sessions = self.lock();
        Some(sessions.get(&relay)?.peer.remote_address())
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
    /// Room for connections, whatever carries them.
    connections: Arc<Semaphore>,
    handshakes: Semaphore,
    /// Dictionaries that relays were asked for.
    awaited: Awaited,
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
    let tls = Arc::new(tls::server_tls(&fleet)?);
    let quic = tls::quic_config(Arc::clone(&tls), &config)?;
    let bind = |source| ReceiveError::Bind { address, source };
    let (endpoint, listener) = bind_both(&quic, address).map_err(bind)?;
    let handle = Handle {
        local_addr: endpoint.local_addr().map_err(bind)?,
        sessions: Sessions::default(),
    };
    let connections = config.connections_max as usize;
    let room = usize::try_from(config.bytes_max.0 / 1024).unwrap_or(usize::MAX);
    let context = Arc::new(Context {
        config,
        fleet,
        sink,
        sessions: handle.sessions.clone(),
        room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
        enrolments: Semaphore::new(ENROLMENTS_MAX),
        connections: Arc::new(Semaphore::new(connections)),
        handshakes: Semaphore::new(HANDSHAKES_MAX),
        awaited: Awaited::default(),
        cancel,
    });
    let doors = Doors {
        endpoint,
        listener,
        acceptor: TlsAcceptor::from(tls),
    };
    tracker.spawn(run(doors, context, tracker.clone()));
    Ok(handle)
}

/// Where relays come in.
struct Doors {
    endpoint: Endpoint,
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

/// Binds UDP and TCP to one port. When the host is to choose it, both must have it free.
fn bind_both(quic: &ServerConfig, address: SocketAddr) -> io::Result<(Endpoint, TcpListener)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let endpoint = Endpoint::server(quic.clone(), address)?;
        match listen(endpoint.local_addr()?) {
            Ok(listener) => return Ok((endpoint, listener)),
            Err(_) if address.port() == 0 && attempt < BIND_ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // The connections of the hub before may still be waiting for their end.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

async fn run<S: Sink>(doors: Doors, context: Arc<Context<S>>, tracker: TaskTracker) {
    let Doors {
        endpoint,
        listener,
        acceptor,
    } = doors;
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
                    let session = accept(incoming, Arc::clone(&context));
                    tracker.spawn(sessions.track_future(session));
                }
                None => break,
            },
            (stream, address) = next_stream(&listener) => {
                let session = accept_tcp(stream, address, acceptor.clone(), Arc::clone(&context));
                tracker.spawn(sessions.track_future(session));
            }
        }
    }
    sessions.close();
    sessions.wait().await;
    if let Err(error) = context.fleet.refresh().await {
        tracing::debug!(%error, "what relays showed last is not kept");
    }
    endpoint.close(VarInt::from_u32(CloseCode::Done.code()), b"hub is stopping");
    drop(timeout(CLOSE_TIMEOUT, endpoint.wait_idle()).await);
}

/// The next connection over TCP.
async fn next_stream(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::debug!(%error, "connection not accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept<S: Sink>(incoming: Incoming, context: Arc<Context<S>>) {
    let Ok(_place) = Arc::clone(&context.connections).try_acquire_owned() else {
        return incoming.refuse();
    };
    let shaken = match timeout(HANDSHAKE_TIMEOUT, shake_hands(incoming)).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => return tracing::debug!(%error, "handshake did not succeed"),
        Err(_) => return tracing::debug!("handshake took too long"),
    };
    let Shaken {
        connection,
        protocol,
        rest,
    } = shaken;
    serve(Peer::Quic(connection), protocol.as_deref(), rest, context).await;
}

/// A connection over QUIC.
struct Shaken {
    connection: Connection,
    /// What is spoken over it.
    protocol: Option<Vec<u8>>,
    /// What is left of a handshake that is not over, but far enough to serve who it is.
    rest: Option<ZeroRttAccepted>,
}

/// Shakes hands over QUIC.
///
/// A relay that comes with a ticket is known by it at once, and served before the handshake is
/// over: what it said with its first packet is heard a round trip earlier. Who has to show a
/// certificate first, and who enrols, waits for the handshake's end.
async fn shake_hands(incoming: Incoming) -> Result<Shaken, ConnectionError> {
    let mut connecting = incoming.accept()?;
    let data = connecting.handshake_data().await?;
    let protocol = data.downcast::<HandshakeData>().ok();
    let protocol = protocol.and_then(|data| data.protocol);
    let whole = |connection, protocol| Shaken {
        connection,
        protocol,
        rest: None,
    };
    if protocol.as_deref() != Some(ALPN) {
        return Ok(whole(connecting.await?, protocol));
    }
    let (connection, rest) = match connecting.into_0rtt() {
        Ok(early) => early,
        Err(connecting) => return Ok(whole(connecting.await?, protocol)),
    };
    if connection.peer_identity().is_some() {
        return Ok(Shaken {
            rest: Some(rest),
            ..whole(connection, protocol)
        });
    }
    rest.await;
    match connection.close_reason() {
        Some(reason) => Err(reason),
        None => Ok(whole(connection, protocol)),
    }
}

async fn accept_tcp<S: Sink>(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    context: Arc<Context<S>>,
) {
    let handshake = async {
        let _one_of_few = context.handshakes.try_acquire().map_err(io::Error::other)?;
        stream.set_nodelay(true)?;
        acceptor.accept(stream).await
    };
    let stream = match timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "handshake did not succeed"),
        Err(_) => return tracing::debug!("handshake took too long"),
    };
    let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let place = Arc::clone(&context.connections).try_acquire_owned();
    let (connection, pump) = tcp::connection(stream, address, Arc::clone(&context.room));
    let peer = Peer::Tcp(connection);
    let session = async {
        match place {
            Ok(_place) => serve(peer, protocol.as_deref(), None, context).await,
            Err(_) => peer.close(CloseCode::Limit),
        }
    };
    tokio::join!(session, pump.run());
}

async fn serve<S: Sink>(
    peer: Peer,
    protocol: Option<&[u8]>,
    rest: Option<ZeroRttAccepted>,
    context: Arc<Context<S>>,
) {
    match protocol {
        Some(ALPN) => session::serve(peer, rest, context).await,
        Some(ALPN_ENROL) => enrol::serve(peer, context).await,
        _ => peer.close(CloseCode::Version),
    }
}
