//! A relay that is restarted under load, as an upgrade does: systemd holds the port, so nobody is
//! refused.

use std::collections::HashSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tests::api::Sdk;
use tests::load::Load;
use tests::site::Site;

/// Posts until told to stop, each time on a connection of its own; every one must be answered 200.
async fn post_until(sdk: Sdk, stop: Arc<AtomicBool>) -> HashSet<String> {
    let sdk = sdk.with_fresh_connections().unwrap();
    let mut load = Load::python().unwrap();
    let mut answered = HashSet::new();
    let mut turns = tokio::time::interval(Duration::from_millis(10));
    while !stop.load(Ordering::Acquire) {
        turns.tick().await;
        let (id, body) = load.next_gzip().unwrap();
        let response = sdk.post(body, "gzip").await.expect("nobody is refused");
        assert_eq!(response.status(), 200);
        answered.insert(id);
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_under_load_refuse_nobody_and_lose_nothing() {
    let mut site = Site::start().await.unwrap();
    site.terminate_relay().await.unwrap();
    let address = site.relay_url().strip_prefix("http://").unwrap();
    let listener = TcpListener::bind(address).unwrap();
    site.start_relay_on(&listener).await.unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..4 {
        senders.spawn(post_until(site.sdk().clone(), Arc::clone(&stop)));
    }
    for _ in 0..10 {
        site.terminate_relay().await.unwrap();
        site.start_relay_on(&listener).await.unwrap();
    }
    stop.store(true, Ordering::Release);
    let mut answered = HashSet::new();
    while let Some(ids) = senders.join_next().await {
        answered.extend(ids.unwrap());
    }
    assert!(answered.len() > 20, "{}", answered.len());
    println!("{} events over ten restarts", answered.len());
    site.settled_at_least(answered.len()).await.unwrap();
    let stored: HashSet<String> = site.stored_event_ids().await.unwrap().into_iter().collect();
    assert_eq!(stored, answered);
    site.assert_ledger_balances().await.unwrap();
}
