//! Errors none of which is like another: the hub's memory and its lists do not mind, and a project
//! makes no more issues of them than it may.

use std::time::Duration;

use protocol::limits::NEW_ISSUES_PER_HOUR_MAX;
use protocol::outcome::reason;
use serde_json::{Value, json};
use tests::api::{VISIBLE_WITHIN, envelope};
use tests::scale;
use tests::site::Site;
use tests::wait::{clock, until};

/// Clients that send them.
const CLIENTS: usize = 8;
/// What the hub may have more of it, by the promise.
const GROWTH_MAX: u64 = 256 << 20;
/// Lists that are asked for, for the slowest of twenty.
const LISTS: usize = 20;

/// An error with a fingerprint and tags that no other has.
fn distinct(n: usize) -> Value {
    json!({
        "message": format!("unlike any other, {n}"),
        "level": "error",
        "fingerprint": [format!("distinct-{n}")],
        "tags": {"order": format!("order-{n}"), "shard": (n % 100).to_string()},
    })
}

async fn send(site: &Site, n_errors: usize) {
    let mut sending = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let sdk = site.sdk().clone();
        sending.spawn(async move {
            for n in (client..n_errors).step_by(CLIENTS) {
                let body = envelope(&distinct(n));
                let taken = || async {
                    let answer = sdk.post(body.clone(), "").await.ok()?;
                    answer.status().is_success().then_some(())
                };
                until("an error to be taken", VISIBLE_WITHIN, taken)
                    .await
                    .unwrap();
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
}

/// How long lists of issues take: the median and the longest.
async fn lists(site: &Site) -> [Duration; 2] {
    let mut took = Vec::new();
    for n in 0..LISTS {
        let sort = ["date", "new", "freq", "user"][n % 4];
        let path = format!("organizations/{}/issues/?sort={sort}&limit=100", site.org());
        let began = clock();
        let page = site.api().get(&path).await.unwrap();
        took.push(began.elapsed());
        assert_eq!(page.as_array().unwrap().len(), 100);
    }
    took.sort_unstable();
    [took[LISTS / 2], took[LISTS - 1]]
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_none_of_which_is_like_another_cost_bounded_memory_and_issues() {
    let site = Site::start().await.unwrap();
    let before = site.hub().unwrap().resident_bytes().unwrap();
    let (began, n_errors) = (clock(), scale::distinct_errors());
    send(&site, n_errors).await;
    let within = VISIBLE_WITHIN + Duration::from_millis(20) * u32::try_from(n_errors).unwrap();
    until("all of them to be stored", within, || async {
        (site.stored_events().await.ok()? == n_errors).then_some(())
    })
    .await
    .unwrap();
    let took = began.elapsed();
    let growth = site
        .hub()
        .unwrap()
        .resident_bytes()
        .unwrap()
        .saturating_sub(before);
    let [median, longest] = lists(&site).await;
    let n_issues = site.hub_metrics().await.unwrap()["vedette_hub_issues"];
    println!(
        "{n_errors} distinct errors in {took:?}: {n_issues} issues, {} MiB more at the hub, \
         a list of issues takes {median:?}, at most {longest:?}",
        growth >> 20
    );
    assert!(growth <= GROWTH_MAX, "{} MiB more", growth >> 20);
    // What is beyond is in one issue together, and the ledger says how many that are.
    let most = usize::try_from(NEW_ISSUES_PER_HOUR_MAX).unwrap();
    assert!(n_issues <= f64::from(NEW_ISSUES_PER_HOUR_MAX) * 2.0 + 2.0);
    site.assert_ledger_balances().await.unwrap();
    if n_errors > most {
        let ledger = site.api().get("vedette/ledger/").await.unwrap();
        assert!(ledger.to_string().contains(reason::NEW_ISSUES), "{ledger}");
    }
}
