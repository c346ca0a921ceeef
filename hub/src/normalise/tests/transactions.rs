//! Transactions.

use proptest::prelude::prop_assert;

use super::whole::any_json;
use super::*;

const TRACE: &str = "d1901c4e6b5d6d4cb962dc071d7b7f9e";
const SPAN: &str = "8c1a0e2f4b6d7f90";

/// Looks at the normalised form of a transaction with these fields beside those it must have.
fn look_at<T>(fields: &Json, look: impl FnOnce(&NormalTransaction<'_>) -> T) -> T {
    let mut all = json!({
        "transaction": "checkout", "start_timestamp": "2026-11-20T18:39:00Z",
        "timestamp": "2026-11-20T18:39:01Z",
        "contexts": {"trace": {"trace_id": TRACE, "span_id": SPAN}},
    });
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    let payload = all.to_string();
    let receipt = Receipt {
        kind: ItemKind::Transaction,
        ..receipt()
    };
    look(&transaction(payload.as_bytes(), &receipt).unwrap())
}

#[test]
fn takes_ids_out_of_names_that_are_addresses() {
    let check = |name: &str, source: Option<&str>, expected: &str, expected_source: &str| {
        let info = json!({"source": source});
        look_at(
            &json!({"transaction": name, "transaction_info": info}),
            |t| {
                let got = (text(&t.event.transaction), t.source);
                assert_eq!(got, (expected.to_owned(), expected_source));
                assert_eq!(t.event.tag("transaction"), Some(expected));
                assert_eq!(
                    t.event.remarks.is_empty(),
                    name.trim() == expected || name.is_empty()
                );
            },
        );
    };
    check("/cart/17/items", Some("url"), "/cart/*/items", "sanitized");
    check("GET /cart/17?a=1", None, "GET /cart/*", "sanitized");
    check(&format!("/o/{TRACE}"), Some("url"), "/o/*", "sanitized");
    check(
        "/u/5f1c2a34-1b2c-4d5e-8f90-a1b2c3d4e5f6/x",
        Some("url"),
        "/u/*/x",
        "sanitized",
    );
    check("/cart/items", Some("url"), "/cart/items", "url");
    check("/cart/17", Some("route"), "/cart/17", "route");
    check("task.17", None, "task.17", "unknown");
    check("job", Some("who knows"), "job", "unknown");
    check("", Some("url"), "<unlabeled transaction>", "url");
}

#[test]
fn keeps_whole_spans_and_ends_those_that_nobody_ended() {
    let span = |fields: Json| {
        let mut span = json!({"trace_id": TRACE, "span_id": SPAN, "op": "db",
            "start_timestamp": 1_795_199_940.2, "timestamp": 1_795_199_940.4, "status": "ok"});
        for (name, value) in fields.as_object().unwrap() {
            span[name] = value.clone();
        }
        span
    };
    let spans = json!([
        span(json!({})),
        span(json!({"timestamp": null})),
        span(json!({"timestamp": 1_795_199_940.1})),
        span(json!({"span_id": "no"})),
        span(json!({"trace_id": null})),
        span(json!({"start_timestamp": "whenever"})),
        7,
    ]);
    look_at(&json!({"spans": spans}), |t| {
        let found: Vec<_> = t
            .spans
            .iter()
            .map(|span| {
                (
                    span.op.as_str(),
                    span.end.millis_since(span.start),
                    span.status.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("db", 200, Some("ok")),
                ("db", 800, Some("deadline_exceeded"))
            ]
        );
        assert_eq!(
            corrections(&t.event),
            [
                "invalid_data spans.2.timestamp",
                "invalid_data spans.3.span_id",
                "invalid_data spans.4.trace_id",
                "invalid_data spans.5.start_timestamp",
                "invalid_data spans.6.trace_id",
            ]
        );
    });
}

#[test]
fn keeps_measurements_that_are_numbers_with_units() {
    let mut sent = json!({"lcp": {"value": 12.5, "unit": "millisecond"}, "cls": 0.1,
        "mine": {"value": 1, "unit": "bananas"}, "bad name": {"value": 1}, "text": {"value": "x"}});
    for n in 0..20 {
        sent[format!("z{n:02}")] = json!(n);
    }
    look_at(&json!({"measurements": sent}), |t| {
        assert_eq!(
            t.measurements["lcp"],
            json!({"value": 12.5, "unit": "millisecond"})
        );
        assert_eq!(t.measurements["cls"], json!({"value": 0.1, "unit": "none"}));
        assert_eq!(
            t.measurements["mine"],
            json!({"value": 1.0, "unit": "none"})
        );
        // Ten of its own, and those that SDKs make.
        assert_eq!(t.measurements.len(), 12);
        let notes = corrections(&t.event);
        for path in [
            "measurements.bad name",
            "measurements.text",
            "measurements.mine.unit",
            "measurements.z19",
        ] {
            assert!(
                notes.contains(&format!("invalid_data {path}")),
                "{path} in {notes:?}"
            );
        }
    });
}

#[test]
fn moves_every_time_with_a_clock_that_is_off() {
    let payload = json!({"transaction": "t", "start_timestamp": "2026-11-20T08:39:00Z",
        "timestamp": "2026-11-20T08:39:01Z",
        "contexts": {"trace": {"trace_id": TRACE, "span_id": SPAN}},
        "spans": [{"trace_id": TRACE, "span_id": SPAN, "start_timestamp": "2026-11-20T08:39:00Z"}]});
    let payload = payload.to_string();
    let receipt = Receipt {
        kind: ItemKind::Transaction,
        sent_at: Some(Timestamp::parse("2026-11-20T08:40:00Z").unwrap()),
        ..receipt()
    };
    let moved = transaction(payload.as_bytes(), &receipt).unwrap();
    let start = Timestamp::parse("2026-11-20T18:39:00Z").unwrap();
    assert_eq!(
        (moved.start, moved.event.timestamp),
        (start, start.plus_millis(1000))
    );
    assert_eq!(
        (moved.spans[0].start, moved.spans[0].end),
        (start, start.plus_millis(1000))
    );
    assert_eq!(moved.event.level, Level::Info);
    assert_eq!(moved.event.kind, EventKind::Transaction);
    assert_eq!(corrections(&moved.event), ["clock_drift timestamp"]);
}

proptest::proptest! {
    #[test]
    fn never_panics_and_stays_within_its_limits(spans in any_json(), measurements in any_json(), contexts in any_json()) {
        let payload = json!({"transaction": "t", "start_timestamp": "2026-11-20T18:39:00Z",
            "timestamp": "2026-11-20T18:39:01Z", "spans": spans, "measurements": measurements,
            "contexts": {"trace": {"trace_id": TRACE, "span_id": SPAN, "more": contexts}}});
        let payload = payload.to_string();
        let receipt = Receipt { kind: ItemKind::Transaction, ..receipt() };
        let read = transaction(payload.as_bytes(), &receipt).unwrap();
        prop_assert!(read.event.corrections.len() <= CORRECTIONS_MAX);
        prop_assert!(read.spans.iter().all(|span| span.start <= span.end));
    }
}
