//! What relays say of themselves, and what is made of it.

use protocol::ids::ProjectId;
use protocol::item::Category;
use protocol::outcome::Term;
use protocol::wire::{Sum, Total};

use super::*;
use crate::rule::Action;
use crate::store::relay_history::{BUCKET_MILLIS, bucket};

/// A report with accounts: so many delivered, so many waiting.
fn books(delivered: u64, waiting: u64, accepted: u64) -> Books {
    let project = ProjectId::new(1).unwrap();
    let sum = |n| Sum {
        project,
        category: Category::Error,
        n,
    };
    let total = |term| Total {
        project: Some(project),
        category: Category::Error,
        term,
        reason: String::new(),
        n: accepted,
    };
    Books {
        epoch: Epoch(7),
        totals: vec![total(Term::Received), total(Term::Accepted)],
        delivered: vec![sum(delivered)],
        waiting: vec![sum(waiting)],
        is_whole: true,
    }
}

#[tokio::test]
async fn accounts_that_a_relay_leaves_out_are_those_it_sent_before() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let relay = joined.unwrap().relay;
    let address = "127.0.0.1:9".parse().unwrap();
    let with = Report {
        books: Some(books(3, 1, 4)),
        ..Report::default()
    };
    fleet.note_seen(relay, address, "0.2.0", 0, Some(&with), NOW);
    fleet.refresh().await.unwrap();
    let without = Report {
        spool_bytes: 9,
        ..Report::default()
    };
    fleet.note_seen(
        relay,
        address,
        "0.2.0",
        0,
        Some(&without),
        NOW.plus_millis(5000),
    );
    fleet.refresh().await.unwrap();
    let shown = fleet.relay(relay).await.unwrap().unwrap().report.unwrap();
    assert_eq!(shown.spool_bytes, 9);
    assert_eq!(shown.books, with.books);
}

#[tokio::test]
async fn a_long_history_is_kept_in_rows_of_five_minutes() {
    let (fleet, store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let relay = joined.unwrap().relay;
    let address = "127.0.0.1:9".parse().unwrap();
    let begin = clock::now().plus_millis(-3_600_000);
    for n in 0..13 {
        let report = Report {
            books: Some(books(n * 10, 0, n * 10)),
            ..Report::default()
        };
        let at = begin.plus_millis(i64::try_from(n).unwrap() * BUCKET_MILLIS);
        fleet.note_seen(relay, address, "0.2.0", 0, Some(&report), at);
    }
    fleet.refresh().await.unwrap();
    let rows = store.relay_history(relay, bucket(begin)).await.unwrap();
    assert!(rows.len() >= 12, "{rows:?}");
    assert!(rows.is_sorted_by_key(|row| row.bucket));
    assert_eq!(rows[3].delivered, 30);
    let mut write = store.begin().await.unwrap();
    write.remove_relay_history(rows[2].bucket).await.unwrap();
    write.commit().await.unwrap();
    let left = store.relay_history(relay, 0).await.unwrap();
    assert_eq!(left.len(), rows.len() - 2);
}

#[tokio::test]
async fn trouble_is_told_once_when_it_begins_and_once_when_it_is_over() {
    let (fleet, store, _dir) = fleet().await;
    let mut relays = Vec::new();
    for _ in 0..2 {
        let joined = fleet
            .join(&request(&token(&fleet, 1).await), HERE, NOW)
            .await;
        relays.push(joined.unwrap().relay);
    }
    let alerts = FleetAlerts {
        actions: vec![Action::Email {
            to: "ops@example.org".to_owned(),
        }],
        kinds: Vec::new(),
    };
    fleet.set_alerts(&alerts).await.unwrap();
    let look = |millis: i64| fleet.look_after("http://hub", NOW, NOW.plus_millis(millis));
    let seen = |millis: i64| {
        let at = NOW.plus_millis(millis);
        let address = "127.0.0.1:9".parse().unwrap();
        for relay in &relays {
            fleet.note_seen(*relay, address, "0.2.0", 0, None, at);
        }
    };
    seen(0);
    fleet.refresh().await.unwrap();
    assert_eq!(look(90_000).await.unwrap(), 0);
    // Both at once: one message.
    assert_eq!(look(91_000).await.unwrap(), 1);
    assert_eq!(look(200_000).await.unwrap(), 0);
    let rows = store.relay_conditions().await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.kind == "dark"));
    assert!(
        rows.iter()
            .all(|row| row.since == NOW.plus_millis(91_000).as_millis())
    );
    assert_eq!(rows[0].detail, "not heard of for 3 min 20 s");
    seen(201_000);
    fleet.refresh().await.unwrap();
    assert_eq!(look(202_000).await.unwrap(), 1);
    assert_eq!(store.relay_conditions().await.unwrap(), []);
    let due = store
        .due_notifications(NOW.plus_millis(300_000), 10)
        .await
        .unwrap();
    let texts: Vec<serde_json::Value> = due
        .iter()
        .map(|one| serde_json::from_str(&one.payload).unwrap())
        .collect();
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[0]["action"], "triggered");
    assert_eq!(texts[0]["data"]["count"], 2);
    assert_eq!(texts[1]["action"], "resolved");
    assert_eq!(texts[1]["change"], "relay_dark");
}

#[tokio::test]
async fn only_the_troubles_that_were_asked_for_are_told() {
    let (fleet, _store, _dir) = fleet().await;
    let joined = fleet
        .join(&request(&token(&fleet, 1).await), HERE, NOW)
        .await;
    let relay = joined.unwrap().relay;
    let alerts = FleetAlerts {
        actions: vec![Action::Webhook {
            url: "https://example.org/hook".to_owned(),
        }],
        kinds: vec![ConditionKind::Unbalanced],
    };
    assert!(alerts.check().is_ok());
    fleet.set_alerts(&alerts).await.unwrap();
    assert_eq!(fleet.alerts().await.unwrap(), alerts);
    let look = |millis: i64| fleet.look_after("http://hub", NOW, NOW.plus_millis(millis));
    assert_eq!(look(100_000).await.unwrap(), 0);
    let off = Report {
        books: Some(books(3, 0, 4)),
        ..Report::default()
    };
    let at = NOW.plus_millis(100_000);
    fleet.note_seen(
        relay,
        "127.0.0.1:9".parse().unwrap(),
        "0.2.0",
        0,
        Some(&off),
        at,
    );
    fleet.refresh().await.unwrap();
    assert_eq!(look(101_000).await.unwrap(), 1);
}
