//! What makes a key, and what does not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::block::{Folded, Item};
use crate::ids::{ProjectId, PublicKey};

const NOW: i64 = 1_767_323_045_678;

fn record(payload: &str) -> Items {
    Items {
        project: ProjectId::new(1).unwrap(),
        key: PublicKey::from_bytes([1; 16]),
        received_at: Timestamp::from_millis(NOW),
        sent_at: None,
        event_id: None,
        client: Some("sentry.python/2.75.0".to_owned()),
        remote_addr: None,
        user_agent: None,
        trace: None,
        items: vec![Item {
            kind: "event".to_owned(),
            header: Bytes::from_static(b"{\"type\":\"event\"}"),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
        }],
    }
}

fn event() -> Value {
    json!({
        "event_id": "11111111111111111111111111111111",
        "timestamp": "2026-01-02T03:04:05Z",
        "platform": "python",
        "release": "shop@1",
        "tags": {"plan": "free"},
        "user": {"id": "42"},
        "breadcrumbs": {"values": [{"message": "a"}]},
        "extra": {"n": 1},
        "contexts": {
            "trace": {"trace_id": "aa", "op": "http"},
            "device": {"model": "x", "free_memory": 1},
        },
        "exception": {"values": [{
            "type": "KeyError", "value": "'id'",
            "stacktrace": {"frames": [{"function": "pay", "vars": {"a": "1"}}]},
        }]},
        "request": {
            "url": "/pay", "data": "1", "headers": {"Cookie": "a", "Host": "shop"},
        },
    })
}

fn key(event: &Value) -> Option<Key> {
    read(&record(&event.to_string())).map(|one| one.key)
}

/// Whether the event has the same key when what a pointer leads to is another.
fn is_same_with(pointer: &str, value: Value) -> bool {
    let mut other = event();
    *other.pointer_mut(pointer).unwrap() = value;
    key(&other).unwrap() == key(&event()).unwrap()
}

#[test]
fn what_is_on_the_list_does_not_matter() {
    for (pointer, value) in [
        ("/event_id", json!("22222222222222222222222222222222")),
        ("/timestamp", json!(1_767_323_040.5)),
        ("/user", json!({"id": "43", "email": "a@example.org"})),
        ("/breadcrumbs", json!([])),
        ("/extra/n", json!(2)),
        ("/contexts/trace/trace_id", json!("bb")),
        ("/contexts/device/free_memory", json!(2)),
        (
            "/exception/values/0/stacktrace/frames/0/vars",
            json!({"b": [1]}),
        ),
        ("/request/data", json!({"x": 1})),
        ("/request/headers/Cookie", json!("b")),
    ] {
        assert!(is_same_with(pointer, value), "{pointer}");
    }
}

#[test]
fn what_is_not_on_the_list_makes_another_key() {
    for pointer in [
        "/platform",
        "/release",
        "/tags/plan",
        "/contexts/trace/op",
        "/contexts/device/model",
        "/exception/values/0/type",
        "/exception/values/0/value",
        "/exception/values/0/stacktrace/frames/0/function",
        "/request/url",
        "/request/headers/Host",
    ] {
        assert!(!is_same_with(pointer, json!("another")), "{pointer}");
    }
    let base = record(&event().to_string());
    let check = |change: &dyn Fn(&mut Items)| {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(read(&other).unwrap().key, read(&base).unwrap().key);
    };
    check(&|items| items.project = ProjectId::new(2).unwrap());
    check(&|items| items.key = PublicKey::from_bytes([2; 16]));
    check(&|items| items.client = None);
    check(&|items| items.user_agent = Some("curl".to_owned()));
}

#[test]
fn what_is_unusual_stays_as_it_is() {
    let none = |payload: &str| assert_eq!(read(&record(payload)), None, "{payload}");
    none("");
    none("[]");
    none("{\"message\":\"no time\"}");
    none("{\"timestamp\":\"yesterday\"}");
    none("{\"timestamp\":1}");
    none("{\"timestamp\":1767323045,\"user\":1,\"user\":2}");
    none("{\"timestamp\":1767323045,\"extra\":1,\"extra\":2}");
    none("{\"timestamp\":1767323045,\"timestamp\":1767323045}");
    let long = "x".repeat(USER_BYTES_MAX);
    none(&format!("{{\"timestamp\":1767323045,\"user\":\"{long}\"}}"));
    let mut drifts = record(&event().to_string());
    drifts.sent_at = Some(Timestamp::from_millis(NOW - 50 * 60_000));
    assert_eq!(read(&drifts), None);
    let mut two = record(&event().to_string());
    two.items.push(two.items[0].clone());
    assert_eq!(read(&two), None);
    let mut transaction = record(&event().to_string());
    transaction.items[0].kind = "transaction".to_owned();
    assert_eq!(read(&transaction), None);
}

#[test]
fn an_event_becomes_another_users() {
    let check = |payload: &str, user: Option<&str>, expected: Option<&str>| {
        let made = with_user(payload.as_bytes(), user.map(str::as_bytes));
        assert_eq!(made.as_deref(), expected.map(str::as_bytes), "{payload}");
    };
    check("{}", None, Some("{}"));
    check("{\"user\":1,\"a\":[1, 2]}", None, Some("{\"a\":[1, 2]}"));
    check(
        "{\"a\":1}",
        Some("{\"id\":2}"),
        Some("{\"a\":1,\"user\":{\"id\":2}}"),
    );
    check("{\"user\":1}", Some("2"), Some("{\"user\":2}"));
    check("{\"a\":1}", Some("{"), None);
    check("[]", None, None);
}

proptest! {
    #[test]
    fn events_of_a_user_are_counted_by_minute(offsets in prop::collection::vec(0_i64..200_000, 1..40)) {
        let at = |offset: i64| Timestamp::from_millis(NOW + offset);
        let first = Foldable { key: Key([0; 16]), user: None, at: at(offsets[0]) };
        let mut alike = first.alike(None);
        for offset in &offsets[1..] {
            add(&mut alike, at(*offset));
        }
        prop_assert_eq!(alike.count(), offsets.len() as u64);
        prop_assert_eq!(alike.first, at(*offsets.iter().min().unwrap()));
        prop_assert_eq!(alike.last, at(*offsets.iter().max().unwrap()));
        for (minute, n) in &alike.minutes {
            let within = offsets.iter().filter(|o| at(**o).as_millis().div_euclid(60_000) == *minute);
            prop_assert_eq!(within.count(), usize::try_from(*n).unwrap());
        }
        let folded = Folded { items: record("{}"), alike: vec![alike] };
        prop_assert_eq!(folded.count(), 1 + offsets.len() as u64);
    }

    #[test]
    fn any_text_has_a_key_or_none(text in "[{}\\[\\]\",:a-c0-9 ]{0,60}") {
        drop(read(&record(&text)));
        drop(with_user(text.as_bytes(), Some(text.as_bytes())));
    }
}
