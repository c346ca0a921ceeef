//! Items that are no events: kept once, with what is known of them.

use serde_json::{Value, json};

use super::*;
use crate::store::items::{ItemRow, Wanted};

const TRACE: &str = "d1901c4e6b5d6d4cb962dc071d7b7f9e";
const SPAN: &str = "8c1a0e2f4b6d7f90";
const START: f64 = 1_767_323_040.5;

/// A transaction that says no more than it has to.
fn transaction() -> String {
    json!({"contexts": {"trace": {"trace_id": TRACE, "span_id": SPAN}},
        "start_timestamp": START, "timestamp": START})
    .to_string()
}

fn one(hub: &Hub, kind: &str, header: &Value, payload: &str) -> Record {
    match hub.item(1, kind, payload.to_owned()) {
        Record::Items(mut items) => {
            items.items[0].header = Bytes::from(header.to_string());
            Record::Items(items)
        }
        other => other,
    }
}

async fn stored(hub: &Hub, wanted: &Wanted) -> Vec<ItemRow> {
    let store = &hub.parts.store;
    let mut rows = store
        .items(hub.project.as_i64(), wanted, None, 100)
        .await
        .unwrap();
    rows.reverse();
    rows
}

#[tokio::test]
async fn what_is_known_of_each_kind_is_kept_with_its_body() {
    let hub = Hub::new().await;
    let check =
        async |seq: u64, kind: &str, header: Value, payload: Value, name: &str, facts: Value| {
            let text = payload.to_string();
            hub.deliver(seq, &[one(&hub, kind, &header, &text)])
                .await
                .unwrap();
            let wanted = Wanted {
                kinds: vec![kind.to_owned()],
                ..Wanted::default()
            };
            let row = stored(&hub, &wanted).await.pop().unwrap();
            assert_eq!(row.item.name, name, "{kind}");
            let found: Value = serde_json::from_str(&row.item.facts).unwrap();
            for (key, value) in facts.as_object().unwrap() {
                assert_eq!(found[key], *value, "{kind} {key} in {found}");
            }
            let at = Location {
                pack: row.place.pack,
                offset: row.place.offset,
                item: row.place.item,
            };
            let body = hub.parts.archive.read(at).unwrap();
            assert_eq!(
                (body.kind.as_str(), body.payload.as_ref()),
                (kind, text.as_bytes())
            );
        };
    let empty = json!({});
    check(
        1,
        "attachment",
        json!({"filename": "a.log", "attachment_type": "event.minidump"}),
        json!("file"),
        "a.log",
        json!({"attachment_type": "event.minidump"}),
    )
    .await;
    check(
        2,
        "user_report",
        empty.clone(),
        json!({"name": "Jane", "comments": "broke"}),
        "Jane",
        json!({"comments": "broke"}),
    )
    .await;
    check(
        3,
        "transaction",
        empty.clone(),
        json!({"transaction": "GET /cart/17", "transaction_info": {"source": "url"},
            "contexts": {"trace": {"trace_id": TRACE, "span_id": SPAN, "op": "http"}},
            "spans": [{"trace_id": TRACE, "span_id": SPAN, "start_timestamp": START}, {}],
            "start_timestamp": START, "timestamp": START + 0.5}),
        "GET /cart/*",
        json!({"op": "http", "status": "unknown", "source": "sanitized", "span_count": 1,
            "duration_ms": 500, "start_timestamp": START,
            "errors": [{"type": "invalid_data", "name": "spans.1.trace_id"}]}),
    )
    .await;
    check(
        4,
        "span",
        empty.clone(),
        json!({"items": [{"name": "a", "trace_id": TRACE, "is_segment": true,
            "start_timestamp": START, "end_timestamp": START + 0.5,
            "attributes": {"sentry.op": {"value": "http.server", "type": "string"}}}]}),
        "a",
        json!({"is_segment": true, "op": "http.server", "duration_ms": 500}),
    )
    .await;
    check(
        5,
        "log",
        empty.clone(),
        json!({"items": [{"level": "warning", "body": "slow\nquery", "timestamp": START}]}),
        "slow",
        json!({"level": "warn", "severity_number": 13, "body": "slow\nquery"}),
    )
    .await;
    check(
        6,
        "trace_metric",
        empty.clone(),
        json!({"items": [{"name": "n", "type": "counter", "value": 2, "unit": "byte"}]}),
        "n",
        json!({"value": 2.0, "type": "counter", "unit": "byte"}),
    )
    .await;
    check(
        7,
        "session",
        empty.clone(),
        json!({"sid": "s", "init": true, "status": "ok", "attrs": {"release": "r"}}),
        "s",
        json!({"init": true, "release": "r"}),
    )
    .await;
    check(8, "sessions", empty.clone(),
        json!({"aggregates": [{"exited": 2, "crashed": 1}, {"exited": 3}], "attrs": {"release": "r"}}),
        "r", json!({"exited": 5, "crashed": 1})).await;
    check(
        9,
        "check_in",
        empty.clone(),
        json!({"monitor_slug": "Nightly Job", "status": "ok", "environment": ""}),
        "nightly-job",
        json!({"status": "ok", "monitor_slug": "nightly-job", "environment": "production"}),
    )
    .await;
    check(
        10,
        "profile",
        empty.clone(),
        json!({"event_id": "p"}),
        "p",
        empty.clone(),
    )
    .await;
    check(
        11,
        "profile_chunk",
        empty.clone(),
        json!({"profiler_id": "p", "chunk_id": "c"}),
        "p",
        json!({"chunk_id": "c"}),
    )
    .await;
    let replay = "0".repeat(31) + "1";
    check(
        12,
        "replay_event",
        empty.clone(),
        json!({"segment_id": 0, "urls": ["/"]}),
        &replay,
        json!({"segment_id": 0, "replay_id": replay}),
    )
    .await;
    check(
        13,
        "replay_recording",
        empty.clone(),
        json!({"segment_id": 0}),
        &replay,
        json!({"segment_id": 0}),
    )
    .await;
    let told = json!({"trace_id": TRACE, "attachment_id": "019a72d2-9b4f-7b0c-8e1d-0d4f5a3e2c1b",
        "timestamp": START});
    check(
        14,
        "attachment",
        json!({"filename": "heap.log", "content_type": "text/plain", "trace_attachment": told}),
        json!("file"),
        "heap.log",
        json!({"content_type": "text/plain", "trace_id": TRACE,
            "attachment_id": "019a72d2-9b4f-7b0c-8e1d-0d4f5a3e2c1b"}),
    )
    .await;
    check(
        15,
        "attachment",
        json!({"filename": "replay-2.mp4", "attachment_type": "replay.video", "segment_id": 2}),
        json!("file"),
        "replay-2.mp4",
        json!({"replay_id": "0".repeat(31) + "1", "segment_id": 2}),
    )
    .await;
    let of_trace = Wanted {
        trace_id: Some(*TRACE.parse::<EventId>().unwrap().as_bytes()),
        ..Wanted::default()
    };
    let kinds: Vec<_> = stored(&hub, &of_trace)
        .await
        .into_iter()
        .map(|row| row.item.kind)
        .collect();
    assert_eq!(kinds, ["transaction", "span", "attachment"]);
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", 15)]));
}

