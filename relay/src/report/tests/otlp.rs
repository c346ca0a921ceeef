//! Exports of OpenTelemetry, in both encodings.

use serde_json::{Value, json};

use super::super::*;
use super::{AT, error, here, made, payload};

#[test]
fn both_encodings_of_an_export_say_the_same() {
    let json = json!({"resourceSpans": [{
        "resource": {"attributes": [
            {"key": "service.version", "value": {"stringValue": "1.0"}},
            {"key": "deployment.environment.name", "value": {"stringValue": "staging"}},
        ]},
        "scopeSpans": [{"scope": {"name": "shop"}, "spans": [{
            "traceId": "d1901c4e6b5d6d4cb962dc071d7b7f9e", "spanId": "1410ed60b9f52361",
            "parentSpanId": "ea1572d91cf5853f", "name": "SELECT", "kind": "SPAN_KIND_CLIENT",
            "startTimeUnixNano": "1500000000", "endTimeUnixNano": 2_500_000_000_u64,
            "attributes": [{"key": "n", "value": {"intValue": "7"}}],
            "status": {"code": 2, "message": "no"},
            "events": [{"name": "exception", "timeUnixNano": "1"}],
        }]}],
    }]});
    let export = |encoding| Form::Otlp(Signal::Traces, encoding);
    let from_json = made(&export(Encoding::Json), json.to_string());
    let span = &payload(&from_json[0], &ItemKind::Span)["items"][0];
    let expected = json!({"trace_id": "d1901c4e6b5d6d4cb962dc071d7b7f9e",
        "span_id": "1410ed60b9f52361", "parent_span_id": "ea1572d91cf5853f", "name": "SELECT",
        "status": "error", "is_segment": false, "start_timestamp": 1.5, "end_timestamp": 2.5});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(span[name], *value, "{name}");
    }
    let attributes = [
        ("n", json!(7)),
        ("sentry.release", json!("1.0")),
        ("sentry.kind", json!("client")),
        ("sentry.environment", json!("staging")),
        ("instrumentation.name", json!("shop")),
    ];
    for (name, value) in attributes {
        assert_eq!(span["attributes"][name]["value"], value, "{name}");
    }
    assert_eq!(span["events"][0]["name"], "exception");
    let recorded = |name: &str| {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/recorded");
        std::fs::read(format!("{dir}/{name}.body")).unwrap()
    };
    let proto = recorded("0383-opentelemetry-python-traces-protobuf");
    let from_proto = made(&export(Encoding::Proto), proto);
    let spans = payload(&from_proto[0], &ItemKind::Span)["items"].clone();
    assert_eq!(spans.as_array().unwrap().len(), 5);
    let root = spans
        .as_array()
        .unwrap()
        .iter()
        .find(|span| span["is_segment"] == true);
    assert_eq!(root.unwrap()["name"], "GET /checkout");
    let logs = Form::Otlp(Signal::Logs, Encoding::Json);
    let from_json = made(&logs, recorded("0391-opentelemetry-js-js-logs-json"));
    let log = &payload(&from_json[0], &ItemKind::Log)["items"][0];
    assert_eq!(
        (&log["body"], &log["level"]),
        (&json!("order placed"), &json!("info"))
    );
    assert!(made(&export(Encoding::Proto), "").is_empty());
    assert_eq!(error(&export(Encoding::Proto), "text"), ReportError::Proto);
    assert!(matches!(
        error(&export(Encoding::Json), "[1"),
        ReportError::Json(_)
    ));
}

#[test]
fn points_of_metrics_become_entries() {
    let json = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "sold", "unit": "1", "sum": {"isMonotonic": true, "aggregationTemporality": 1,
            "dataPoints": [{"asInt": "3", "timeUnixNano": "1000000000"}]}},
        {"name": "depth", "gauge": {"dataPoints": [{"asDouble": 2.5}]}},
        {"name": "took", "histogram": {"dataPoints": [{"count": "4", "sum": 10, "bucketCounts": ["1", 3],
            "explicitBounds": [5]}]}},
    ]}]}]});
    let made = made(
        &Form::Otlp(Signal::Metrics, Encoding::Json),
        json.to_string(),
    );
    let entries = payload(&made[0], &ItemKind::TraceMetric)["items"].clone();
    let found: Vec<_> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["type"].as_str().unwrap(),
                entry["value"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [("counter", 3.0), ("gauge", 2.5), ("distribution", 2.5)]
    );
    assert_eq!(entries[0]["timestamp"], 1.0);
    assert_eq!(
        entries[2]["attributes"]["metric.bucket_counts"]["value"],
        json!([1, 3])
    );
}

