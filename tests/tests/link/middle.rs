//! A network between a relay and its hub that can be told what to let pass.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// One address that leads to another, over UDP and TCP.
pub(crate) struct Middle {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _end: DropGuard,
}

struct Shared {
    udp_passes: AtomicBool,
    tcp_passes: AtomicBool,
    /// Larger datagrams are dropped.
    udp_bytes_max: AtomicU64,
    udp_up: AtomicU64,
    /// Bytes up after which no datagram passes any more, either way.
    udp_up_max: AtomicU64,
    /// By where they come from.
    flows: Mutex<HashMap<SocketAddr, Arc<UdpSocket>>>,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Middle {
    pub(crate) async fn to(hub: SocketAddr) -> Self {
        let (socket, listener) = loop {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()).await {
                break (Arc::new(socket), listener);
            }
        };
        let address = socket.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let shared = Arc::new(Shared {
            udp_passes: AtomicBool::new(true),
            tcp_passes: AtomicBool::new(true),
            udp_bytes_max: AtomicU64::new(u64::MAX),
            udp_up: AtomicU64::new(0),
            udp_up_max: AtomicU64::new(u64::MAX),
            flows: Mutex::default(),
            tracker: TaskTracker::new(),
            cancel: cancel.clone(),
        });
        shared.spawn(datagrams(Arc::clone(&shared), socket, hub));
        shared.spawn(streams(Arc::clone(&shared), listener, hub));
        Self {
            address,
            shared,
            _end: cancel.drop_guard(),
        }
    }

    pub(crate) fn let_udp_pass(&self, pass: bool) {
        self.shared.udp_passes.store(pass, Ordering::Relaxed);
    }

    pub(crate) fn let_tcp_pass(&self, pass: bool) {
        self.shared.tcp_passes.store(pass, Ordering::Relaxed);
    }

    pub(crate) fn limit_udp(&self, bytes_max: u64) {
        self.shared
            .udp_bytes_max
            .store(bytes_max, Ordering::Relaxed);
    }

    /// Nothing passes by UDP behind so many bytes more up.
    pub(crate) fn end_udp_after(&self, bytes: u64) {
        let most = self.udp_up() + bytes;
        self.shared.udp_up_max.store(most, Ordering::Relaxed);
    }

    /// From now on datagrams come from other ports, as from a NAT that forgot them.
    pub(crate) async fn rebind(&self) {
        self.shared.flows.lock().await.clear();
    }

    pub(crate) fn udp_up(&self) -> u64 {
        self.shared.udp_up.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tracker.spawn(async move {
            cancel.run_until_cancelled(task).await;
        });
    }

    fn lets_pass(&self, n: usize) -> bool {
        self.udp_passes.load(Ordering::Relaxed)
            && self.udp_up.load(Ordering::Relaxed) < self.udp_up_max.load(Ordering::Relaxed)
            && n as u64 <= self.udp_bytes_max.load(Ordering::Relaxed)
    }
}

async fn datagrams(shared: Arc<Shared>, socket: Arc<UdpSocket>, hub: SocketAddr) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((n, relay)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        if !shared.lets_pass(n) {
            continue;
        }
        let mut flows = shared.flows.lock().await;
        let flow = match flows.get(&relay) {
            Some(flow) => Arc::clone(flow),
            None => {
                let flow = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                flow.connect(hub).await.unwrap();
                let (flow_in, socket) = (Arc::clone(&flow), Arc::clone(&socket));
                shared.spawn(answers(Arc::clone(&shared), flow_in, socket, relay));
                flows.insert(relay, Arc::clone(&flow));
                flow
            }
        };
        drop(flow.send(buffer.get(..n).unwrap()).await);
        shared.udp_up.fetch_add(n as u64, Ordering::Relaxed);
    }
}

async fn answers(
    shared: Arc<Shared>,
    flow: Arc<UdpSocket>,
    socket: Arc<UdpSocket>,
    relay: SocketAddr,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let received = flow.recv(&mut buffer).await;
        // What comes to the port of before finds nobody.
        let is_current = |flows: &HashMap<SocketAddr, Arc<UdpSocket>>| {
            flows.get(&relay).is_some_and(|now| Arc::ptr_eq(now, &flow))
        };
        if !is_current(&*shared.flows.lock().await) {
            return;
        }
        if let Ok(n) = received
            && shared.lets_pass(n)
        {
            drop(socket.send_to(buffer.get(..n).unwrap(), relay).await);
        }
    }
}

async fn streams(shared: Arc<Shared>, listener: TcpListener, hub: SocketAddr) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        if !shared.tcp_passes.load(Ordering::Relaxed) {
            continue;
        }
        shared.spawn(stream_to(Arc::clone(&shared), stream, hub));
    }
}

async fn stream_to(shared: Arc<Shared>, stream: TcpStream, hub: SocketAddr) {
    let Ok(hub) = TcpStream::connect(hub).await else {
        return;
    };
    let (mut relay_in, mut relay_out) = stream.into_split();
    let (mut hub_in, mut hub_out) = hub.into_split();
    let up = async {
        drop(tokio::io::copy(&mut relay_in, &mut hub_out).await);
        drop(hub_out.shutdown().await);
    };
    let down = async {
        drop(tokio::io::copy(&mut hub_in, &mut relay_out).await);
        drop(relay_out.shutdown().await);
    };
    let cut = async {
        while shared.tcp_passes.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(up, down) } => {}
        () = cut => {}
    }
}
