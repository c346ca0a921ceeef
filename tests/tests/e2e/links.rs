//! Links as bad as they come, between the real programs: what was answered 200 is there exactly
//! once and in order, and nothing needs a hand.
//!
//! The figures that are printed are of debug builds on a busy machine; `make bench` has others.

use std::time::Duration;

use tests::impair::{Conditions, Flap, Way};
use tests::oracle::{Oracle, Traffic, Verdict};
use tests::site::Site;
use tests::wait::{clock, until};

/// However bad the link, the backlog of a test is through within this.
const WITHIN: Duration = Duration::from_secs(300);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Posts events over a link that is bad, and waits until they are through it.
async fn check(name: &str, conditions: Conditions, n_events: usize) -> (Site, Verdict) {
    let site = Site::start_with_link(7).await.unwrap();
    site.link().unwrap().set(conditions);
    let verdict = send(name, &site, &Oracle::default(), n_events).await;
    (site, verdict)
}

async fn send(name: &str, site: &Site, oracle: &Oracle, n_events: usize) -> Verdict {
    let before = site.link().unwrap().traffic();
    let began = clock();
    let traffic = Traffic::with(site, 3, oracle.clone(), n_events);
    let oracle = traffic.ended().await.unwrap();
    let verdict = oracle.check(site, WITHIN).await.unwrap();
    let after = site.link().unwrap().traffic();
    println!(
        "{name}: {n_events} events in {:?}, {} bytes to the hub, {} back; {:?}",
        began.elapsed(),
        after.bytes_to_hub() - before.bytes_to_hub(),
        after.bytes_to_relay() - before.bytes_to_relay(),
        verdict.statuses,
    );
    verdict
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_percent_of_loss_lose_nothing() {
    let way = Way {
        loss: 0.3,
        delay: ms(100),
        bits_per_second: Some(10_000_000),
        ..Way::default()
    };
    check("30 % loss, 200 ms", Conditions::both(way), 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_seconds_of_round_trip_and_some_loss_lose_nothing() {
    let way = Way {
        loss: 0.05,
        delay: ms(1000),
        bits_per_second: Some(10_000_000),
        ..Way::default()
    };
    check("5 % loss, 2 s", Conditions::both(way), 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_link_loses_nothing() {
    let way = Way {
        loss: 0.02,
        delay: ms(50),
        bits_per_second: Some(64_000),
        queue_bytes: 64 * 1024,
        ..Way::default()
    };
    check("64 kbit/s, 2 % loss", Conditions::both(way), 120).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overtaken_or_comes_twice_is_applied_once() {
    let way = Way {
        reorder: 0.25,
        duplicate: 0.1,
        delay: ms(20),
        jitter: ms(20),
        ..Way::default()
    };
    check("25 % overtaken, 10 % twice", Conditions::both(way), 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_address_changes_goes_on() {
    let conditions = Conditions {
        rebind_every: Some(ms(500)),
        ..Conditions::both(Way {
            loss: 0.02,
            delay: ms(25),
            ..Way::default()
        })
    };
    let site = Site::start_with_link(7).await.unwrap();
    site.link().unwrap().set(conditions);
    let traffic = Traffic::start(&site, 2);
    let link = || site.link().unwrap().traffic();
    until("the address to change often", WITHIN, || async {
        (link().rebinds >= 8).then_some(())
    })
    .await
    .unwrap();
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, WITHIN).await.unwrap();
    let metrics = site.relay_metrics().await.unwrap();
    let connections = metrics.get("vedette_relay_link_connections_total");
    println!(
        "{} rebindings, connections {connections:?}: {verdict:?}",
        link().rebinds
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_comes_and_goes_loses_nothing() {
    let conditions = Conditions {
        flap: Some(Flap {
            up: ms(1500),
            down: ms(3500),
        }),
        ..Conditions::both(Way {
            delay: ms(20),
            ..Way::default()
        })
    };
    check("1.5 s up, 3.5 s down", conditions, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_goes_one_way_only_loses_nothing() {
    let site = Site::start_with_link(7).await.unwrap();
    let oracle = Oracle::default();
    for is_to_hub in [true, false] {
        let link = site.link().unwrap();
        link.change(|link| {
            link.to_hub.is_black_hole = is_to_hub;
            link.to_relay.is_black_hole = !is_to_hub;
        });
        let traffic = Traffic::with(&site, 2, oracle.clone(), 100);
        traffic.ended().await.unwrap();
        link.set(Conditions::default());
        send("after a one-way link", &site, &oracle, 20).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_longer_than_the_smallest_may_vanish() {
    let mut conditions = Conditions::default();
    conditions.to_hub.bytes_max = Some(1_200);
    conditions.to_relay.bytes_max = Some(1_200);
    check("no datagram beyond 1,200 bytes", conditions, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_works_a_tenth_of_the_time_loses_nothing_and_costs_no_memory() {
    let site = Site::start_with_link(7).await.unwrap();
    let traffic = Traffic::start(&site, 3);
    traffic.more(60).await.unwrap();
    let early = site.relay_resident_bytes().unwrap();
    let hub = site.hub().unwrap();
    for _ in 0..12 {
        hub.freeze().unwrap();
        traffic.more(30).await.unwrap();
        hub.thaw().unwrap();
        tokio::time::sleep(ms(60)).await;
    }
    let late = site.relay_resident_bytes().unwrap();
    let growth = late.saturating_sub(early);
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, WITHIN).await.unwrap();
    println!("a hub that works a tenth of the time: {growth} bytes more, {verdict:?}");
    assert!(
        growth < 24 << 20,
        "a slow hub costs {growth} bytes of memory"
    );
    assert!(
        verdict.statuses.keys().all(|status| *status == 200),
        "{verdict:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_held_for_a_while_goes_on() {
    let site = Site::start_with_link(7).await.unwrap();
    let traffic = Traffic::start(&site, 3);
    for _ in 0..3 {
        traffic.more(30).await.unwrap();
        site.relay().unwrap().freeze().unwrap();
        tokio::time::sleep(ms(1500)).await;
        site.relay().unwrap().thaw().unwrap();
    }
    traffic.more(30).await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    oracle.check(&site, WITHIN).await.unwrap();
}

/// A backlog, and what it took to bring it over a link.
#[derive(Debug)]
struct Drained {
    /// Bytes that waited in the relay's spool.
    waited: f64,
    /// Bytes of blocks that went over the link.
    sent: f64,
    /// Connections that were made for that.
    connections: f64,
    took: Duration,
}

async fn drain_over(conditions: Conditions, n_events: usize) -> Drained {
    let mut site = Site::start_with_link(7).await.unwrap();
    site.kill_hub().unwrap();
    let traffic = Traffic::with(&site, 3, Oracle::default(), n_events);
    let oracle = traffic.ended().await.unwrap();
    let before = site.relay_metrics().await.unwrap();
    let waited = site.waiting_bytes().await.unwrap();
    site.link().unwrap().set(conditions);
    site.start_hub().await.unwrap();
    let began = clock();
    until("the backlog to drain", WITHIN * 2, || async {
        (site.waiting_records().await.ok()? == 0).then_some(())
    })
    .await
    .unwrap();
    let took = began.elapsed();
    let after = site.relay_metrics().await.unwrap();
    let grown = |name: &str| after[name] - before[name];
    let drained = Drained {
        waited,
        sent: grown("vedette_relay_link_bytes_total"),
        connections: grown("vedette_relay_link_connections_total"),
        took,
    };
    oracle.check(&site, WITHIN).await.unwrap();
    drained
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_comes_and_goes_sends_little_again() {
    let conditions = Conditions {
        flap: Some(Flap {
            up: ms(3000),
            down: ms(7000),
        }),
        ..Conditions::both(Way {
            delay: ms(20),
            bits_per_second: Some(256_000),
            ..Way::default()
        })
    };
    // How long it holds is learnt from the first breaks: they weigh more in minutes than in the
    // hour of which the figure is promised.
    let drained = drain_over(conditions, 600).await;
    println!(
        "3 s up, 7 s down: {} bytes for {} over {} connections in {:?}",
        drained.sent, drained.waited, drained.connections, drained.took
    );
    // What was under way when the link went is sent again on another connection: that must be little.
    assert!(drained.sent <= drained.waited * 1.15, "{drained:?}");
}
