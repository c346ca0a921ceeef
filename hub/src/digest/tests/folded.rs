//! Events that are told together: what has one key is one to the hub, and counts are those of
//! events that came alone.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use protocol::block::Folded;
use protocol::fold::{self, Key};
use serde_json::{Value, json};

use super::super::effect::Incoming;
use super::super::folded::By;
use super::super::prepare;
use super::*;
use crate::archive::StoredEvent;
use crate::group::Rules;

/// An event's record.
fn items(project: ProjectId, n: u64, payload: &Value) -> Items {
    Items {
        project,
        key: PublicKey::from_bytes([2; 16]),
        received_at: NOW,
        sent_at: None,
        event_id: Some(event_id(n)),
        client: Some("sentry.python/2.0".to_owned()),
        remote_addr: None,
        user_agent: None,
        trace: None,
        items: vec![Item {
            kind: "event".to_owned(),
            header: Bytes::from_static(b"{}"),
            payload: Bytes::from(payload.to_string()),
        }],
    }
}

/// Tells the events as relays do.
fn told(events: Vec<Items>) -> Vec<Record> {
    let mut records: BTreeMap<Key, Folded> = BTreeMap::new();
    for items in events {
        let one = fold::read(&items).unwrap();
        match records.get_mut(&one.key) {
            None => {
                let alike = Vec::new();
                records.insert(one.key, Folded { items, alike });
            }
            Some(folded) => match folded.alike.iter_mut().find(|a| a.user == one.user) {
                Some(alike) => fold::add(alike, one.at),
                None => folded.alike.push(one.alike(None)),
            },
        }
    }
    let record = |folded: Folded| match folded.alike.is_empty() {
        true => Record::Items(folded.items),
        false => Record::Folded(folded),
    };
    records.into_values().map(record).collect()
}

/// What the hub makes of an event alone.
fn digested(items: &Items) -> Incoming {
    let item = &items.items[0];
    let stored = StoredEvent {
        project: items.project,
        event_id: items.event_id.unwrap(),
        relay: RELAY,
        key: items.key,
        received_at: items.received_at,
        sent_at: items.sent_at,
        client: items.client.clone(),
        remote_addr: items.remote_addr.clone(),
        user_agent: items.user_agent.clone(),
        trace: items.trace.clone(),
        kind: item.kind.clone(),
        header: item.header.clone(),
        payload: item.payload.clone(),
        relay_offset_millis: 0,
        place: None,
        alike: Vec::new(),
        stands_in: false,
    };
    let by = By {
        category: Category::Error,
        rules: &Rules::default(),
        places: &Places::default(),
    };
    prepare::alone(stored, by).unwrap()
}

/// Everything about an event that the hub goes by: groups, rules of ownership, tags, releases, what
/// issues show. Left out is whose it was, when, and what led to it.
fn seen_by_the_hub(event: &Incoming) -> String {
    let mut document = event.document.clone();
    document.event_id = None;
    document.timestamp = NOW;
    document.user = crate::index::User::default();
    document.breadcrumbs.clear();
    document.trace_id = None;
    let is_of_one = |key: &str| key == "user.display" || key.starts_with("trace.");
    document.facts.retain(|(key, _)| !is_of_one(key));
    let is_of_user = |key: &str| key == "user" || key.starts_with("geo.");
    document.tags.retain(|(key, _)| !is_of_user(key));
    format!(
        "{:?} {:?} {document:?} {} {} {} {:?}",
        event.hashes, event.previous, event.culprit, event.metadata, event.priority, event.removals
    )
}

/// The paths of all values within one that hold no other.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(value, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for (place, value) in elements.iter().enumerate() {
                leaves(value, &format!("{path}/{place}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// Another value of the same type.
fn another(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(format!("{text} and more")),
        Value::Number(_) => json!(17),
        Value::Bool(is) => json!(!is),
        _ => json!("something"),
    }
}

#[test]
fn recordings_with_one_value_changed_have_another_key_or_are_the_same_to_the_hub() {
    let project = ProjectId::new(1).unwrap();
    let (mut n_same, mut n_other) = (0, 0);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events");
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let Ok(mut event) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        if !event.is_object() {
            continue;
        }
        event["timestamp"] = json!(NOW.as_secs());
        let whole = items(project, 1, &event);
        let Some(key) = fold::read(&whole).map(|one| one.key) else {
            continue;
        };
        let expected = seen_by_the_hub(&digested(&whole));
        let mut paths = Vec::new();
        leaves(&event, "", &mut paths);
        for path in paths.iter().filter(|path| *path != "/timestamp") {
            let mut other = event.clone();
            let value = other.pointer_mut(path).unwrap();
            *value = another(value);
            let other = items(project, 2, &other);
            match fold::read(&other) {
                Some(one) if one.key == key => {
                    n_same += 1;
                    assert_eq!(seen_by_the_hub(&digested(&other)), expected, "{path}");
                }
                _ => n_other += 1,
            }
        }
    }
    assert!(n_same > 100 && n_other > 100, "{n_same} {n_other}");
}

