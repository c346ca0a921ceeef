//! The link between two real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);
/// Long enough for whatever comes to have come.
const SILENCE: Duration = Duration::from_millis(150);

async fn udp() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// A hub that answers each datagram with the same and tells from which port it came.
struct Echo {
    hub: UdpSocket,
    relay: UdpSocket,
    link: Link,
}

impl Echo {
    async fn start() -> Self {
        let hub = udp().await;
        let link = Link::start(1, hub.local_addr().unwrap()).unwrap();
        let relay = udp().await;
        relay.connect(link.address()).await.unwrap();
        Self { hub, relay, link }
    }

    /// Sends one and waits until the hub has it; gives the port it came from.
    async fn there(&self, datagram: &[u8]) -> Option<SocketAddr> {
        self.relay.send(datagram).await.unwrap();
        let mut buffer = [0; 2_000];
        let arrived = timeout(SILENCE * 4, self.hub.recv_from(&mut buffer)).await;
        let (len, from) = arrived.ok()?.unwrap();
        assert_eq!(&buffer[..len], datagram);
        Some(from)
    }

    async fn back(&self, datagram: &[u8], to: SocketAddr) -> bool {
        self.hub.send_to(datagram, to).await.unwrap();
        let mut buffer = [0; 2_000];
        timeout(SILENCE, self.relay.recv(&mut buffer)).await.is_ok()
    }
}

#[tokio::test]
async fn datagrams_go_both_ways_and_are_counted() {
    let echo = Echo::start().await;
    let from = echo.there(b"hello").await.unwrap();
    assert!(echo.back(b"welcome", from).await);
    let traffic = echo.link.traffic();
    assert_eq!(traffic.udp_to_hub.bytes, 5);
    assert_eq!(traffic.udp_to_relay.bytes, 7);
    assert_eq!(traffic.udp_to_hub.lost + traffic.udp_to_relay.lost, 0);
}

#[tokio::test]
async fn a_black_hole_is_of_one_direction_and_can_end() {
    let echo = Echo::start().await;
    let from = echo.there(b"a").await.unwrap();
    echo.link.change(|link| link.to_relay.is_black_hole = true);
    assert!(echo.there(b"b").await.is_some());
    assert!(!echo.back(b"c", from).await);
    echo.link.set(Conditions::down());
    assert!(echo.there(b"d").await.is_none());
    echo.link.set(Conditions::default());
    assert!(echo.back(b"e", from).await);
    assert_eq!(echo.link.traffic().udp_to_relay.lost, 1);
}

#[tokio::test]
async fn long_datagrams_and_blocked_ones_do_not_arrive() {
    let echo = Echo::start().await;
    echo.link.change(|link| link.to_hub.bytes_max = Some(1_200));
    assert!(echo.there(&[1; 1_201]).await.is_none());
    assert!(echo.there(&[1; 1_200]).await.is_some());
    echo.link.change(|link| link.is_udp_blocked = true);
    assert!(echo.there(b"x").await.is_none());
}

#[tokio::test]
async fn the_relay_seems_to_come_from_another_port_again_and_again() {
    let echo = Echo::start().await;
    let first = echo.there(b"a").await.unwrap();
    assert_eq!(echo.there(b"a").await, Some(first));
    echo.link
        .change(|link| link.rebind_every = Some(Duration::ZERO));
    let second = echo.there(b"a").await.unwrap();
    assert_ne!(first, second);
    // Nobody hears what is said to the port before.
    assert!(!echo.back(b"b", first).await);
    assert!(echo.back(b"b", second).await);
    assert!(echo.link.traffic().rebinds >= 1);
}

#[tokio::test]
async fn delay_is_kept() {
    let echo = Echo::start().await;
    echo.link
        .change(|link| link.to_hub.delay = Duration::from_millis(80));
    let began = clock();
    assert!(echo.there(b"a").await.is_some());
    assert!(began.elapsed() >= Duration::from_millis(80));
}

/// Sends bytes through a stream and counts what arrives until its end.
async fn through(link: &Link, listener: &TcpListener, len: usize) -> usize {
    let mut relay = TcpStream::connect(link.address()).await.unwrap();
    let (mut hub, _) = timeout(DEADLINE, listener.accept()).await.unwrap().unwrap();
    let sending = async {
        relay.write_all(&vec![7; len]).await.unwrap();
        relay.shutdown().await.unwrap();
    };
    let mut arrived = Vec::new();
    let receiving = hub.read_to_end(&mut arrived);
    let both = async { tokio::join!(sending, receiving) };
    timeout(DEADLINE, both).await.unwrap().1.unwrap();
    arrived.len()
}

#[tokio::test]
async fn a_stream_arrives_whole_however_bad_the_link() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::start(5, listener.local_addr().unwrap()).unwrap();
    assert_eq!(through(&link, &listener, 1 << 20).await, 1 << 20);
    link.set(Conditions::both(Way {
        loss: 0.05,
        delay: Duration::from_millis(10),
        bits_per_second: Some(10_000_000),
        ..Way::default()
    }));
    assert_eq!(through(&link, &listener, 100_000).await, 100_000);
    assert!(link.traffic().tcp_to_hub.bytes >= (1 << 20) + 100_000);
}

#[tokio::test]
async fn a_stream_waits_while_the_link_is_down_and_ends_when_it_is_blocked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::start(5, listener.local_addr().unwrap()).unwrap();
    let mut relay = TcpStream::connect(link.address()).await.unwrap();
    let (mut hub, _) = timeout(DEADLINE, listener.accept()).await.unwrap().unwrap();
    link.set(Conditions::down());
    relay.write_all(b"late").await.unwrap();
    let mut buffer = [0; 4];
    assert!(timeout(SILENCE, hub.read_exact(&mut buffer)).await.is_err());
    link.set(Conditions::default());
    timeout(DEADLINE, hub.read_exact(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&buffer, b"late");
    link.change(|link| link.is_tcp_blocked = true);
    let ended = timeout(DEADLINE, hub.read(&mut buffer)).await.unwrap();
    assert_eq!(ended.unwrap_or(0), 0);
}

#[test]
fn a_link_that_flaps_is_up_for_its_share_of_the_time() {
    let flap = Flap {
        up: Duration::from_secs(3),
        down: Duration::from_secs(7),
    };
    let up = (0..100_u64).filter(|s| flap.is_up(Duration::from_secs(*s)));
    assert_eq!(up.count(), 30);
}

#[tokio::test]
async fn the_port_is_free_again_when_the_link_has_ended() {
    let hub = udp().await;
    let link = Link::start(1, hub.local_addr().unwrap()).unwrap();
    let address = link.address();
    drop(link);
    UdpSocket::bind(address).await.unwrap();
    TcpListener::bind(address).await.unwrap();
}
