//! What is sent ends in outcomes that add up, category by category: folded, sampled, filtered, beyond
//! a quota, sent twice or dropped by the client.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tests::api::{Sdk, VISIBLE_WITHIN, envelope, envelope_of};
use tests::site::{ORGANIZATION, PROJECT, Site};
use tests::wait::until;

/// Errors of one kind; each is sent twice.
const ERRORS: usize = 400;
/// Clients that send them at the same time, so that they are told together.
const CLIENTS: usize = 16;
/// Errors of a release that is not wanted.
const UNWANTED: usize = 30;
const TRANSACTIONS: usize = 1000;
/// The share of them that a rule keeps.
const SHARE: f64 = 0.2;
const SESSIONS: usize = 20;
/// How many sessions are taken at once; the next ones are made up in minutes.
const BURST: usize = 8;
/// Errors that the client says it dropped.
const DISCARDED: usize = 7;

fn now() -> f64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

fn id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn error(n: usize, release: &str) -> Value {
    json!({
        "event_id": id(), "timestamp": now(), "platform": "python", "release": release,
        "user": {"id": (n % 10).to_string()},
        "exception": {"values": [{"type": "StormError", "value": "no connection"}]},
    })
}

fn transaction() -> Value {
    json!({
        "event_id": id(), "type": "transaction", "transaction": "/pay",
        "start_timestamp": now() - 0.1, "timestamp": now(),
        "contexts": {"trace": {"trace_id": id(), "span_id": "a1b2c3d4e5f60718", "op": "http.server"}},
    })
}

fn session() -> Value {
    json!({"sid": uuid::Uuid::new_v4(), "init": true, "status": "ok",
        "attrs": {"release": "shop@1.0.0"}})
}

/// Makes a setting, and waits until the relay has it.
async fn set(site: &Site, wish: Value) {
    let version = || async {
        let metrics = site.relay_metrics().await.ok()?;
        metrics.get("vedette_relay_roster_version").copied()
    };
    let before = version().await.unwrap();
    let path = format!("vedette/projects/{ORGANIZATION}/{PROJECT}/intake/");
    site.api().put(&path, &wish).await.unwrap();
    until("the relay to have the setting", VISIBLE_WITHIN, || async {
        version().await.filter(|version| *version > before)
    })
    .await
    .unwrap();
}

/// Sends every error twice, one after the other by each client.
async fn storm(sdk: &Sdk) {
    let mut sending = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let sdk = sdk.clone();
        sending.spawn(async move {
            for n in (client..ERRORS).step_by(CLIENTS) {
                let body = envelope(&error(n, "shop@1.0.0"));
                for _ in 0..2 {
                    let answer = sdk.post(body.clone(), "").await.unwrap();
                    assert_eq!(answer.status(), 200);
                }
            }
        });
    }
    sending.join_all().await;
}

/// Quantities by category and outcome.
async fn outcomes(site: &Site) -> Option<BTreeMap<(String, String), usize>> {
    let path = format!(
        "organizations/{ORGANIZATION}/stats_v2/?field=sum(quantity)&groupBy=outcome&groupBy=category"
    );
    let found = site.api().get(&path).await.ok()?;
    let groups = found["groups"].as_array()?.iter();
    let read = groups.map(|group| {
        let by = |name: &str| group["by"][name].as_str().map(str::to_owned);
        let n = group["totals"]["sum(quantity)"].as_u64()?;
        Some(((by("category")?, by("outcome")?), usize::try_from(n).ok()?))
    });
    read.collect()
}