/// A part of an event that its group may depend on, and parts that it does not.
fn event() -> impl Strategy<Value = Value> {
    let parts = (0..3_u8, 0..3_u8, 0..2_u8, 0..4_u64, -7_000..10_i64, 0..3_u8);
    parts.prop_map(|(ty, value, release, user, seconds, noise)| {
        let mut event = error(&format!("Error{ty}"), user, seconds);
        event["exception"]["values"][0]["value"] = json!(format!("value {value}"));
        event["release"] = json!(format!("shop@{release}"));
        event["extra"] = json!({"noise": noise});
        event["breadcrumbs"] = json!([{"message": format!("step {noise}")}]);
        if user == 0 {
            event["user"] = Value::Null;
        }
        if noise == 2 {
            event["fingerprint"] = json!(["{{ default }}", "{{ tags.user }}"]);
        }
        event
    })
}

#[test]
fn two_events_of_one_key_are_of_one_issue() {
    let project = ProjectId::new(1).unwrap();
    let mut runner = TestRunner::default();
    let pairs = (event(), event());
    runner
        .run(&pairs, |(first, mut second)| {
            second["event_id"] = json!("22222222222222222222222222222222");
            let (first, second) = (items(project, 1, &first), items(project, 2, &second));
            let keys = [&first, &second].map(|items| fold::read(items).unwrap().key);
            // What goes by the user is told apart at the hub, which is tested below.
            let same_user = digested(&first).user == digested(&second).user;
            if keys[0] == keys[1] && same_user {
                let seen = [&first, &second].map(|items| seen_by_the_hub(&digested(items)));
                prop_assert_eq!(&seen[0], &seen[1]);
            }
            Ok(())
        })
        .unwrap();
}

/// Everything that is counted of a project's issues.
async fn counted(hub: &Hub) -> Vec<String> {
    let mut all = Vec::new();
    for sql in [
        "SELECT concat_ws(' ', title, times_seen, users_seen, first_seen, last_seen, substatus,
                          last_release)
         FROM issues",
        "SELECT concat_ws(' ', i.title, h.hour, h.n)
         FROM issue_hours h JOIN issues i ON i.id = h.issue_id",
        "SELECT concat_ws(' ', i.title, hex(u.user_hash))
         FROM issue_users u JOIN issues i ON i.id = u.issue_id",
        "SELECT concat_ws(' ', i.title, t.key, t.value, t.times_seen, t.first_seen, t.last_seen)
         FROM issue_tags t JOIN issues i ON i.id = t.issue_id",
        "SELECT concat_ws(' ', version, first_seen_at, last_seen_at)
         FROM release_projects p JOIN releases r ON r.id = p.release_id",
    ] {
        let mut rows = hub.parts.store.texts(sql).await;
        rows.sort();
        all.extend(rows);
    }
    all
}

#[test]
fn counts_are_those_of_events_that_came_alone() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = proptest::test_runner::Config::with_cases(12);
    let mut runner = TestRunner::new(config);
    let events = prop::collection::vec(event(), 2..40);
    runner
        .run(&events, |events| {
            runtime.block_on(async {
                let (alone, together) = (Hub::new().await, Hub::new().await);
                let all = (1_u32..).zip(events).map(|(n, mut event)| {
                    // No two at the same time: which of them an issue shows is then open.
                    let at = event["timestamp"].as_f64().unwrap() + f64::from(n) / 1000.0;
                    event["timestamp"] = json!(at);
                    items(alone.project, u64::from(n), &event)
                });
                let all: Vec<_> = all.collect();
                let records: Vec<_> = all.iter().cloned().map(Record::Items).collect();
                alone.deliver(1, &records).await.unwrap();
                together.deliver(1, &told(all)).await.unwrap();
                assert_eq!(counted(&together).await, counted(&alone).await);
                assert_eq!(together.ends().await, alone.ends().await);
                let weights = "SELECT SUM(weight) FROM events";
                assert_eq!(together.number(weights).await, alone.number(weights).await);
            });
            Ok(())
        })
        .unwrap();
}

