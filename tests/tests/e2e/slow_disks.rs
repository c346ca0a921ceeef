//! A disk that takes half a second for every sync: what comes meanwhile shares the next commit, so
//! that throughput stays and every answer is as late as the disk, and no later.

use std::time::Duration;

use tests::api::VISIBLE_WITHIN;
use tests::oracle::{Oracle, Traffic};
use tests::preload;
use tests::site::Site;
use tests::wait::clock;

/// Milliseconds that a sync takes.
const SYNC_MS: u64 = 500;
/// Clients at once, each with one event a second at most.
const CLIENTS: usize = 32;
/// Events that are measured.
const EVENTS: usize = 320;

/// How a disk was for those who sent.
#[derive(Debug)]
struct Measured {
    events_per_second: f64,
    events_per_commit: f64,
    /// Median, one in a hundred, longest: milliseconds until the answer.
    waits: [u64; 3],
}

async fn commits(site: &Site) -> f64 {
    let metrics = site.relay_metrics().await.unwrap();
    metrics["vedette_relay_spool_commits_total"]
}

async fn measure(site: &Site, oracle: &Oracle) -> Measured {
    let pace = Duration::from_secs(1);
    let traffic = Traffic::paced(site, CLIENTS, oracle.clone(), pace);
    // All have begun, and none is ahead.
    traffic.more(CLIENTS).await.unwrap();
    let _ = oracle.take_waits();
    let (commits_before, n_before, began) = (commits(site).await, oracle.n_answered(), clock());
    traffic.more(EVENTS).await.unwrap();
    let n_answered = f64::from(u32::try_from(oracle.n_answered() - n_before).unwrap());
    let measured = Measured {
        events_per_second: n_answered / began.elapsed().as_secs_f64(),
        events_per_commit: n_answered / (commits(site).await - commits_before),
        waits: oracle.take_waits(),
    };
    traffic.stop().await.unwrap();
    measured
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_keeps_the_throughput_by_larger_groups() {
    let mut site = Site::start().await.unwrap();
    let oracle = Oracle::default();
    // The disk is the relay's; the processors are for the relay, too.
    site.kill_hub().unwrap();
    let quick = measure(&site, &oracle).await;

    let library = preload::compile("fail", site.dir()).unwrap();
    let spool = site.dir().join("relay/spool");
    let variables = [
        ("FAIL_UNDER", spool.to_str().unwrap().to_owned()),
        ("FAIL_DELAY", SYNC_MS.to_string()),
    ];
    site.set_relay_environment(preload::environment(&library, &variables).unwrap());
    site.terminate_relay().await.unwrap();
    site.start_relay().await.unwrap();
    let slow = measure(&site, &oracle).await;
    println!("quick disk {quick:.1?}");
    println!("slow disk {slow:.1?}");

    // The disk is as slow as is said: nobody is answered before it has.
    assert!(slow.waits[0] >= SYNC_MS, "{slow:?}");
    assert!(
        slow.events_per_second >= quick.events_per_second / 2.0,
        "{quick:?}, {slow:?}"
    );
    assert!(
        slow.events_per_commit >= quick.events_per_commit * 3.0,
        "{quick:?}, {slow:?}"
    );
    // The promise is 1.2 s; what is longer than 2 s would have been refused.
    let statuses = oracle.statuses();
    assert!(statuses.keys().all(|status| *status == 200), "{statuses:?}");

    site.set_relay_environment(Vec::new());
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    site.start_hub().await.unwrap();
    oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
}
