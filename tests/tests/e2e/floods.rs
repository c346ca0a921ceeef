//! More than was agreed: far too much of everything.

use std::time::Duration;

use serde_json::json;
use tests::api::envelope;
use tests::oracle::Traffic;
use tests::site::Site;
use tests::wait::until;

/// The most memory that a flood costs the debug build, which takes more than what is shipped; what
/// that takes is a figure of the benchmark.
const FLOOD_COSTS_MAX: u64 = 128 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_costs_bounded_memory_and_loses_nothing_answered() {
    let site = Site::start().await.unwrap();
    let idle = site.relay_resident_bytes().unwrap();
    let traffic = Traffic::start(&site, 4);
    let mut flood = tokio::task::JoinSet::new();
    // Large bodies that do not compress, from everywhere at once, as fast as they are taken.
    for _ in 0..24 {
        let sdk = site.sdk().clone();
        flood.spawn(async move {
            let mut n_answers = 0_u64;
            loop {
                let noise: String = (0..8_000)
                    .map(|_| uuid::Uuid::new_v4().simple().to_string())
                    .collect();
                let event = json!({"message": "flood", "level": "info", "extra": {"noise": noise}});
                if sdk.post(envelope(&event), "").await.is_ok() {
                    n_answers += 1;
                }
                if n_answers >= 40 {
                    return n_answers;
                }
            }
        });
    }
    let mut peak = 0;
    let mut n_flooded = 0;
    until("the flood to end", Duration::from_secs(600), || {
        peak = peak.max(site.relay_resident_bytes().unwrap_or_default());
        while let Some(ended) = flood.try_join_next() {
            n_flooded += ended.unwrap();
        }
        let is_over = flood.is_empty();
        async move { is_over.then_some(()) }
    })
    .await
    .unwrap();
    let oracle = traffic.stop().await.unwrap();
    let cost = peak.saturating_sub(idle);
    println!(
        "{n_flooded} large bodies, {} others, {} MiB idle, {} at the peak",
        oracle.n_answered(),
        idle >> 20,
        peak >> 20
    );
    assert!(cost < FLOOD_COSTS_MAX, "a flood costs {} MiB", cost >> 20);
    site.settled_at_least(oracle.n_answered()).await.unwrap();
    site.assert_ledger_balances().await.unwrap();
}