/// So many events of a kind told together, by users in turn; the first has this number.
fn storm(hub: &Hub, first: u64, n: u64, n_users: u64) -> Record {
    let of = |n: u64| items(hub.project, n, &error("KeyError", n % n_users, 0));
    let mut records = told((first..first + n).map(of).collect());
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[tokio::test]
async fn what_is_told_with_an_event_that_is_stored_already_is_counted() {
    let hub = Hub::new().await;
    let one = Record::Items(items(hub.project, 1, &error("KeyError", 1, 0)));
    hub.deliver(1, &[one, storm(&hub, 1, 100, 7)])
        .await
        .unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 100);
    assert_eq!(hub.number("SELECT users_seen FROM issues").await, 7);
    assert_eq!(hub.number("SELECT COUNT(*) FROM events").await, 2);
    let expected = [
        (Term::Applied, "", 100),
        (Term::Invalid, reason::DUPLICATE, 1),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
    // Everything again, under other numbers: nothing of it is new.
    hub.deliver(3, &[storm(&hub, 1, 100, 7)]).await.unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 100);
}

#[tokio::test]
async fn a_record_of_many_that_comes_again_counts_once() {
    let hub = Hub::new().await;
    let records = [storm(&hub, 1, 1000, 50)];
    hub.deliver(1, &records).await.unwrap();
    let hub = hub.again().await;
    hub.deliver(1, &records).await.unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 1000);
    assert_eq!(hub.number("SELECT users_seen FROM issues").await, 50);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 1000)]));
}

#[tokio::test]
async fn what_was_told_together_is_merged_and_taken_out_together() {
    let hub = Hub::new().await;
    let other = Record::Items(items(hub.project, 999, &error("ValueError", 3, 0)));
    hub.deliver(1, &[storm(&hub, 1, 100, 7), other])
        .await
        .unwrap();
    let key_error = "SELECT id FROM issues WHERE title LIKE 'KeyError%'";
    let key_error = hub.number(key_error).await;
    let value_error = "SELECT id FROM issues WHERE title LIKE 'ValueError%'";
    let value_error = hub.number(value_error).await;
    let hashes = hub.parts.store.issue_hashes(key_error).await.unwrap();
    let hashes = hashes.into_iter().map(|hash| hash.try_into().unwrap());
    let parting = regroup::Parting::Hashes(hashes.collect());
    let before = counted(&hub).await;
    let mut write = hub.parts.store.begin().await.unwrap();
    write.merge_issue(key_error, value_error).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(hub.number("SELECT times_seen FROM issues").await, 101);
    assert_eq!(hub.number("SELECT users_seen FROM issues").await, 7);
    let with = regroup::Regroup {
        store: &hub.parts.store,
        archive: &hub.parts.archive,
        rules: &Rules::default(),
        now: NOW,
        user: 1,
    };
    let made = regroup::regroup(&with, hub.project, value_error, &parting).await;
    assert_eq!(made.unwrap().len(), 1);
    assert_eq!(counted(&hub).await, before);
}

#[tokio::test]
async fn users_that_rules_group_apart_have_issues_of_their_own() {
    let hub = Hub::new().await;
    let of = |n: u64| {
        let mut event = error("KeyError", n % 3, 0);
        event["fingerprint"] = json!(["{{ tags.user }}"]);
        items(hub.project, n, &event)
    };
    let records = told((1..=30).map(of).collect());
    assert_eq!(records.len(), 1);
    hub.deliver(1, &records).await.unwrap();
    assert_eq!(hub.number("SELECT COUNT(*) FROM issues").await, 3);
    assert_eq!(
        hub.number("SELECT COUNT(*) FROM issues WHERE times_seen = 10")
            .await,
        3
    );
    assert_eq!(hub.number("SELECT SUM(users_seen) FROM issues").await, 3);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 30)]));
}

#[tokio::test]
async fn what_is_told_of_an_unknown_project_or_set_aside_is_counted_to_the_unit() {
    let hub = Hub::new().await;
    let mut unknown = storm(&hub, 1, 20, 2);
    if let Record::Folded(folded) = &mut unknown {
        folded.items.project = ProjectId::new(99).unwrap();
    }
    let mut broken = storm(&hub, 1, 30, 2);
    if let Record::Folded(folded) = &mut broken {
        folded.items.items[0].payload = Bytes::from_static(b"[]");
    }
    let mut too_many = storm(&hub, 1, 2, 1);
    if let Record::Folded(folded) = &mut too_many {
        folded.alike[0].minutes = vec![(0, 5000)];
    }
    let records = [unknown, broken, too_many];
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Rejected, reason::POISON, 30 + 5001),
        (Term::Rejected, reason::PROJECT_ID, 20),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}