#[tokio::test]
async fn entries_of_a_container_are_stored_each_by_itself_however_much_alike() {
    let hub = Hub::new().await;
    let mut record = one(
        &hub,
        "log",
        &json!({}),
        &json!({"items": [{"body": "a"}]}).to_string(),
    );
    if let Record::Items(items) = &mut record {
        let nonsense = Item {
            payload: Bytes::from_static(b"{\"items\":[7]}"),
            ..items.items[0].clone()
        };
        let same = items.items[0].clone();
        items.items.extend([nonsense, same]);
    }
    hub.deliver(1, &[record]).await.unwrap();
    let rows = stored(&hub, &Wanted::default()).await;
    let names: Vec<_> = rows.iter().map(|row| row.item.name.as_str()).collect();
    assert_eq!(names, ["a", "a"]);
    let expected = [
        (Term::Applied, "", 2),
        (Term::Invalid, reason::INVALID_LOG, 1),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}

#[tokio::test]
async fn a_container_that_an_earlier_relay_did_not_cut_is_kept_whole() {
    let hub = Hub::new().await;
    let body = json!({"items": [{"level": "warn"}, {"level": "warn", "trace_id": TRACE}]});
    hub.deliver(1, &[one(&hub, "log", &json!({}), &body.to_string())])
        .await
        .unwrap();
    let rows = stored(&hub, &Wanted::default()).await;
    let facts: Value = serde_json::from_str(&rows[0].item.facts).unwrap();
    assert_eq!(facts, json!({"count": 2, "levels": {"warn": 2}}));
}

#[tokio::test]
async fn what_came_before_counts_once_whatever_its_way() {
    let hub = Hub::new().await;
    let empty = json!({});
    let attrs = json!({"release": "r"});
    let session = json!({"sid": "s", "seq": 1, "status": "ok", "attrs": attrs}).to_string();
    let later = json!({"sid": "s", "seq": 2, "status": "exited", "attrs": attrs}).to_string();
    let records = [
        one(&hub, "session", &empty, &session),
        one(&hub, "session", &empty, &later),
        one(&hub, "session", &empty, &session),
        one(&hub, "transaction", &empty, &transaction()),
        one(&hub, "attachment", &empty, "same"),
        one(&hub, "attachment", &empty, "same"),
    ];
    hub.deliver(1, &records).await.unwrap();
    hub.deliver(1, &records).await.unwrap();
    hub.deliver(7, &[one(&hub, "transaction", &empty, &transaction())])
        .await
        .unwrap();
    assert_eq!(hub.number("SELECT COUNT(*) FROM items").await, 5);
    let expected = [
        (Term::Applied, "", 5),
        (Term::Invalid, reason::DUPLICATE, 2),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
    let hub = hub.again().await;
    assert_eq!(stored(&hub, &Wanted::default()).await.len(), 5);
}

#[tokio::test]
async fn bodies_that_say_nothing_are_kept_all_the_same() {
    let hub = Hub::new().await;
    let header = Value::from("no object");
    let records: Vec<Record> = ["span", "log", "profile", "replay_event"]
        .iter()
        .flat_map(|kind| {
            [
                "",
                "[",
                "7",
                "{\"items\":7,\"aggregates\":{},\"timestamp\":\"x\"}",
            ]
            .map(|p| (kind, p))
        })
        .map(|(kind, payload)| one(&hub, kind, &header, payload))
        .collect();
    hub.deliver(1, &records).await.unwrap();
    let n = i64::try_from(records.len()).unwrap();
    assert_eq!(hub.ends().await, terms(&[(Term::Applied, "", n)]));
}

#[tokio::test]
async fn transactions_that_cannot_be_measured_are_refused_and_counted() {
    let hub = Hub::new().await;
    let trace = json!({"trace": {"trace_id": TRACE, "span_id": SPAN}});
    let refused = [
        "".to_owned(),
        "7".to_owned(),
        json!({"contexts": trace, "timestamp": START}).to_string(),
        json!({"contexts": trace, "start_timestamp": START}).to_string(),
        json!({"start_timestamp": START, "timestamp": START}).to_string(),
        json!({"contexts": trace, "start_timestamp": START, "timestamp": START - 1.0}).to_string(),
        json!({"contexts": trace, "start_timestamp": 1, "timestamp": 2}).to_string(),
    ];
    let empty = json!({});
    let records = refused.map(|payload| one(&hub, "transaction", &empty, &payload));
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Invalid, reason::INVALID_TRANSACTION, 6),
        (Term::Invalid, reason::TIMESTAMP, 1),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}

#[tokio::test]
async fn what_a_crash_dump_says_is_kept_with_it() {
    const DUMP: &[u8] = include_bytes!("../../../../protocol/fixtures/dumps/crash.dmp");
    let hub = Hub::new().await;
    let header = json!({"filename": "a.dmp", "attachment_type": "event.minidump"});
    let with = |payload: &'static [u8]| match one(&hub, "attachment", &header, "") {
        Record::Items(mut items) => {
            items.items[0].payload = Bytes::from_static(payload);
            Record::Items(items)
        }
        other => other,
    };
    hub.deliver(1, &[with(DUMP), with(b"MDMP of nothing")])
        .await
        .unwrap();
    let rows = stored(&hub, &Wanted::default()).await;
    let facts: Vec<Value> = rows
        .iter()
        .map(|row| serde_json::from_str(&row.item.facts).unwrap())
        .collect();
    assert_eq!(facts[0]["crash_reason"], "SIGSEGV / SEGV_MAPERR");
    assert_eq!(facts[0]["threads"][0]["crashed"], true);
    assert_eq!(
        facts[0]["images"][0]["debug_id"],
        "33221100-5544-7766-8899-aabbccddeeff"
    );
    assert_eq!(facts[1]["crash_reason"], Value::Null);
    assert_eq!(facts[1]["attachment_type"], "event.minidump");
}

