//! What goes as it is, and what is told together.

use protocol::block::Item;
use protocol::ids::{EventId, PublicKey};
use protocol::timestamp::Timestamp;

use super::recent::RECENT_MAX;
use super::storms::KINDS_MAX;
use super::*;

const NOW: i64 = 1_767_323_045_678;

fn project(id: u64) -> ProjectId {
    ProjectId::new(id).unwrap()
}

/// An event of a kind, by a user, so many milliseconds after the first.
fn event(project_id: u64, kind: usize, user: Option<u32>, millis: i64) -> Items {
    let at = Timestamp::from_millis(NOW + millis);
    let mut payload = serde_json::json!({
        "message": format!("kind {kind}"), "timestamp": at.to_rfc3339(),
    });
    if let Some(user) = user {
        payload["user"] = serde_json::json!({"id": user});
    }
    Items {
        project: project(project_id),
        key: PublicKey::from_bytes([1; 16]),
        received_at: at,
        sent_at: None,
        event_id: None,
        client: None,
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

fn key(kind: usize) -> Key {
    fold::read(&event(1, kind, None, 0)).unwrap().key
}

fn told(events: Vec<Items>) -> Vec<Batch> {
    let waiting = events.into_iter().map(|items| {
        let (done, _) = oneshot::channel();
        let one = fold::read(&items).unwrap();
        Waiting { items, one, done }
    });
    batches(waiting.collect(), &Recent::default())
}

/// The same event as its client gave it an id.
fn named(id: u128, millis: i64) -> Items {
    Items {
        event_id: Some(EventId::from_bytes(id.to_be_bytes())),
        ..event(1, 0, None, millis)
    }
}

#[test]
fn the_first_of_a_minute_go_as_they_are() {
    let mut storms = Storms::new(3);
    let second = Duration::from_secs;
    for _ in 0..3 {
        assert!(!storms.is_stormy(project(1), second(59)));
    }
    assert!(storms.is_stormy(project(1), second(59)));
    assert!(!storms.is_stormy(project(2), second(59)));
    let surplus = |storms: &mut Storms, kind| storms.is_surplus(project(1), key(kind));
    assert_eq!(
        [0; 5].map(|kind| surplus(&mut storms, kind)),
        [false, false, false, true, true]
    );
    assert!(!surplus(&mut storms, 1));
    // The next minute begins anew.
    assert!(!storms.is_stormy(project(1), second(60)));
    assert!(!surplus(&mut storms, 0));
}

#[test]
fn kinds_beyond_the_bound_go_as_they_are_and_others_are_folded_still() {
    let mut storms = Storms::new(1);
    assert!(!storms.is_stormy(project(1), Duration::ZERO));
    for kind in 0..KINDS_MAX {
        assert!(!storms.is_surplus(project(1), key(kind)));
    }
    assert!(storms.is_surplus(project(1), key(0)));
    for _ in 0..3 {
        assert!(!storms.is_surplus(project(1), key(KINDS_MAX)));
    }
}

#[test]
fn events_of_a_kind_become_one_record_with_their_users_and_times() {
    let users = [Some(1), Some(2), None, Some(2), Some(1), Some(2)];
    let events = users.iter().zip([9, 5, 60_000, 60_005, 1, 2]);
    let events = events.map(|(user, millis)| event(1, 0, *user, millis));
    let batches = told(events.collect());
    let [batch] = batches.as_slice() else {
        panic!("{batches:?}")
    };
    assert_eq!(batch.waiting.len(), 6);
    let [(Lane::Errors, Record::Folded(folded))] = batch.records.as_slice() else {
        panic!("{batch:?}")
    };
    assert_eq!(folded.count(), 6);
    assert_eq!(folded.items, event(1, 0, Some(1), 9));
    let shown = folded.alike.iter().map(|alike| {
        let user = alike.user.as_deref().map(String::from_utf8_lossy);
        let since = |at: Timestamp| at.as_millis() - NOW;
        (
            user,
            alike.count(),
            since(alike.first),
            since(alike.last),
            alike.minutes.len(),
        )
    });
    let shown: Vec<_> = shown.collect();
    let expected = [
        (Some("{\"id\":2}".into()), 3, 2, 60_005, 2),
        (None, 1, 60_000, 60_000, 1),
        (Some("{\"id\":1}".into()), 1, 1, 1, 1),
    ];
    assert_eq!(shown, expected);
}

#[test]
fn other_kinds_and_other_projects_stay_apart() {
    let events = [(1, 0), (1, 1), (2, 0), (1, 0)];
    let batches = told(
        events
            .map(|(project, kind)| event(project, kind, None, 0))
            .into(),
    );
    let counts = batches.iter().map(|batch| {
        let records = batch.records.iter();
        let mut counts: Vec<u64> = records
            .flat_map(|(_, record)| record.counts().map(|count| count.n))
            .collect();
        counts.sort_unstable();
        (counts, batch.waiting.len())
    });
    let counts: Vec<_> = counts.collect();
    assert_eq!(counts, [(vec![1, 2], 3), (vec![1], 1)]);
    // What has no like is an ordinary record.
    let folded = batches.iter().flat_map(|batch| &batch.records);
    let folded = folded.filter(|(_, record)| matches!(record, Record::Folded(_)));
    assert_eq!(folded.count(), 1);
}

#[test]
fn an_event_that_waits_twice_or_is_durable_already_counts_once() {
    let mut recent = Recent::default();
    let durable = recent.name(&named(9, 0)).unwrap();
    recent.remember(durable, false);
    let waiting = [1, 2, 1, 9, 3].map(|id| {
        let items = named(id, 0);
        let one = fold::read(&items).unwrap();
        let (done, _) = oneshot::channel();
        Waiting { items, one, done }
    });
    let batches = batches(waiting.into(), &recent);
    let [batch] = batches.as_slice() else {
        panic!("{batches:?}")
    };
    let told: Vec<_> = batch.waiting.iter().map(|answer| answer.told).collect();
    let expected = [Told::Now, Told::Now, Told::Before, Told::Before, Told::Now];
    assert_eq!(told, expected);
    let counts = batch.records.iter();
    let n: u64 = counts
        .flat_map(|(_, record)| record.counts().map(|count| count.n))
        .sum();
    assert_eq!(n, 3);
}

#[test]
fn only_the_last_ids_are_remembered_and_only_of_events() {
    let mut recent = Recent::default();
    let first = recent.name(&named(0, 0)).unwrap();
    recent.remember(first, true);
    assert!(recent.was_folded(first) && recent.knows(first));
    for id in 1..=RECENT_MAX as u128 {
        let name = recent.name(&named(id, 0)).unwrap();
        recent.remember(name, false);
    }
    assert!(!recent.knows(first));
    let last = recent.name(&named(RECENT_MAX as u128, 0)).unwrap();
    assert!(recent.knows(last) && !recent.was_folded(last));
    let mut report = named(1, 0);
    report.items[0].kind = "user_report".to_owned();
    assert_eq!(recent.name(&report), None);
    assert_eq!(recent.name(&event(1, 0, None, 0)), None);
}
