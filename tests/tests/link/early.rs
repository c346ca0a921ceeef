//! A relay that comes again says who it is with its first packet.

use tests::impair::{Conditions, Link, Way};

use crate::*;

/// Half of it each way.
const ROUND_TRIP: Duration = Duration::from_millis(600);
/// The first packet of a QUIC connection is as long.
const FIRST_BYTES: u64 = 1200;

fn far() -> Conditions {
    Conditions::both(Way {
        delay: ROUND_TRIP / 2,
        ..Way::default()
    })
}

/// Waits until a QUIC connection is begun.
async fn until_dialled(link: &Link) {
    let mut before = link.traffic().udp_to_hub.bytes;
    until("QUIC is tried", || {
        let now = link.traffic().udp_to_hub.bytes;
        let is_long = now - before >= FIRST_BYTES;
        before = now;
        is_long
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_comes_again_is_welcomed_a_round_trip_earlier() {
    let (hub, dir) = joined().await;
    let link = Link::start(7, hub.handle.local_addr()).unwrap();
    link.set(far());
    let relay = Relay::start_with(dir.path(), |config| {
        config.hub = Some(link.address().to_string());
        config.tcp_delay = Span(ROUND_TRIP * 4);
        config.quic_retry_interval = Span(Duration::from_secs(2));
    });
    until_dialled(&link).await;
    let began = tests::wait::clock();
    until("welcomed", || relay.link.status().connections == 1).await;
    let cold = began.elapsed();
    assert_eq!(relay.link.status().early, 0);
    relay.keep(Lane::Errors, 1).await;
    until("acknowledged", || relay.is_drained()).await;

    link.set(Conditions {
        is_udp_blocked: true,
        ..far()
    });
    until("TCP carries the link", || {
        relay.link.status().connections == 2
    })
    .await;
    link.set(far());
    until_dialled(&link).await;
    let began = tests::wait::clock();
    relay.keep(Lane::Errors, 2).await;
    until("welcomed again", || relay.link.status().connections == 3).await;
    let again = began.elapsed();
    println!("welcomed after {cold:?}, and after {again:?} with a ticket, of {ROUND_TRIP:?} each");
    assert_eq!(relay.link.status().early, 1);
    assert!(cold >= ROUND_TRIP * 2 && again >= ROUND_TRIP);
    assert!(again < ROUND_TRIP * 2, "{again:?}");
    until("acknowledged", || relay.is_drained()).await;
    assert_each_once(&hub.sink, Lane::Errors, 2);
    relay.stop().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_forgot_its_tickets_hears_it_again() {
    let (mut hub, dir) = joined().await;
    let relay = Relay::start(dir.path());
    until("connected", || relay.link.status().connections == 1).await;
    for n in 2..5 {
        hub.stop().await;
        until("the outage is noticed", || {
            relay.link.status().state != LinkState::Connected
        })
        .await;
        hub.restart();
        until("connected again", || relay.link.status().connections == n).await;
    }
    relay.keep(Lane::Errors, 1).await;
    until("acknowledged", || relay.is_drained()).await;
    assert_eq!(relay.link.status().early, 0);
    assert_each_once(&hub.sink, Lane::Errors, 1);
    relay.stop().await;
    hub.stop().await;
}