#[test]
fn points_without_a_value_have_none() {
    let json = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "gone", "gauge": {"dataPoints": [{"asDouble": 0, "flags": 1}]}},
        {"name": "nothing", "gauge": {"dataPoints": [{}]}},
        {"name": "zero", "gauge": {"dataPoints": [{"asInt": "0"}]}},
        {"name": "took", "histogram": {"dataPoints": [
            {"count": "4", "bucketCounts": ["1", 3]},
            {"count": "0", "sum": 0, "flags": 1}]}},
    ]}]}]});
    let form = Form::Otlp(Signal::Metrics, Encoding::Json);
    let made = made(&form, json.to_string());
    let entries = payload(&made[0], &ItemKind::TraceMetric)["items"].clone();
    let found: Vec<_> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let count = entry["attributes"]["metric.count"]["value"].as_u64();
            (entry["value"].as_f64(), count)
        })
        .collect();
    let expected = [
        (None, None),
        (None, None),
        (Some(0.0), None),
        (None, Some(4)),
        (None, None),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_a_resource_says_is_put_on_so_many_entries_as_there_is_room_for() {
    let resource =
        json!({"attributes": [{"key": "k", "value": {"stringValue": "v".repeat(100_000)}}]});
    let check = |n: usize, is_taken: bool| {
        let entries = json!([{"resource": resource,
            "scopeSpans": [{"spans": vec![json!({}); n]}],
            "scopeLogs": [{"logRecords": vec![json!({}); n]}],
            "scopeMetrics": [{"metrics": [{"name": "a", "gauge": {"dataPoints": vec![json!({}); n]}}]}]}]);
        for (signal, name) in [
            (Signal::Traces, "resourceSpans"),
            (Signal::Logs, "resourceLogs"),
            (Signal::Metrics, "resourceMetrics"),
        ] {
            let body = Bytes::from(json!({ name: entries }).to_string());
            let form = Form::Otlp(signal, Encoding::Json);
            let taken = envelopes(&form, &body, AT, here);
            assert_eq!(taken.is_ok(), is_taken, "{n} of {name}");
            let why = taken
                .err()
                .map(|error| matches!(error, ReportError::UnpacksTo(_)));
            assert_ne!(why, Some(false), "{name}");
        }
    };
    check(100, true);
    check(400, false);
}

#[test]
fn nothing_is_cut_from_an_export_that_only_the_hub_can_note() {
    let attribute = json!({"key": "k", "value": {"stringValue": "v"}});
    let event =
        json!({"name": "exception", "timeUnixNano": "1500000000", "attributes": [attribute]});
    let span = json!({"name": "a", "events": vec![event; 200], "links": vec![json!({"attributes": [attribute]}); 200]});
    let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let made = made(
        &Form::Otlp(Signal::Traces, Encoding::Json),
        json.to_string(),
    );
    let span = payload(&made[0], &ItemKind::Span)["items"][0].clone();
    let kept = json!({"k": {"value": "v", "type": "string"}});
    for name in ["events", "links"] {
        let parts = span[name].as_array().unwrap();
        assert_eq!(parts.len(), 200, "{name}");
        assert_eq!(parts[199]["attributes"], kept, "{name}");
    }
    assert_eq!(span["events"][0]["timestamp"], 1.5);
}

/// A field of a protobuf message that has a message.
fn field(tag: u8, message: &[u8]) -> Vec<u8> {
    let mut out = vec![(tag << 3) | 2];
    let mut left = message.len();
    while left > 0x7f {
        out.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    out.push(u8::try_from(left).unwrap());
    out.extend_from_slice(message);
    out
}

/// A message that holds one, which holds one, and so on.
fn nested(tags: &[u8], innermost: &[u8]) -> Vec<u8> {
    let tags = tags.iter().rev();
    tags.fold(innermost.to_vec(), |message, tag| field(*tag, &message))
}

#[test]
fn few_bytes_of_an_entry_make_no_more_than_there_is_room_for() {
    const N: usize = 1024 * 1024;
    const SPAN: [u8; 3] = [1, 2, 2];
    let check = |signal: Signal, entry: &[u8], is_taken: bool| {
        let body = Bytes::from(nested(&SPAN, entry));
        let taken = envelopes(&Form::Otlp(signal, Encoding::Proto), &body, AT, here);
        let expected = Err(ReportError::UnpacksTo(bounded::ROOM_BYTES));
        assert_eq!(taken.is_ok(), is_taken, "{signal:?} {:x?}", &entry[..8]);
        assert!(is_taken || taken == expected);
    };
    let empty = |tag: u8| [(tag << 3) | 2, 0].repeat(N / 2);
    // Attributes, events and links of nothing; lists and maps of nothing in a value.
    for tag in [9, 11, 13] {
        check(Signal::Traces, &empty(tag), false);
    }
    check(Signal::Logs, &nested(&[6, 2, 5], &empty(1)), false);
    check(Signal::Logs, &nested(&[5, 6], &empty(1)), false);
    check(Signal::Metrics, &nested(&[7], &empty(1)), false);
    // What is unknown makes nothing, and a text is as long as it is.
    check(Signal::Traces, &empty(10), true);
    check(
        Signal::Logs,
        &nested(&[5], &field(1, &vec![b'\n'; N])),
        true,
    );
    let json = |entry: &str| {
        let body =
            format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{entry}]}}]}}]}}");
        let form = Form::Otlp(Signal::Logs, Encoding::Json);
        envelopes(&form, &Bytes::from(body), AT, here)
    };
    for one in ["{}", "[]"] {
        let many = format!(
            "{{\"attributes\":[{}{one}]}}",
            format!("{one},").repeat(N / 3)
        );
        assert_eq!(
            json(&many),
            Err(ReportError::UnpacksTo(bounded::ROOM_BYTES))
        );
    }
    let text = format!(
        "{{\"body\":{{\"stringValue\":\"\\\"{}\"}}}}",
        "{[".repeat(N / 2)
    );
    assert!(json(&text).is_ok());
}

