//! One error, again and again: it costs little on the link, and is counted as if each had come
//! alone, though relay and hub are killed within.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::api::{VISIBLE_WITHIN, envelope};
use tests::site::{ORGANIZATION, Site};
use tests::wait::until;

/// Events of each storm.
const STORM: usize = 10_000;
/// Clients that send at the same time.
const CLIENTS: usize = 48;
/// Users that it happens to.
const USERS: usize = 50;
/// After how many of a minute they are told together: the storms of this test are short.
const FOLD_AFTER: u32 = 50;
/// What the link may carry to the hub for both storms, a sixth of what their events take alone. Where
/// the clients of a debug build share two cores with it, few of them wait at the same time.
const LINK_BYTES_MAX: u64 = 2 << 20;
/// How long the hub may take to have counted a storm; debug builds on a busy machine.
const WITHIN: Duration = Duration::from_secs(240);

/// An error as it storms: another user, another time, other variables, other things before it.
fn error(ty: &str, n: usize) -> Value {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let noise: String = (0..10)
        .map(|_| uuid::Uuid::new_v4().simple().to_string())
        .collect();
    json!({
        "event_id": uuid::Uuid::new_v4().simple().to_string(),
        "timestamp": now,
        "platform": "python",
        "release": "shop@1.0.0",
        "user": {"id": (n % USERS).to_string()},
        "breadcrumbs": [{"message": noise, "timestamp": now}],
        "exception": {"values": [{"type": ty, "value": "no connection", "stacktrace": {"frames": [
            {"function": "pay", "module": "shop.pay", "in_app": true, "vars": {"order": n}}
        ]}}]},
    })
}

/// What became of what was sent.
#[derive(Clone, Debug, Default)]
struct Sent {
    answered: Arc<AtomicUsize>,
    /// Those without an answer may be kept or not.
    unanswered: Arc<AtomicUsize>,
}

impl Sent {
    /// How many may be counted.
    fn range(&self) -> std::ops::RangeInclusive<usize> {
        let answered = self.answered.load(Ordering::SeqCst);
        answered..=answered + self.unanswered.load(Ordering::SeqCst)
    }
}

/// Sends one of two errors in turn.
fn storm(site: &Site, sent: &[Sent; 2]) -> tokio::task::JoinSet<()> {
    let mut sending = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let (sdk, sent) = (site.sdk().clone(), sent.clone());
        sending.spawn(async move {
            for n in (client..STORM).step_by(CLIENTS) {
                let which = usize::from(n % 10 == 0);
                let ty = ["StormError", "OtherError"][which];
                let is_taken = loop {
                    match sdk.post(envelope(&error(ty, n)), "").await {
                        Ok(answer) => break answer.status().is_success(),
                        // The relay is away for a moment.
                        Err(error) if error_is_refusal(&error) => tokio::task::yield_now().await,
                        Err(_) => break false,
                    }
                };
                let counter = match is_taken {
                    true => &sent[which].answered,
                    false => &sent[which].unanswered,
                };
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    sending
}

/// Whether nothing of a request can have come through.
fn error_is_refusal(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<reqwest::Error>();
    error.is_some_and(reqwest::Error::is_connect)
}

/// The counts of an error's one issue, once all that was answered is counted.
async fn counted(site: &Site, ty: &str, sent: &Sent) -> Value {
    let path = format!("organizations/{ORGANIZATION}/issues/?query=error.type:{ty}&limit=100");
    let range = sent.range();
    let last = std::cell::RefCell::new(Value::Null);
    let found = until("the storm to be counted", WITHIN, || async {
        let found = site.api().get(&path).await.ok()?;
        *last.borrow_mut() = found.clone();
        let [issue] = found.as_array()?.as_slice() else {
            return None;
        };
        let n: usize = issue["count"].as_str()?.parse().ok()?;
        range.contains(&n).then(|| issue.clone())
    })
    .await;
    let shown = || format!("{range:?} of {}", last.borrow());
    found.with_context(shown).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_counted_to_the_unit_and_costs_little() {
    let mut site = Site::temporary(|plan| {
        plan.link_seed = Some(7);
        plan.fold_after = Some(FOLD_AFTER);
    })
    .await
    .unwrap();
    site.settled(0).await.unwrap();
    let before = site.link().unwrap().traffic().bytes_to_hub();
    let sent: [Sent; 2] = Default::default();
    // A storm with nothing in its way.
    storm(&site, &sent).join_all().await;
    let calm = sent.clone().map(|sent| sent.range());
    assert_eq!(calm, [STORM * 9 / 10, STORM / 10].map(|n| n..=n));
    for (ty, sent) in ["StormError", "OtherError"].into_iter().zip(&sent) {
        let issue = counted(&site, ty, sent).await;
        assert_eq!(
            issue["userCount"],
            if ty == "StormError" {
                USERS * 9 / 10
            } else {
                USERS / 10
            }
        );
    }
    // Another, in which the relay is killed, and then the hub.
    let mut sending = storm(&site, &sent);
    let n_before = STORM;
    let is_under_way = |n: usize| {
        let all: usize = sent.iter().map(|sent| *sent.range().start()).sum();
        (all > n_before + n).then_some(())
    };
    until("the storm to be under way", WITHIN, || async {
        is_under_way(STORM / 4)
    })
    .await
    .unwrap();
    site.kill_relay().unwrap();
    site.start_relay().await.unwrap();
    until("the storm to go on", WITHIN, || async {
        is_under_way(STORM / 2)
    })
    .await
    .unwrap();
    site.kill_hub().unwrap();
    site.start_hub().await.unwrap();
    while let Some(ended) = sending.join_next().await {
        ended.unwrap();
    }
    for (ty, sent) in ["StormError", "OtherError"].into_iter().zip(&sent) {
        counted(&site, ty, sent).await;
    }
    until("the relay to be back", VISIBLE_WITHIN, || async {
        (site.waiting_records().await.ok()? == 0).then_some(())
    })
    .await
    .unwrap();
    let path = format!("organizations/{ORGANIZATION}/issues/");
    let issues = site.api().get(&path).await.unwrap();
    let (mut n_counted, mut n_folded) = (0, 0);
    for issue in issues.as_array().unwrap() {
        let path = format!("{path}{}/", issue["id"].as_str().unwrap());
        let one = site.api().get(&path).await.unwrap();
        n_counted += one["count"].as_str().unwrap().parse::<usize>().unwrap();
        n_folded += usize::try_from(one["foldedCount"].as_u64().unwrap()).unwrap();
    }
    let stored = n_counted - n_folded;
    until("what is kept to be found", VISIBLE_WITHIN, || async {
        (site.stored_events().await.ok()? == stored).then_some(())
    })
    .await
    .unwrap();
    site.assert_ledger_balances().await.unwrap();
    let bytes = site.link().unwrap().traffic().bytes_to_hub() - before;
    println!("{n_counted} events, {stored} kept in full, {bytes} bytes to the hub");
    assert!(
        stored < n_counted / 4,
        "{stored} of {n_counted} are kept in full"
    );
    assert!(
        bytes < LINK_BYTES_MAX,
        "{bytes} bytes for {n_counted} events"
    );
}
