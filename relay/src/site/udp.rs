//! Datagrams to the hub: each relay's from a socket of its own, so that its answers find back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::table::{Table, Times};
use super::{Meter, count};
use crate::{clock, forward};

/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// Largest datagram of the hub; QUIC stays far below.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// How often silent flows are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// How often the hub's name is looked up.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(30);
/// How often while it gives no address.
const RESOLVE_RETRY: Duration = Duration::from_secs(2);
/// How long a socket that fails is left alone.
const SOCKET_PAUSE: Duration = Duration::from_millis(20);

/// The datagrams that pass.
pub(super) struct Datagrams {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) link: forward::Handle,
    pub(super) flows_max: usize,
    pub(super) idle: Duration,
    pub(super) meter: Arc<Meter>,
}

/// One relay's datagrams.
struct Flow {
    socket: Arc<UdpSocket>,
    shown: Arc<Shown>,
    _answers: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Shown {
    last_ms: AtomicU64,
    is_answered: AtomicBool,
}

impl Shown {
    fn touch(&self) {
        let now = u64::try_from(clock::monotonic().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    fn times(&self) -> Times {
        Times {
            last: Duration::from_millis(self.last_ms.load(Ordering::Relaxed)),
            is_answered: self.is_answered.load(Ordering::Relaxed),
        }
    }
}

impl Datagrams {
    pub(super) async fn run(self, cancel: CancellationToken) {
        cancel.run_until_cancelled_owned(self.serve()).await;
    }

    async fn serve(self) {
        let answers = TaskTracker::new();
        let mut table = Table::new(self.flows_max, self.idle);
        let mut sweep = interval(SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hub = None;
        let mut looking = std::pin::pin!(look_up(&self.link, Duration::ZERO));
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            tokio::select! {
                found = &mut looking => {
                    let pause = match found {
                        Some(_) => RESOLVE_INTERVAL,
                        None => RESOLVE_RETRY,
                    };
                    hub = found.or(hub);
                    looking.set(look_up(&self.link, pause));
                }
                _ = sweep.tick() => {
                    table.sweep(clock::monotonic(), |flow: &Flow| flow.shown.times());
                    self.meter.udp_flows.store(table.len() as u64, Ordering::Relaxed);
                }
                received = self.socket.recv_from(&mut buffer) => {
                    let Ok((n, relay)) = received else {
                        sleep(SOCKET_PAUSE).await;
                        continue;
                    };
                    if table.get(&relay).is_none() {
                        let opened = match hub.filter(|_| table.has_room()) {
                            Some(hub) => self.open(relay, hub, &answers).await.ok(),
                            None => None,
                        };
                        let Some(flow) = opened else {
                            count(&self.meter.refused, 1);
                            continue;
                        };
                        table.insert(relay, flow);
                        self.meter.udp_flows.store(table.len() as u64, Ordering::Relaxed);
                    }
                    if let Some((flow, bytes)) = table.get(&relay).zip(buffer.get(..n)) {
                        flow.shown.touch();
                        // One that does not go is lost, as datagrams may be.
                        if flow.socket.try_send(bytes).is_ok() {
                            count(&self.meter.bytes_up, n);
                        }
                    }
                }
            }
        }
    }

    async fn open(
        &self,
        relay: SocketAddr,
        hub: SocketAddr,
        answers: &TaskTracker,
    ) -> io::Result<Flow> {
        let any = match hub {
            SocketAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(hub).await?;
        // Writable once, or the first datagram would be taken for one too many.
        socket.writable().await?;
        let socket = Arc::new(socket);
        let shown = Arc::new(Shown::default());
        shown.touch();
        let answer = answer(
            Arc::clone(&socket),
            Arc::clone(&self.socket),
            relay,
            Arc::clone(&shown),
            Arc::clone(&self.meter),
        );
        Ok(Flow {
            socket,
            shown,
            _answers: AbortOnDropHandle::new(answers.spawn(answer)),
        })
    }
}

/// Brings the hub's answers to a relay.
async fn answer(
    hub: Arc<UdpSocket>,
    relays: Arc<UdpSocket>,
    relay: SocketAddr,
    shown: Arc<Shown>,
    meter: Arc<Meter>,
) {
    let mut buffer = vec![0; ANSWER_BYTES_MAX];
    loop {
        let Ok(n) = hub.recv(&mut buffer).await else {
            // The hub's host says that nobody listens; it may be back soon.
            sleep(SOCKET_PAUSE).await;
            continue;
        };
        shown.touch();
        shown.is_answered.store(true, Ordering::Relaxed);
        if let Some(bytes) = buffer.get(..n)
            && relays.send_to(bytes, relay).await.is_ok()
        {
            count(&meter.bytes_down, n);
        }
    }
}

async fn look_up(link: &forward::Handle, pause: Duration) -> Option<SocketAddr> {
    sleep(pause).await;
    link.hub_address().await.ok()
}