#[test]
fn bodies_of_entries_without_end_are_refused() {
    let n = ENTRIES_MAX + 1;
    let check = |form: &Form, body: Vec<u8>| {
        assert_eq!(error(form, body), ReportError::TooMany(ENTRIES_MAX));
    };
    for signal in [Signal::Traces, Signal::Logs] {
        let entries = field(2, &[]).repeat(n);
        let body = field(1, &field(2, &entries));
        check(&Form::Otlp(signal, Encoding::Proto), body);
    }
    // A metric has its points inside.
    let gauge = field(5, &field(1, &[]).repeat(n));
    let body = field(1, &field(2, &field(2, &gauge)));
    check(&Form::Otlp(Signal::Metrics, Encoding::Proto), body);
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": vec![json!({}); n]}]}]});
    let form = Form::Otlp(Signal::Traces, Encoding::Json);
    check(&form, body.to_string().into_bytes());
    for empty in [
        json!({"resourceSpans": vec![json!({}); n]}),
        json!({"resourceSpans": [{"scopeSpans": vec![json!({}); n]}]}),
    ] {
        check(&form, empty.to_string().into_bytes());
    }
    check(&Form::Vercel, b"{}".repeat(n));
    check(
        &Form::Vercel,
        format!("{:?}", vec![(); n])
            .replace("()", "{}")
            .into_bytes(),
    );
    let large = field(1, &field(2, &field(2, &vec![0; ENTRY_BYTES_MAX + 1])));
    let form = Form::Otlp(Signal::Logs, Encoding::Proto);
    assert_eq!(error(&form, large), ReportError::UnpacksTo(ENTRY_BYTES_MAX));
}

