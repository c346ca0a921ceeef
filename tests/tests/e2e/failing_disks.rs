//! Disks that fail under the real relay and the real hub: what was answered 200 is there exactly
//! once, and nothing else was answered than 200, 429 and 503.

use std::path::Path;

use tests::api::VISIBLE_WITHIN;
use tests::oracle::{Oracle, Traffic};
use tests::preload::{self, Environment};
use tests::site::Site;
use tests::wait::{clock, until};

/// Errors by number: EINTR, EIO, ENOSPC, and writes that end half way.
const ERRORS: [(&str, i32); 4] = [
    ("EINTR", 4),
    ("EIO", 5),
    ("ENOSPC", 28),
    ("short writes", 0),
];
/// The calls that fail first, of a life of the relay: its opening takes the first dozen or two.
const FIRST: [u32; 14] = [1, 2, 3, 5, 8, 11, 15, 20, 26, 33, 41, 50, 70, 100];
/// The same of the hub, whose opening takes some dozens.
const FIRST_OF_HUB: [u32; 9] = [1, 4, 12, 30, 60, 90, 130, 180, 260];
/// Events posted in each life.
const EVENTS: usize = 12;

fn failing(site: &Site, shim: &Path, at: u32, times: u32, error: i32) -> Environment {
    failing_under("relay", site, shim, at, times, error)
}

fn failing_under(
    dir: &str,
    site: &Site,
    shim: &Path,
    at: u32,
    times: u32,
    error: i32,
) -> Environment {
    let text = |path: &str| site.dir().join(path).to_str().unwrap().to_owned();
    let variables = [
        ("FAIL_UNDER", text(dir)),
        ("FAIL_COUNT", text("calls")),
        ("FAIL_AT", at.to_string()),
        ("FAIL_TIMES", times.to_string()),
        ("FAIL_ERRNO", error.to_string()),
    ];
    preload::environment(shim, &variables).unwrap()
}

/// Posts events for one life of the relay.
async fn post(site: &Site, oracle: &Oracle) {
    let traffic = Traffic::with(site, 2, oracle.clone(), EVENTS);
    traffic.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_fail_cost_no_answered_event() {
    let mut site = Site::start().await.unwrap();
    let shim = preload::compile("fail", site.dir()).unwrap();
    let oracle = Oracle::default();
    let began = clock();
    let (mut n_lives, mut n_not_started) = (0, 0);
    for (name, error) in ERRORS {
        for at in FIRST {
            let times = if at % 2 == 0 { 1 } else { 3 };
            drop(site.kill_relay());
            let environment = failing(&site, &shim, at, times, error);
            site.set_relay_environment(environment);
            n_lives += 1;
            if let Err(refusal) = site.start_relay().await {
                // A spool that cannot be opened ends the relay, and systemd starts it again.
                let refusal = refusal.to_string();
                assert!(refusal.contains("cannot be"), "{name} at {at}: {refusal}");
                n_not_started += 1;
                site.set_relay_environment(Vec::new());
                site.start_relay().await.unwrap();
            }
            post(&site, &oracle).await;
            site.still_runs().unwrap();
        }
    }
    site.set_relay_environment(Vec::new());
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    let statuses = oracle.statuses();
    assert!(
        statuses
            .keys()
            .all(|status| [200, 429, 503].contains(status)),
        "{statuses:?}"
    );
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!(
        "{n_lives} lives with failing calls, {n_not_started} did not start, {:?}: {verdict:?}",
        began.elapsed()
    );
}

/// Waits until the hub has taken what waits for it, or has ended: over an index that fails it does,
/// and its unit starts it again.
async fn has_taken_all(site: &Site) -> bool {
    until("the hub to take what waits", VISIBLE_WITHIN, || async {
        if site.waiting_records().await.ok()? == 0 {
            return Some(true);
        }
        site.hub_metrics().await.is_err().then_some(false)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_the_hub_that_fail_cost_no_answered_event() {
    let mut site = Site::start().await.unwrap();
    let shim = preload::compile("fail", site.dir()).unwrap();
    let oracle = Oracle::default();
    let began = clock();
    let (mut n_lives, mut n_not_started, mut n_ended) = (0, 0, 0);
    for (name, error) in ERRORS {
        for at in FIRST_OF_HUB {
            let times = if at % 2 == 0 { 1 } else { 3 };
            drop(site.kill_hub());
            site.set_hub_environment(failing_under("hub", &site, &shim, at, times, error));
            n_lives += 1;
            if let Err(refusal) = site.start_hub().await {
                println!("{name} at {at}: {refusal:#}");
                n_not_started += 1;
                site.set_hub_environment(Vec::new());
                site.start_hub().await.unwrap();
            }
            post(&site, &oracle).await;
            if !has_taken_all(&site).await {
                println!("{name} at {at}: ended");
                n_ended += 1;
                drop(site.kill_hub());
                site.set_hub_environment(Vec::new());
                site.start_hub().await.unwrap();
                assert!(has_taken_all(&site).await, "{name} at {at}");
            }
        }
    }
    assert!(n_not_started > 0, "no call of an opening failed");
    assert!(n_ended < n_lives / 2, "{n_ended} of {n_lives} ended");
    drop(site.kill_hub());
    site.set_hub_environment(Vec::new());
    site.start_hub().await.unwrap();
    let statuses = oracle.statuses();
    assert!(statuses.keys().all(|status| *status == 200), "{statuses:?}");
    let verdict = oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
    println!(
        "{n_lives} lives of the hub with failing calls, {n_not_started} did not start, {n_ended} \
         ended, {:?}: {verdict:?}",
        began.elapsed()
    );
}

/// The library really fails calls: without that the test above would say nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_always_fails_is_told_and_never_answered_200() {
    let mut site = Site::start().await.unwrap();
    let shim = preload::compile("fail", site.dir()).unwrap();
    site.terminate_relay().await.unwrap();
    site.set_relay_environment(failing(&site, &shim, 0, 0, 5));
    site.start_relay().await.unwrap();
    site.terminate_relay().await.unwrap();
    let calls = std::fs::read_to_string(site.dir().join("calls")).unwrap();
    let n_calls: u32 = calls.trim().parse().unwrap();
    assert!(n_calls > 3, "an idle life has {n_calls} calls");
    // A life that is as the one before until it stands, then fails for good.
    let environment = failing(&site, &shim, n_calls + 8, 1_000_000, 5);
    site.set_relay_environment(environment);
    site.start_relay().await.unwrap();
    let oracle = Oracle::default();
    let traffic = Traffic::with(&site, 1, oracle.clone(), 60);
    traffic.ended().await.unwrap();
    let statuses = oracle.statuses();
    let n_refused = statuses.get(&503).copied().unwrap_or_default();
    assert!(n_refused > 30, "{statuses:?}");
    site.still_runs().unwrap();
    site.kill_relay().unwrap();
    site.set_relay_environment(Vec::new());
    site.start_relay().await.unwrap();
    oracle.check(&site, VISIBLE_WITHIN).await.unwrap();
}