#[tokio::test]
async fn what_is_no_check_in_is_refused_and_counted() {
    let hub = Hub::new().await;
    let records: Vec<Record> = [
        json!({"monitor_slug": "a", "status": "ok", "environment": "x".repeat(64)}),
        json!({"monitor_slug": "a", "status": "ok", "environment": "x".repeat(65)}),
        json!({"monitor_slug": "a", "status": "missed"}),
        json!({"monitor_slug": "a"}),
        json!({"monitor_slug": " - ", "status": "ok"}),
        json!({"status": "ok"}),
        json!(7),
    ]
    .iter()
    .map(|body| one(&hub, "check_in", &json!({}), &body.to_string()))
    .collect();
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Applied, "", 1),
        (Term::Invalid, reason::INVALID_CHECK_IN, 6),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}

#[tokio::test]
async fn sessions_are_of_a_release_and_of_these_days() {
    const DAY: i64 = 24 * 3_600_000;
    let hub = Hub::new().await;
    let at = |millis: i64| NOW.plus_millis(millis).to_rfc3339();
    let attrs = json!({"release": "r"});
    let with = |name: &str, at: Value| json!({"sid": "s", "init": true, name: at, "attrs": attrs});
    let sums = |began: &[String]| {
        let groups: Value = began
            .iter()
            .map(|at| json!({"started": at, "exited": 1}))
            .collect();
        json!({"aggregates": groups, "attrs": attrs})
    };
    let records: Vec<Record> = [
        ("session", with("started", json!(at(60_000 - 5 * DAY)))),
        ("session", with("started", json!(at(-60_000 - 5 * DAY)))),
        ("session", with("timestamp", json!(at(59_000)))),
        ("session", with("timestamp", json!(at(61_000)))),
        ("session", with("started", json!(-1))),
        ("session", json!({"sid": "s", "attrs": {"release": " "}})),
        ("session", json!({"sid": "s"})),
        ("sessions", sums(&[at(-6 * DAY), at(-DAY)])),
        ("sessions", sums(&[at(-6 * DAY), at(120_000)])),
        ("sessions", json!({"aggregates": [{"exited": 1}]})),
    ]
    .iter()
    .map(|(kind, body)| one(&hub, kind, &json!({}), &body.to_string()))
    .collect();
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Applied, "", 3),
        (Term::Invalid, reason::PAYLOAD, 3),
        (Term::Invalid, reason::TIMESTAMP, 4),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
    let rows = stored(&hub, &Wanted::default()).await;
    let facts: Value = serde_json::from_str(&rows[2].item.facts).unwrap();
    assert_eq!(facts["exited"], 1);
    assert_eq!(facts["errors"][0]["value"], json!({"omitted": 1}));
}

