//! A link as bad as asked: a proxy between a relay and its hub, for UDP and TCP on one port.
//!
//! It lives on loopback, on a thread of its own, and ends with its [`Link`]. Its chance follows
//! from a seed; when datagrams meet it does not, so a run is alike and not the same.
//! What waits in it is bounded: beyond that it loses, as links do.
//!
//! TCP is bytes here, not packets: a loss costs the time of sending again, a black hole or a link
//! that is down holds the stream, and the longest datagram means nothing to it.

mod tcp;
mod udp;
mod way;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::wait::clock;

pub use way::{Burst, Way};

use way::Pipe;

/// Most bytes of a recording.
const RECORDED_MAX: usize = 64 * 1024 * 1024;
/// Ports that are tried until one is free for UDP and TCP.
const PORT_TRIES: usize = 20;

/// How the link is. The default is a perfect one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// From the relay to the hub.
    pub to_hub: Way,
    /// From the hub to the relay.
    pub to_relay: Way,
    /// How often the relay seems to come from another port, as behind a NAT that forgets.
    pub rebind_every: Option<Duration>,
    /// No datagram comes through; streams do.
    pub is_udp_blocked: bool,
    /// Streams are closed; datagrams come through.
    pub is_tcp_blocked: bool,
    /// A link that comes and goes.
    pub flap: Option<Flap>,
}

impl Conditions {
    /// The same in both directions.
    #[must_use]
    pub fn both(way: Way) -> Self {
        Self {
            to_hub: way.clone(),
            to_relay: way,
            ..Self::default()
        }
    }

    /// Nothing comes through, either way.
    #[must_use]
    pub fn down() -> Self {
        Self::both(Way {
            is_black_hole: true,
            ..Way::default()
        })
    }

    fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::ToHub => &self.to_hub,
            Direction::ToRelay => &self.to_relay,
        }
    }

    fn is_up(&self, now: Duration) -> bool {
        self.flap.is_none_or(|flap| flap.is_up(now))
    }
}

/// Up for a while, down for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flap {
    /// How long it is up.
    pub up: Duration,
    /// How long it is down.
    pub down: Duration,
}

impl Flap {
    fn is_up(self, now: Duration) -> bool {
        let whole = (self.up + self.down).as_nanos().max(1);
        now.as_nanos() % whole < self.up.as_nanos()
    }
}

/// What went through, as it was offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams, or reads of a stream.
    pub datagrams: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that were lost.
    pub lost: u64,
}

/// Everything that went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// UDP from the relay to the hub.
    pub udp_to_hub: Counts,
    /// UDP from the hub to the relay.
    pub udp_to_relay: Counts,
    /// TCP from the relay to the hub.
    pub tcp_to_hub: Counts,
    /// TCP from the hub to the relay.
    pub tcp_to_relay: Counts,
    /// Times that the relay's port seemed to change.
    pub rebinds: u64,
}

impl Traffic {
    /// Bytes to the hub, by whatever transport.
    #[must_use]
    pub const fn bytes_to_hub(&self) -> u64 {
        self.udp_to_hub.bytes + self.tcp_to_hub.bytes
    }

    /// Bytes to the relay, by whatever transport.
    #[must_use]
    pub const fn bytes_to_relay(&self) -> u64 {
        self.udp_to_relay.bytes + self.tcp_to_relay.bytes
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToHub,
    ToRelay,
}

#[derive(Clone, Copy, Debug)]
enum Transport {
    Udp,
    Tcp,
}

#[derive(Debug, Default)]
struct Meter {
    datagrams: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
}

impl Meter {
    fn read(&self) -> Counts {
        Counts {
            datagrams: self.datagrams.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
        }
    }
}

/// What the handle and the proxy share.
#[derive(Debug)]
struct Shared {
    conditions: Mutex<Conditions>,
    meters: [Meter; 4],
    rebinds: AtomicU64,
    /// What comes through, once somebody asks for it.
    recording: Mutex<Option<Vec<u8>>>,
    began: Instant,
    target: SocketAddr,
    cancel: CancellationToken,
}

impl Shared {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn conditions(&self) -> Conditions {
        self.with(|conditions| conditions.clone())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Conditions) -> T) -> T {
        let conditions = self.conditions.lock();
        look(&mut conditions.unwrap_or_else(PoisonError::into_inner))
    }

