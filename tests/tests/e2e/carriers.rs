//! Networks that let no UDP pass, from the start or from some moment on: TCP carries on.

use std::time::Duration;

use tests::impair::Conditions;
use tests::oracle::Traffic;
use tests::site::Site;
use tests::wait::{clock, until};

/// However busy the machine. The promises are 2 s at the start and 10 s amid a session; how long
/// it took is printed, and held to them by the tests of the link, which have the machine alone.
const WITHIN: Duration = Duration::from_secs(60);
/// Starts of the relay until QUIC wins: on a busy machine TCP may be the first to be welcomed.
const STARTS_MAX: usize = 10;

async fn carrier_is(site: &Site, carrier: &str) -> Duration {
    let began = clock();
    let line = format!("vedette_relay_link_carrier{{carrier=\"{carrier}\"}}");
    let connected = "vedette_relay_link_state{state=\"connected\"}";
    let is_there = || async {
        let metrics = site.relay_metrics().await.ok()?;
        (metrics.contains_key(&line) && metrics.contains_key(connected)).then_some(())
    };
    until(carrier, WITHIN, is_there).await.unwrap();
    began.elapsed()
}

async fn start_over_quic(site: &mut Site) {
    let mut is_quic = false;
    for _ in 0..STARTS_MAX {
        site.terminate_relay().await.unwrap();
        site.start_relay().await.unwrap();
        let any = || async {
            let metrics = site.relay_metrics().await.ok()?;
            let carrier = |(name, _): (&String, &f64)| name.contains("link_carrier").then_some(());
            metrics.iter().find_map(carrier)
        };
        until("a carrier", WITHIN, any).await.unwrap();
        let metrics = site.relay_metrics().await.unwrap();
        is_quic = metrics.contains_key("vedette_relay_link_carrier{carrier=\"quic\"}");
        if is_quic {
            break;
        }
    }
    assert!(is_quic, "QUIC never won in {STARTS_MAX} starts");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_udp_the_link_goes_on_over_tcp() {
    let mut site = Site::start_with_link(7).await.unwrap();
    let traffic = Traffic::start(&site, 2);

    // From the start.
    site.terminate_relay().await.unwrap();
    site.link()
        .unwrap()
        .change(|link| link.is_udp_blocked = true);
    site.start_relay().await.unwrap();
    let at_start = carrier_is(&site, "tcp").await;
    traffic.more(30).await.unwrap();

    // Amid a session.
    site.link().unwrap().set(Conditions::default());
    start_over_quic(&mut site).await;
    traffic.more(30).await.unwrap();
    site.link()
        .unwrap()
        .change(|link| link.is_udp_blocked = true);
    let amid = carrier_is(&site, "tcp").await;
    traffic.more(30).await.unwrap();

    // As soon as the hub's first datagrams are back: during the handshake, or right behind it.
    site.terminate_relay().await.unwrap();
    site.link().unwrap().set(Conditions::default());
    let before = site.link().unwrap().traffic().udp_to_relay.datagrams;
    let cut = async {
        let link = site.link().unwrap();
        while link.traffic().udp_to_relay.datagrams < before + 2 {
            tokio::task::yield_now().await;
        }
        link.change(|link| link.is_udp_blocked = true);
    };
    let cutting = tokio::time::timeout(WITHIN, cut);
    let behind = {
        // The proxy is watched while the relay starts, which needs the site for itself.
        let config = site.dir().join("relay.toml");
        let log = site.dir().join("relay.log");
        let program = tests::process::program("vedette-relay").unwrap();
        let args = ["run", "--config", config.to_str().unwrap()];
        let relay = tests::process::Process::start(&program, &args, &log).unwrap();
        cutting.await.expect("the hub answers by UDP");
        let took = carrier_is(&site, "tcp").await;
        drop(relay);
        took
    };
    site.start_relay().await.unwrap();
    carrier_is(&site, "tcp").await;
    println!(
        "over TCP: {at_start:?} after a start, {amid:?} amid a session, {behind:?} behind the handshake"
    );
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, Duration::from_secs(180)).await.unwrap();
    println!("without UDP: {verdict:?}");
}
