//! Hosts that lose power: at the relay what was answered 200 is there exactly once, at the hub what
//! it acknowledged is there, and both open again by themselves.

use std::path::Path;
use std::time::Duration;

use protocol::ids::{Lane, RelayId};
use relay::ledger::Ledger;
use relay::spool::Spool;
use tests::api::VISIBLE_WITHIN;
use tests::chance::Chance;
use tests::image::Image;
use tests::oracle::Traffic;
use tests::scale;
use tests::site::{Plan, Site};
use tests::wait::clock;

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_the_relay_costs_no_answered_event() {
    let dir = tempfile::tempdir().unwrap();
    let mut image = Image::make_if_allowed(dir.path().join("relay"), 96 << 20);
    let mut plan = Plan::free(dir.path().to_owned()).unwrap();
    plan.spool_max = Some("16 MiB".to_owned());
    let mut site = Site::open(plan).await.unwrap();
    let traffic = Traffic::start(&site, 4);
    let mut chance = Chance::new(4);
    let n_cuts = scale::cuts();
    for cut in 0..n_cuts {
        traffic.more(1 + chance.place(40)).await.unwrap();
        // With a backlog that is not delivered, and then with one that is.
        let is_hub_away = cut % 5 == 4;
        if is_hub_away {
            site.kill_hub().unwrap();
            traffic.more(30).await.unwrap();
        }
        site.relay().unwrap().freeze().unwrap();
        match &mut image {
            Some(image) => image.cut(|| site.kill_relay()).unwrap(),
            None => site.kill_relay().unwrap(),
        }
        site.start_relay().await.unwrap();
        if is_hub_away {
            site.start_hub().await.unwrap();
        }
    }
    traffic.more(10).await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!("{n_cuts} cuts at the relay: {verdict:?}");
    drop(site);
    drop(image);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_the_hub_costs_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut image = Image::make_if_allowed(dir.path().join("hub"), 512 << 20);
    let plan = Plan::free(dir.path().to_owned()).unwrap();
    let mut site = Site::open(plan).await.unwrap();
    let traffic = Traffic::start(&site, 3);
    let mut chance = Chance::new(5);
    let n_cuts = scale::cuts();
    let (mut n_acked, mut longest) = (0, Duration::ZERO);
    for cut in 0..n_cuts {
        traffic.more(5 + chance.place(40)).await.unwrap();
        site.hub().unwrap().freeze().unwrap();
        // The relay goes on, or dies with what it was told last.
        let is_compared = cut % 3 == 2;
        if is_compared {
            site.kill_relay().unwrap();
        }
        match &mut image {
            Some(image) => image.cut(|| site.kill_hub()).unwrap(),
            None => site.kill_hub().unwrap(),
        }
        let began = clock();
        site.start_hub().await.unwrap();
        longest = longest.max(began.elapsed());
        if is_compared {
            n_acked = acknowledged_is_applied(site.dir()).await.max(n_acked);
            site.start_relay().await.unwrap();
        }
    }
    traffic.more(10).await.unwrap();
    let oracle = traffic.stop().await.unwrap();
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!(
        "{n_cuts} cuts at the hub, {n_acked} records acknowledged before the last compared, \
         longest start {longest:?}: {verdict:?}"
    );
    assert!(n_acked > 0, "nothing was acknowledged before any cut");
    drop(site);
    drop(image);
}

/// What the relay was told is there, the hub has: whoever lets go of acknowledged records may.
/// Gives how many that were. The relay does not run.
async fn acknowledged_is_applied(dir: &Path) -> u64 {
    let config = relay::spool::Config {
        dir: dir.join("relay/spool"),
        ..relay::spool::Config::default()
    };
    let spool = Spool::open(&config, Ledger::default()).unwrap();
    let (epoch, lanes) = (spool.epoch(), spool.lanes());
    spool.close().await.unwrap();
    let identity = std::fs::read(dir.join("relay/identity.json")).unwrap();
    let identity: serde_json::Value = serde_json::from_slice(&identity).unwrap();
    let relay: RelayId = identity["relay"].as_str().unwrap().parse().unwrap();
    let store = hub::store::Store::open(&dir.join("hub/hub.db")).await;
    let store = store.unwrap();
    let mut n_acked = 0;
    for (lane, state) in Lane::ALL.into_iter().zip(lanes) {
        let applied = store.lane_cursor(relay, epoch, lane).await.unwrap();
        let applied = applied.unwrap_or_default();
        assert!(
            state.acked <= applied,
            "{lane}: {} records were acknowledged, {} are applied",
            state.acked.0,
            applied.0
        );
        n_acked += state.acked.0;
    }
    store.close().await;
    n_acked
}
