//! Datagrams through the link, and the relay's changing port.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::way::{Fate, Pipe};
use super::{Direction, Shared, Transport};

/// Longest datagram.
const DATAGRAM_MAX: usize = 65_536;
/// Bytes on their way in both directions; further ones are lost.
const UNDER_WAY_MAX: usize = 32 * 1024 * 1024;
/// Answers of the hub that wait to be looked at.
const ANSWERS_MAX: usize = 1024;
/// Relays' sockets at a time; the oldest goes for a new one.
const FLOWS_MAX: usize = 64;
/// How often the link looks whether it has changed when nothing else happens.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The hub's side of one socket of a relay.
struct Flow {
    upstream: Arc<UdpSocket>,
    reader: AbortHandle,
    bound_at: Duration,
}

/// A datagram on its way, earliest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    at: Duration,
    /// Keeps the order of those that arrive at the same time.
    n: u64,
    direction: Direction,
    relay: SocketAddr,
    datagram: Bytes,
}

struct Proxy {
    shared: Arc<Shared>,
    front: Arc<UdpSocket>,
    pipes: [Pipe; 2],
    flows: BTreeMap<SocketAddr, Flow>,
    readers: JoinSet<()>,
    answers: mpsc::Sender<(SocketAddr, Bytes)>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    bytes_under_way: usize,
    n: u64,
}

/// Carries datagrams until the link ends.
pub(super) async fn serve(shared: Arc<Shared>, front: std::net::UdpSocket, pipes: [Pipe; 2]) {
    let (answers, mut answered) = mpsc::channel(ANSWERS_MAX);
    let Ok(front) = UdpSocket::from_std(front).map(Arc::new) else {
        return;
    };
    let mut proxy = Proxy {
        shared,
        front: Arc::clone(&front),
        pipes,
        flows: BTreeMap::new(),
        readers: JoinSet::new(),
        answers,
        under_way: BinaryHeap::new(),
        bytes_under_way: 0,
        n: 0,
    };
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let due = proxy.due();
        tokio::select! {
            received = front.recv_from(&mut buffer) => {
                // An error tells of an earlier datagram that nobody took.
                if let Ok((len, relay)) = received {
                    let datagram = Bytes::copy_from_slice(buffer.get(..len).unwrap_or_default());
                    proxy.take(Direction::ToHub, relay, &datagram);
                }
            }
            Some((relay, datagram)) = answered.recv() => {
                proxy.take(Direction::ToRelay, relay, &datagram);
            }
            () = sleep_until(due) => proxy.deliver().await,
            Some(_) = proxy.readers.join_next() => {}
        }
    }
}

impl Proxy {
    fn due(&self) -> Instant {
        let began = Instant::from_std(self.shared.began);
        let look = Instant::now() + LOOK_EVERY;
        let first = self.under_way.peek();
        first.map_or(look, |Reverse(first)| look.min(began + first.at))
    }

    /// Decides what becomes of a datagram.
    fn take(&mut self, direction: Direction, relay: SocketAddr, datagram: &Bytes) {
        let now = self.shared.now();
        self.shared.count(Transport::Udp, direction, datagram);
        let conditions = self.shared.conditions();
        let [to_hub, to_relay] = &mut self.pipes;
        let pipe = match direction {
            Direction::ToHub => to_hub,
            Direction::ToRelay => to_relay,
        };
        let fate = pipe.offer(conditions.way(direction), now, datagram.len());
        let is_open = !conditions.is_udp_blocked && conditions.is_up(now);
        match fate {
            Fate::Arrives(at, again) if is_open && self.bytes_under_way < UNDER_WAY_MAX => {
                for at in [Some(at), again].into_iter().flatten() {
                    self.n += 1;
                    self.bytes_under_way += datagram.len();
                    self.under_way.push(Reverse(UnderWay {
                        at,
                        n: self.n,
                        direction,
                        relay,
                        datagram: datagram.clone(),
                    }));
                }
            }
            Fate::Arrives(..) | Fate::Lost => self.shared.count_lost(Transport::Udp, direction),
        }
    }

    /// Hands over what is due.
    async fn deliver(&mut self) {
        let now = self.shared.now();
        while let Some(Reverse(first)) = self.under_way.peek()
            && first.at <= now
        {
            let Some(Reverse(due)) = self.under_way.pop() else {
                return;
            };
            self.bytes_under_way = self.bytes_under_way.saturating_sub(due.datagram.len());
            // A full socket or one that nobody has open loses it, as a link would.
            match due.direction {
                Direction::ToRelay => drop(self.front.send_to(&due.datagram, due.relay).await),
                Direction::ToHub => {
                    if let Some(upstream) = self.upstream(due.relay, now).await {
                        drop(upstream.send(&due.datagram).await);
                    }
                }
            }
        }
    }

    /// The socket towards the hub, a new one when the time for that has come.
    async fn upstream(&mut self, relay: SocketAddr, now: Duration) -> Option<Arc<UdpSocket>> {
        let every = self.shared.with(|conditions| conditions.rebind_every);
        let flow = self.flows.get(&relay);
        let is_stale = flow.is_some_and(|flow| {
            every.is_some_and(|every| now.saturating_sub(flow.bound_at) >= every)
        });
        if let Some(flow) = flow.filter(|_| !is_stale) {
            return Some(Arc::clone(&flow.upstream));
        }
        if is_stale {
            self.shared.rebinds.fetch_add(1, Ordering::Relaxed);
        }
        let upstream = UdpSocket::bind("127.0.0.1:0").await.ok()?;
        upstream.connect(self.shared.target).await.ok()?;
        let upstream = Arc::new(upstream);
        let reading = read(Arc::clone(&upstream), relay, self.answers.clone());
        let reader = self.readers.spawn(reading);
        let flow = Flow {
            upstream: Arc::clone(&upstream),
            reader,
            bound_at: now,
        };
        if let Some(before) = self.flows.insert(relay, flow) {
            before.reader.abort();
        }
        while self.flows.len() > FLOWS_MAX {
            let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.bound_at);
            let oldest = oldest.map(|(relay, _)| *relay)?;
            if let Some(gone) = self.flows.remove(&oldest) {
                gone.reader.abort();
            }
        }
        Some(upstream)
    }
}

/// Takes the hub's answers to one socket.
async fn read(
    upstream: Arc<UdpSocket>,
    relay: SocketAddr,
    answers: mpsc::Sender<(SocketAddr, Bytes)>,
) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        match upstream.recv(&mut buffer).await {
            Ok(len) => {
                let datagram = Bytes::copy_from_slice(buffer.get(..len).unwrap_or_default());
                if answers.send((relay, datagram)).await.is_err() {
                    return;
                }
            }
            // Nobody listens at the hub's port at the moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}
