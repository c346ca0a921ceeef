//! Relay and hub are parted for a long time: nothing is lost, memory does not grow with what
//! waits, what is new is soon at the hub when they meet again, and the rest follows.

use std::time::Duration;

use serde_json::json;
use tests::api::VISIBLE_WITHIN;
use tests::impair::Conditions;
use tests::oracle::{Oracle, Traffic};
use tests::scale;
use tests::site::Site;
use tests::wait::{clock, until};

/// Clients, and how often each has an event: a hundred events a second together, if the machine
/// lets them.
const CLIENTS: usize = 10;
const EVERY: Duration = Duration::from_millis(100);
/// The promise is 64 MiB for all of the relay's memory. The code of what is shipped takes up to 16 of
/// them; that of a debug build twice as much, so that it is left out.
const ANONYMOUS_MAX: u64 = 48 << 20;
/// A fresh error is at the hub within five seconds, the promise says. A debug build of the hub
/// takes longer for what is under way before it than the link does, so the figure is printed.
const FRESH_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_long_partition_loses_nothing_and_what_is_new_comes_first() {
    let site = Site::start_with_link(7).await.unwrap();
    let oracle = Oracle::default();
    let traffic = Traffic::paced(&site, CLIENTS, oracle.clone(), EVERY);
    traffic.more(20).await.unwrap();
    site.link().unwrap().set(Conditions::down());
    let (parted, n_before) = (clock(), oracle.n_answered());
    let (mut early, mut peak) = (0, 0);
    while parted.elapsed() < scale::partition() {
        traffic.more(20).await.unwrap();
        peak = peak.max(site.relay_anonymous_bytes().unwrap());
        if early == 0 {
            early = peak;
        }
    }
    let n_parted = oracle.n_answered() - n_before;
    let waiting = site.waiting_bytes().await.unwrap();
    traffic.stop().await.unwrap();

    site.link().unwrap().set(Conditions::default());
    let healed = clock();
    until("the link to be back", FRESH_WITHIN, || async {
        let metrics = site.relay_metrics().await.ok()?;
        let connected = "vedette_relay_link_state{state=\"connected\"}";
        metrics.contains_key(connected).then_some(())
    })
    .await
    .unwrap();
    let back_took = healed.elapsed();
    let fresh = json!({"message": "after the partition"});
    let fresh = site.sdk().send(&fresh).await.unwrap();
    let (org, project) = (site.org(), site.project());
    site.api().event(org, project, &fresh).await.unwrap();
    let fresh_took = healed.elapsed() - back_took;
    let backlog_then = site.waiting_records().await.unwrap();
    let within = VISIBLE_WITHIN + Duration::from_millis(10) * u32::try_from(n_parted).unwrap();
    until("the backlog to drain", within, || async {
        (site.waiting_records().await.ok()? == 0).then_some(())
    })
    .await
    .unwrap();
    let drained_took = healed.elapsed();
    peak = peak.max(site.relay_anonymous_bytes().unwrap());
    let drained = f64::from(u32::try_from(n_parted).unwrap()) / drained_took.as_secs_f64();
    println!(
        "parted {:?}: {n_parted} events, {waiting} bytes waiting, {} MiB of its own at the begin, \
         {} at the peak; the link is back after {back_took:?}, a fresh error at the hub after \
         {fresh_took:?}, {backlog_then} records behind it; {drained:.0} events a second drained",
        scale::partition(),
        early >> 20,
        peak >> 20,
    );
    assert!(fresh_took <= FRESH_WITHIN, "{fresh_took:?}");
    assert!(peak <= ANONYMOUS_MAX, "{} MiB of its own", peak >> 20);
    let verdict = oracle.check(&site, within).await.unwrap();
    println!("after the partition: {verdict:?}");
}