#[tokio::test]
async fn a_session_is_judged_by_when_a_relay_had_it_and_by_its_clients_clock() {
    const YEAR: i64 = 365 * 24 * 3_600_000;
    let hub = Hub::new().await;
    let began = NOW.plus_millis(-YEAR).to_rfc3339();
    let body = json!({"sid": "s", "started": began, "attrs": {"release": "r"}}).to_string();
    let record = |received: i64, sent: Option<i64>| match one(&hub, "session", &json!({}), &body) {
        Record::Items(mut items) => {
            items.received_at = NOW.plus_millis(received);
            items.sent_at = sent.map(|sent| NOW.plus_millis(sent));
            Record::Items(items)
        }
        other => other,
    };
    // Long in a spool; from a client whose clock is a year behind; a year old.
    let records = [
        record(-YEAR, None),
        record(0, Some(-YEAR)),
        record(0, Some(0)),
    ];
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Applied, "", 2),
        (Term::Invalid, reason::TIMESTAMP, 1),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}

#[tokio::test]
async fn a_security_report_of_no_policy_is_refused_and_counted() {
    let hub = Hub::new().await;
    let report = |directive: &str| {
        let body = json!({"csp-report": {"effective-directive": directive}});
        one(&hub, "raw_security", &json!({}), &body.to_string())
    };
    let records = [report("x-src"), report(""), report("img-src")];
    hub.deliver(1, &records).await.unwrap();
    let expected = [
        (Term::Applied, "", 1),
        (Term::Invalid, reason::SECURITY_REPORT, 2),
    ];
    assert_eq!(hub.ends().await, terms(&expected));
}
