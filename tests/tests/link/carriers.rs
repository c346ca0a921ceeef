//! What carries the link: QUIC, TCP where no UDP passes, a proxy, another relay.

use protocol::roster::LinkSettings;
use protocol::wire::{ALPN, HUB_NAME};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use relay::forward::{Carrier, CarrierChoice, Proxy};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::middle::Middle;
use crate::*;

/// A joined relay's directory, and a network between it and its hub.
async fn joined_through() -> (Hub, Middle, TempDir) {
    let hub = Hub::start().await;
    let middle = Middle::to(hub.handle.local_addr()).await;
    let dir = tempfile::tempdir().unwrap();
    let token = hub.token(1, DEADLINE).await;
    let mut join = hub.join(&token, dir.path());
    join.hub = middle.address.to_string();
    forward::join(&join).await.unwrap();
    (hub, middle, dir)
}

/// A machine that is busy with other tests may take longer for QUIC than TCP is waited for.
fn patient(config: &mut forward::Config) {
    config.tcp_delay = Span(DEADLINE);
}

async fn connected_by(relay: &Relay, carrier: Carrier) {
    until(carrier.name(), || {
        relay.link.status().carrier == Some(carrier)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_joins_and_delivers_over_tcp_when_no_udp_passes() {
    let hub = Hub::start().await;
    let middle = Middle::to(hub.handle.local_addr()).await;
    middle.let_udp_pass(false);
    let dir = tempfile::tempdir().unwrap();
    let token = hub.token(1, DEADLINE).await;
    let mut join = hub.join(&token, dir.path());
    join.hub = middle.address.to_string();
    forward::join(&join).await.unwrap();

    let relay = Relay::start(dir.path());
    for n in 0..200 {
        relay.keep(Lane::Errors, n).await;
    }
    let mut errors = Vec::new();
    until("everything acknowledged", || {
        errors.extend(relay.link.status().last_error);
        errors.dedup();
        relay.is_drained()
    })
    .await;
    assert_each_once(&hub.sink, Lane::Errors, 200);
    let status = relay.link.status();
    assert_eq!(status.carrier, Some(Carrier::Tcp));
    assert_eq!(status.connections, 1, "{errors:?}");
    relay.stop().await;
    hub.stop().await;
    let shown = hub.fleet.relays().await.unwrap().remove(0);
    assert!(shown.report.is_some(), "the relay reported");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_welcomed_within_two_seconds_when_udp_is_blocked() {
    let (hub, middle, dir) = joined_through().await;
    middle.let_udp_pass(false);
    let relay = Relay::start(dir.path());
    let connected = connected_by(&relay, Carrier::Tcp);
    tokio::time::timeout(Duration::from_secs(2), connected)
        .await
        .expect("within two seconds");
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_is_gone_on_with_where_both_pass() {
    let (hub, middle, dir) = joined_through().await;
    let relay = Relay::start_with(dir.path(), patient);
    relay.keep(Lane::Errors, 1).await;
    until("everything acknowledged", || relay.is_drained()).await;
    assert_eq!(relay.link.status().carrier, Some(Carrier::Quic));
    assert_eq!(hub.handle.connected().len(), 1);
    assert!(middle.udp_up() > 0);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_swallows_large_datagrams_loses_to_tcp() {
    let (hub, middle, dir) = joined_through().await;
    middle.limit_udp(1000);
    let relay = Relay::start(dir.path());
    let connected = connected_by(&relay, Carrier::Tcp);
    tokio::time::timeout(Duration::from_secs(3), connected)
        .await
        .expect("within three seconds");
    relay.keep(Lane::Errors, 1).await;
    until("everything acknowledged", || relay.is_drained()).await;
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_whose_udp_dies_is_left_for_tcp_within_ten_seconds() {
    let (hub, middle, dir) = joined_through().await;
    let relay = Relay::start_with(dir.path(), patient);
    relay.keep(Lane::Errors, 1).await;
    until("everything acknowledged", || relay.is_drained()).await;
    assert_eq!(relay.link.status().carrier, Some(Carrier::Quic));

    middle.let_udp_pass(false);
    for n in 2..50 {
        relay.keep(Lane::Errors, n).await;
    }
    let connected = connected_by(&relay, Carrier::Tcp);
    tokio::time::timeout(Duration::from_secs(10), connected)
        .await
        .expect("within ten seconds");
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 49);
    assert_eq!(hub.handle.connected().len(), 1);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_whose_udp_dies_at_any_place_of_the_handshake_is_left_for_tcp() {
    for bytes in [1_200, 2_400, 3_600, 4_800] {
        let (hub, middle, dir) = joined_through().await;
        middle.end_udp_after(bytes);
        let began = tests::wait::clock();
        let relay = Relay::start(dir.path());
        for n in 1..20 {
            relay.keep(Lane::Errors, n).await;
        }
        // Two seconds where there was no welcome by UDP yet, ten where there was.
        let connected = connected_by(&relay, Carrier::Tcp);
        tokio::time::timeout(Duration::from_secs(10), connected)
            .await
            .expect("within ten seconds");
        println!(
            "UDP dies {bytes} bytes into the handshake: TCP after {:?}",
            began.elapsed()
        );
        until("everything acknowledged", || relay.is_drained()).await;
        assert_each_once(&hub.sink, Lane::Errors, 19);
        relay.stop().await;
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quic_is_taken_up_again_when_udp_passes_again() {
    let (hub, middle, dir) = joined_through().await;
    middle.let_udp_pass(false);
    let relay = Relay::start_with(dir.path(), |config| {
        config.quic_retry_interval = Span(Duration::from_millis(500));
    });
    connected_by(&relay, Carrier::Tcp).await;
    middle.let_udp_pass(true);
    connected_by(&relay, Carrier::Quic).await;
    for n in 0..20 {
        relay.keep(Lane::Errors, n).await;
    }
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 20);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_changes_keeps_the_connection() {
    let (hub, middle, dir) = joined_through().await;
    let relay = Relay::start_with(dir.path(), |config| config.carrier = CarrierChoice::Quic);
    let mut n = 0;
    for _ in 0..5 {
        for _ in 0..10 {
            relay.keep(Lane::Errors, n).await;
            n += 1;
        }
        middle.rebind().await;
        until("everything acknowledged", || relay.is_drained()).await;
    }
    assert_each_once(&hub.sink, Lane::Errors, 50);
    let status = relay.link.status();
    assert_eq!(
        (status.connections, status.carrier),
        (1, Some(Carrier::Quic))
    );
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tcp_an_outage_loses_and_doubles_nothing_and_a_revocation_is_told() {
    let (mut hub, middle, dir) = joined_through().await;
    let relay = Relay::start_with(dir.path(), |config| config.carrier = CarrierChoice::Tcp);
    for round in 0..3_u128 {
        for n in 0..30 {
            relay.keep(Lane::Errors, round * 60 + n).await;
        }
        match round {
            0 => {
                hub.stop().await;
                hub.restart();
            }
            _ => {
                middle.let_tcp_pass(false);
                until("the outage noticed", || {
                    relay.link.status().state != LinkState::Connected
                })
                .await;
                middle.let_tcp_pass(true);
            }
        }
        for n in 30..60 {
            relay.keep(Lane::Errors, round * 60 + n).await;
        }
    }
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 180);
    assert_eq!(relay.link.status().carrier, Some(Carrier::Tcp));

    let id = hub.handle.connected()[0];
    hub.fleet
        .update_relay(id, "shop-12", &Labels::new(), RelayState::Revoked)
        .await
        .unwrap();
    let out = until("out", || hub.handle.connected().is_empty());
    tokio::time::timeout(Duration::from_secs(2), out)
        .await
        .expect("within two seconds");
    until("told", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("revoked"))
    })
    .await;
    relay.stop().await;
    hub.stop().await;
}

/// Answers CONNECT and passes bytes through; what it was asked, line by line.
async fn proxy(asked: Arc<Mutex<Vec<String>>>, tracker: &TaskTracker) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let streams = tracker.clone();
    tracker.spawn(async move {
        loop {
            let (mut relay, _) = listener.accept().await.unwrap();
            let asked = Arc::clone(&asked);
            streams.spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(relay.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                asked.lock().unwrap().push(head);
                let mut hub = tokio::net::TcpStream::connect(target).await.unwrap();
                relay.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut relay, &mut hub).await);
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_leads_to_the_hub_and_is_told_who_asks() {
    let (hub, dir) = joined().await;
    let (asked, tracker) = (Arc::default(), TaskTracker::new());
    let proxy = proxy(Arc::clone(&asked), &tracker).await;
    let auth = dir.path().join("proxy-auth");
    std::fs::write(&auth, "user:secret\n").unwrap();
    let relay = Relay::start_with(dir.path(), |config| {
        config.carrier = CarrierChoice::Tcp;
        config.proxy = Some(format!("http://{proxy}").parse::<Proxy>().unwrap());
        config.proxy_auth_file = Some(auth);
    });
    relay.keep(Lane::Errors, 1).await;
    until("everything acknowledged", || relay.is_drained()).await;
    let head = asked.lock().unwrap()[0].clone();
    let hub_address = hub.handle.local_addr();
    assert!(
        head.starts_with(&format!("CONNECT {hub_address} HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(
        head.contains("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ="),
        "{head}"
    );
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_blocked_or_too_narrow_a_proxy_leads_to_the_hub_in_time() {
    for is_narrow in [false, true] {
        let (hub, middle, dir) = joined_through().await;
        if is_narrow {
            middle.limit_udp(1_000);
        } else {
            middle.let_udp_pass(false);
        }
        let (asked, tracker) = (Arc::default(), TaskTracker::new());
        let proxy = proxy(Arc::clone(&asked), &tracker).await;
        let began = tests::wait::clock();
        let relay = Relay::start_with(dir.path(), |config| {
            config.proxy = Some(format!("http://{proxy}").parse::<Proxy>().unwrap());
        });
        let connected = connected_by(&relay, Carrier::Tcp);
        tokio::time::timeout(Duration::from_secs(3), connected)
            .await
            .expect("within three seconds");
        println!(
            "through a proxy, narrow UDP {is_narrow}: {:?}",
            began.elapsed()
        );
        relay.keep(Lane::Errors, 1).await;
        until("everything acknowledged", || relay.is_drained()).await;
        let head = asked.lock().unwrap()[0].clone();
        assert!(
            head.starts_with(&format!("CONNECT {} ", middle.address)),
            "{head}"
        );
        relay.stop().await;
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_behind_another_joins_and_delivers_through_it_by_both_carriers() {
    let (hub, site_dir) = joined().await;
    let site = Relay::start(site_dir.path());
    until("the site relay is connected", || {
        site.link.status().state == LinkState::Connected
    })
    .await;
    let config = relay::site::Config {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        ..relay::site::Config::default()
    };
    let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
    let way = relay::site::start(&config, site.link.clone(), &tracker, cancel.clone());
    let way = way.await.unwrap().unwrap();

    for (carrier, choice) in [
        (Carrier::Quic, CarrierChoice::Quic),
        (Carrier::Tcp, CarrierChoice::Tcp),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let token = hub.token(1, DEADLINE).await;
        let mut join = hub.join(&token, dir.path());
        join.hub = way.local_addr().to_string();
        join.way.carrier = choice;
        forward::join(&join).await.unwrap();
        let before = hub.sink.n_applied();
        let edge = Relay::start_with(dir.path(), |config| config.carrier = choice);
        for n in 0..50 {
            edge.keep(Lane::Errors, n).await;
        }
        until("everything acknowledged", || edge.is_drained()).await;
        assert!(hub.sink.n_applied() >= before + 50);
        assert_eq!(edge.link.status().carrier, Some(carrier));
        assert_eq!(hub.handle.connected().len(), 2);
        edge.stop().await;
    }
    let passed = way.status();
    assert!(passed.bytes_up > 0 && passed.bytes_down > 0, "{passed:?}");
    assert_eq!(passed.refused, 0);
    cancel.cancel();
    tracker.close();
    tracker.wait().await;
    site.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_what_is_urgent_travels_and_the_rest_when_they_are_lifted() {
    let (hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("first roster", || relay.roster.version() > 0).await;
    let id = hub.handle.connected()[0];
    let halves = ["00:00-12:00", "12:00-24:00"];
    let quiet = LinkSettings {
        bandwidth_max: None,
        quiet_hours: halves.map(|half| half.parse().unwrap()).into(),
    };
    hub.fleet.set_link(id, Some(&quiet)).await.unwrap();
    until("quiet", || relay.link.status().is_quiet).await;
    for n in 0..10 {
        relay.keep(Lane::Errors, n).await;
        relay.keep(Lane::Traces, n).await;
    }
    let delivered = |lane: Lane| {
        let state = relay.spool.lanes()[lane.index()];
        state.acked.next() == state.next
    };
    until("errors delivered", || delivered(Lane::Errors)).await;
    assert!(!delivered(Lane::Traces));
    hub.fleet.set_link(id, None).await.unwrap();
    until("everything acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Traces, 10);
    relay.stop().await;
    hub.stop().await;
}

/// Answers with a certificate of its own authority, as a proxy does that looks into TLS.
async fn interceptor(tracker: &TaskTracker) -> SocketAddr {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = &mut authority.distinguished_name;
    name.push(DnType::CommonName, "Corp Interceptor");
    let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![HUB_NAME.to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    server.alpn_protocols = vec![ALPN.to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tracker.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            drop(acceptor.accept(stream).await);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_into_the_link_is_refused_and_named() {
    let (hub, dir) = joined().await;
    let tracker = TaskTracker::new();
    let interceptor = interceptor(&tracker).await;
    let relay = Relay::start_with(dir.path(), |config| {
        config.hub = Some(interceptor.to_string());
        config.carrier = CarrierChoice::Tcp;
    });
    relay.keep(Lane::Errors, 1).await;
    until("the interceptor is named", || {
        let error = relay.link.status().last_error;
        error.is_some_and(|error| error.contains("Corp Interceptor"))
    })
    .await;
    assert_eq!(hub.sink.n_applied(), 0);
    relay.stop().await;
    hub.stop().await;
}