    const fn meter(&self, transport: Transport, direction: Direction) -> &Meter {
        let [udp_to_hub, udp_to_relay, tcp_to_hub, tcp_to_relay] = &self.meters;
        match (transport, direction) {
            (Transport::Udp, Direction::ToHub) => udp_to_hub,
            (Transport::Udp, Direction::ToRelay) => udp_to_relay,
            (Transport::Tcp, Direction::ToHub) => tcp_to_hub,
            (Transport::Tcp, Direction::ToRelay) => tcp_to_relay,
        }
    }

    fn count(&self, transport: Transport, direction: Direction, bytes: &[u8]) {
        let meter = self.meter(transport, direction);
        meter.datagrams.fetch_add(1, Ordering::Relaxed);
        meter.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if let Some(recording) = &mut *self.recording()
            && recording.len() < RECORDED_MAX
        {
            recording.extend_from_slice(bytes);
        }
    }

    fn recording(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        let recording = self.recording.lock();
        recording.unwrap_or_else(PoisonError::into_inner)
    }

    fn count_lost(&self, transport: Transport, direction: Direction) {
        let meter = self.meter(transport, direction);
        meter.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// A running proxy; it ends with this value.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// A perfect link to `target`, on a free port of loopback.
    ///
    /// # Errors
    /// When there is no port or no thread.
    pub fn start(seed: u64, target: SocketAddr) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (udp, tcp) = sockets()?;
        let address = udp.local_addr()?;
        let shared = Arc::new(Shared {
            conditions: Mutex::default(),
            meters: Default::default(),
            rebinds: AtomicU64::new(0),
            recording: Mutex::default(),
            began: clock(),
            target,
            cancel: CancellationToken::new(),
        });
        let mut chance = Chance::new(seed);
        let pipes = [Pipe::new(chance.fork()), Pipe::new(chance.fork())];
        let of_thread = Arc::clone(&shared);
        let serve = async move {
            let cancel = of_thread.cancel.clone();
            let both = async {
                tokio::join!(
                    udp::serve(Arc::clone(&of_thread), udp, pipes),
                    tcp::serve(Arc::clone(&of_thread), tcp, chance),
                )
            };
            cancel.run_until_cancelled(both).await;
        };
        let thread = std::thread::Builder::new()
            .name("impair".to_owned())
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// Where the relay finds it.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the link is like this.
    pub fn set(&self, conditions: Conditions) {
        self.shared.with(|current| *current = conditions);
    }

    /// Changes something about it.
    pub fn change(&self, change: impl FnOnce(&mut Conditions)) {
        self.shared.with(change);
    }

    /// From now on what is offered is recorded, in the order in which it comes; 64 MiB at most.
    pub fn record(&self) {
        self.shared.recording().get_or_insert_default();
    }

    /// What was recorded.
    #[must_use]
    pub fn recorded(&self) -> Vec<u8> {
        self.shared.recording().clone().unwrap_or_default()
    }

    /// What went through so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let read = |transport, direction| self.shared.meter(transport, direction).read();
        Traffic {
            udp_to_hub: read(Transport::Udp, Direction::ToHub),
            udp_to_relay: read(Transport::Udp, Direction::ToRelay),
            tcp_to_hub: read(Transport::Tcp, Direction::ToHub),
            tcp_to_relay: read(Transport::Tcp, Direction::ToRelay),
            rebinds: self.shared.rebinds.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A UDP and a TCP socket on the same port, as a link takes both.
pub(crate) fn sockets() -> anyhow::Result<(UdpSocket, TcpListener)> {
    for _ in 0..PORT_TRIES {
        let tcp = TcpListener::bind("127.0.0.1:0")?;
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr()?) {
            tcp.set_nonblocking(true)?;
            udp.set_nonblocking(true)?;
            return Ok((udp, tcp));
        }
    }
    None.context("no port is free for UDP and TCP")
}

#[cfg(test)]
mod tests;