/// Each transaction that was kept counts for as many as it stands for: as many as were sent, within
/// what chance makes of it.
async fn assert_totals_are_of_what_was_sent(site: &Site, kept: usize) {
    let path = format!(
        "organizations/{ORGANIZATION}/events/?dataset=transactions&statsPeriod=1h\
         &field=transaction&field=count()&field=failure_rate()&field=p50()"
    );
    let found = site.api().get(&path).await.unwrap();
    let total = &found["data"][0];
    assert_eq!(total["transaction"], "/pay");
    assert_eq!(found["meta"]["accuracy"]["sampleCount"][0]["count()"], kept);
    let count = total["count()"].as_f64().unwrap();
    let [kept, sent] = [kept, TRANSACTIONS].map(|n| f64::from(u32::try_from(n).unwrap()));
    assert!((count - kept / SHARE).abs() < 0.5, "{count} of {kept}");
    // Five times the standard deviation of a share of so many.
    let bound = 5.0 * (sent * (1.0 - SHARE) / SHARE).sqrt();
    assert!((count - sent).abs() < bound, "{count} of {sent}");
    let half = total["p50()"].as_f64().unwrap();
    assert!((90.0..1000.0).contains(&half), "{half} ms");
    assert_eq!(total["failure_rate()"], 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_add_up_to_what_was_sent_in_every_category() {
    let site = Site::temporary(|plan| plan.fold_after = Some(20))
        .await
        .unwrap();
    site.settled(0).await.unwrap();
    let quota = json!({"categories": ["session"], "count": 5, "window": 3600, "burst": BURST});
    set(&site, json!({"quotas": [quota]})).await;
    let old = json!({"op": "eq", "name": "event.release", "value": "old@1"}).to_string();
    let all = json!({"op": "and", "inner": []}).to_string();
    set(
        &site,
        json!({
            "generic": [{"id": "old", "condition": old}],
            "samplingRules": [{"category": "transaction", "rate": SHARE, "condition": all}],
        }),
    )
    .await;

    storm(site.sdk()).await;
    for n in 0..UNWANTED {
        site.sdk().send(&error(n, "old@1")).await.unwrap();
    }
    for _ in 0..TRANSACTIONS {
        let body = envelope_of(&transaction(), "transaction");
        assert_eq!(site.sdk().post(body, "").await.unwrap().status(), 200);
    }
    for n in 0..SESSIONS {
        let answer = site
            .sdk()
            .post(envelope_of(&session(), "session"), "")
            .await;
        let is_in_burst = n < BURST;
        assert_eq!(
            answer.unwrap().status(),
            if is_in_burst { 200 } else { 429 },
            "{n}"
        );
    }
    let report = json!({"discarded_events":
        [{"reason": "before_send", "category": "error", "quantity": DISCARDED}]});
    let body = envelope_of(&report, "client_report");
    assert_eq!(site.sdk().post(body, "").await.unwrap().status(), 200);

    let last = std::cell::RefCell::new(BTreeMap::new());
    let sums = until("the outcomes to add up", VISIBLE_WITHIN, || async {
        let found = outcomes(&site).await?;
        *last.borrow_mut() = found.clone();
        let sum = |category: &str| {
            let of = found
                .iter()
                .filter(|((known, outcome), _)| known == category && outcome != "client_discard");
            of.map(|(_, n)| n).sum::<usize>()
        };
        let sums = ["error", "transaction", "session"].map(sum);
        let is_told = found.keys().any(|(_, outcome)| outcome == "client_discard");
        (is_told && sums == [2 * ERRORS + UNWANTED, TRANSACTIONS, SESSIONS]).then_some(found)
    })
    .await;
    let sums = sums.unwrap_or_else(|error| panic!("{error}: {:?}", last.borrow()));
    let n = |category: &str, outcome: &str| {
        let key = (category.to_owned(), outcome.to_owned());
        sums.get(&key).copied().unwrap_or_default()
    };
    assert_eq!(n("error", "accepted"), ERRORS, "{sums:?}");
    assert_eq!(n("error", "invalid"), ERRORS, "each came twice: {sums:?}");
    assert_eq!(n("error", "filtered"), UNWANTED, "{sums:?}");
    assert_eq!(n("error", "client_discard"), DISCARDED, "{sums:?}");
    assert_eq!(n("session", "accepted"), BURST, "{sums:?}");
    assert_eq!(n("session", "rate_limited"), SESSIONS - BURST, "{sums:?}");
    let kept = n("transaction", "accepted");
    assert_eq!(kept + n("transaction", "filtered"), TRANSACTIONS);
    assert_totals_are_of_what_was_sent(&site, kept).await;
    let issues = site
        .api()
        .issues(ORGANIZATION, "error.type:StormError", 1)
        .await;
    let issue = &issues.unwrap()[0];
    assert_eq!(issue["count"], ERRORS.to_string());
    let path = format!(
        "organizations/{ORGANIZATION}/issues/{}/",
        issue["id"].as_str().unwrap()
    );
    let one = site.api().get(&path).await.unwrap();
    assert!(
        one["foldedCount"].as_u64().unwrap() > 0,
        "some were told together"
    );
    site.assert_ledger_balances().await.unwrap();
}