#[test]
fn what_an_export_says_is_null_is_not_there() {
    let json = json!({"resourceLogs": [null_scope(), {"resource": {"attributes": null}, "scopeLogs": [{
        "scope": null, "schemaUrl": null, "logRecords": [{
            "timeUnixNano": "1500000000", "observedTimeUnixNano": null, "severityNumber": null,
            "severityText": null, "traceId": null, "attributes": null, "eventName": null,
            "body": {"stringValue": "said", "intValue": null, "arrayValue": null}}]}]}]});
    let made = made(&Form::Otlp(Signal::Logs, Encoding::Json), json.to_string());
    let log = &payload(&made[0], &ItemKind::Log)["items"][0];
    assert_eq!(
        (&log["body"], &log["timestamp"]),
        (&json!("said"), &json!(1.5))
    );
}

/// The same message with the names that its fields have in protobuf.
fn in_snake_case(message: &Value) -> Value {
    let snake = |name: &String| {
        let letters = name.chars();
        letters.fold(String::new(), |mut out, letter| {
            if letter.is_ascii_uppercase() {
                out.push('_');
            }
            out.push(letter.to_ascii_lowercase());
            out
        })
    };
    match message {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (snake(name), in_snake_case(value)))
                .collect()
        }
        Value::Array(list) => list.iter().map(in_snake_case).collect(),
        other => other.clone(),
    }
}

#[test]
fn fields_have_the_names_of_json_or_of_protobuf() {
    let recorded =
        include_str!("../../../fixtures/recorded/0391-opentelemetry-js-js-logs-json.body");
    let check = |signal: Signal, message: &Value| {
        let form = Form::Otlp(signal, Encoding::Json);
        let items = |message: &Value| {
            let made = made(&form, message.to_string());
            payload(&made[0], &signal_kind(signal))["items"].clone()
        };
        let snake = in_snake_case(message);
        assert_ne!(*message, snake);
        assert_eq!(items(message), items(&snake), "{signal:?}");
    };
    check(Signal::Logs, &serde_json::from_str(recorded).unwrap());
    check(Signal::Logs, &full_logs());
    check(Signal::Traces, &full_traces());
    check(Signal::Metrics, &full_metrics());
}

const fn signal_kind(signal: Signal) -> ItemKind {
    match signal {
        Signal::Traces => ItemKind::Span,
        Signal::Logs => ItemKind::Log,
        Signal::Metrics => ItemKind::TraceMetric,
    }
}

/// Values of every kind.
fn attributes() -> Value {
    let one = |key: &str, value: Value| json!({"key": key, "value": value});
    json!([
        one("text", json!({"stringValue": "a"})),
        one("truth", json!({"boolValue": true})),
        one("whole", json!({"intValue": "7"})),
        one("fraction", json!({"doubleValue": 1.5})),
        one("bytes", json!({"bytesValue": "AQI_"})),
        one("list", json!({"arrayValue": {"values": [{"intValue": 1}]}})),
        one(
            "map",
            json!({"kvlistValue": {"values": [one("k", json!({"stringValue": "v"}))]}})
        ),
    ])
}

fn full_logs() -> Value {
    json!({"resourceLogs": [{"resource": {"attributes": attributes(), "droppedAttributesCount": 1},
        "scopeLogs": [{"scope": {"name": "shop", "version": "1"}, "schemaUrl": "x", "logRecords": [{
            "timeUnixNano": "1500000000", "observedTimeUnixNano": 1, "severityNumber": "SEVERITY_NUMBER_WARN2",
            "severityText": "warning", "body": {"stringValue": "said"}, "attributes": attributes(),
            "traceId": "d1901c4e6b5d6d4cb962dc071d7b7f9e", "spanId": "1410ed60b9f52361",
            "eventName": "told", "flags": 1}]}]}]})
}

fn full_traces() -> Value {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "d1901c4e6b5d6d4cb962dc071d7b7f9e", "spanId": "1410ed60b9f52361",
        "parentSpanId": "ea1572d91cf5853f", "traceState": "a=b", "name": "GET", "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": 1_500_000_000_u64, "endTimeUnixNano": "2500000000", "flags": "769",
        "attributes": attributes(), "droppedEventsCount": 2,
        "events": [{"timeUnixNano": "1", "name": "exception", "attributes": attributes()}],
        "links": [{"traceId": "d1901c4e6b5d6d4cb962dc071d7b7f9e", "spanId": "1410ed60b9f52361"}],
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"}}]}]}]})
}

fn full_metrics() -> Value {
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "sold", "sum": {"isMonotonic": true, "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE",
            "dataPoints": [{"asInt": "3", "timeUnixNano": "1000000000", "startTimeUnixNano": "1"}]}},
        {"name": "depth", "gauge": {"dataPoints": [{"asDouble": "2.5", "flags": "0"}]}},
        {"name": "took", "histogram": {"dataPoints": [{"count": "4", "sum": 10, "min": 1, "max": 5,
            "bucketCounts": ["1", 3], "explicitBounds": ["5", 7]}]}},
        {"name": "far", "exponentialHistogram": {"dataPoints": [{"count": 2, "sum": "3", "zeroCount": "0"}]}},
        {"name": "old", "summary": {"dataPoints": [{"count": 2, "sum": 3, "quantileValues": []}]}},
    ]}]}]})
}

#[test]
fn ids_are_hexadecimal_digits_or_what_protobuf_makes_of_bytes() {
    let ids = |trace: &str, span: &str| {
        let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": trace, "spanId": span}]}]}]});
        let made = made(
            &Form::Otlp(Signal::Traces, Encoding::Json),
            json.to_string(),
        );
        let span = payload(&made[0], &ItemKind::Span)["items"][0].clone();
        (span["trace_id"].clone(), span["span_id"].clone())
    };
    let expected = (
        json!("d1901c4e6b5d6d4cb962dc071d7b7f9e"),
        json!("1410ed60b9f52361"),
    );
    assert_eq!(
        ids("D1901C4E6B5D6D4CB962DC071D7B7F9E", "1410ed60b9f52361"),
        expected
    );
    assert_eq!(ids("0ZAcTmtdbUy5YtwHHXt/ng==", "FBDtYLn1I2E="), expected);
    assert_eq!(ids("0ZAcTmtdbUy5YtwHHXt_ng", "FBDtYLn1I2E"), expected);
    assert_eq!(ids("none", "+1"), (json!(""), json!("")));
}

#[test]
fn exports_of_before_scopes_are_read() {
    let json = json!({"resourceSpans": [{"instrumentationLibrarySpans": [{
        "instrumentationLibrary": {"name": "shop"}, "spans": [{"name": "GET"}]}]}]});
    let form = Form::Otlp(Signal::Traces, Encoding::Json);
    for message in [in_snake_case(&json), json] {
        let made = made(&form, message.to_string());
        let span = &payload(&made[0], &ItemKind::Span)["items"][0];
        assert_eq!(span["name"], "GET");
        assert_eq!(span["attributes"]["instrumentation.name"]["value"], "shop");
    }
}

#[test]
fn a_number_that_is_no_choice_is_none() {
    let kind = |kind: Value| {
        let json = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": kind}]}]}]});
        let made = made(
            &Form::Otlp(Signal::Traces, Encoding::Json),
            json.to_string(),
        );
        let span = &payload(&made[0], &ItemKind::Span)["items"][0];
        span["attributes"]["sentry.kind"]["value"].clone()
    };
    for given in [json!(3), json!(3.0), json!("3"), json!("SPAN_KIND_CLIENT")] {
        assert_eq!(kind(given.clone()), "client", "{given}");
    }
    for given in [
        json!(99),
        json!(1e30),
        json!(-1),
        json!("SPAN_KIND_NEW"),
        json!(1.5),
    ] {
        assert_eq!(kind(given.clone()), Value::Null, "{given}");
    }
}

fn null_scope() -> Value {
    json!({"resource": null, "scopeLogs": null})
}
