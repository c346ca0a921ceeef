//! Logs, metrics and spans.

use proptest::prelude::prop_assert;

use super::whole::any_json;
use super::*;

fn of(kind: ItemKind, payload: &Json) -> Result<NormalEntry, EntryError> {
    let receipt = Receipt { kind, ..receipt() };
    assert!(is_entry(payload));
    entry(payload, &receipt)
}

fn log(entry: &Json) -> NormalEntry {
    of(ItemKind::Log, &json!({"items": [entry]})).unwrap()
}

fn notes(entry: &NormalEntry) -> Vec<String> {
    let list = entry.corrections.iter();
    list.map(|c| format!("{} {}", c.kind.name(), c.path))
        .collect()
}

#[test]
fn levels_have_one_name_and_a_severity() {
    let check = |sent: Json, level: &str, severity: u64, is_wrong: bool| {
        let log = log(&sent);
        let found = (&log.members["level"], &log.members["severity_number"]);
        assert_eq!(found, (&json!(level), &json!(severity)), "{sent}");
        assert_eq!(!log.corrections.is_empty(), is_wrong, "{sent}");
    };
    check(json!({}), "info", 9, false);
    check(json!({"level": "warn"}), "warn", 13, false);
    check(json!({"level": "Warning"}), "warn", 13, false);
    check(json!({"level": "critical"}), "fatal", 21, false);
    check(
        json!({"level": "error", "severity_number": 18}),
        "error",
        18,
        false,
    );
    check(
        json!({"level": "error", "severity_number": 99}),
        "error",
        17,
        true,
    );
    check(json!({"severity_number": null}), "info", 9, false);
    check(json!({"severity_number": "x"}), "info", 9, true);
    check(json!({"level": "loud"}), "info", 9, true);
}

#[test]
fn attributes_have_the_value_that_their_type_says() {
    let check = |sent: Json, expected: Json| {
        let log = log(&json!({"attributes": {"a": sent}}));
        let found = log.attributes.get("a").cloned().unwrap_or_default();
        assert_eq!(found, expected, "{sent}");
        let is_wrong = expected.is_null() && !sent.is_null() && !sent["value"].is_null();
        assert_eq!(notes(&log).len(), usize::from(is_wrong), "{sent}");
    };
    for typed in [
        json!({"value": "x", "type": "string"}),
        json!({"value": true, "type": "boolean"}),
        json!({"value": 7, "type": "integer"}),
        json!({"value": 7, "type": "double"}),
        json!({"value": 7.5, "type": "double", "unit": "millisecond"}),
        json!({"value": [1, "x"], "type": "array"}),
    ] {
        check(typed.clone(), typed);
    }
    check(json!({"value": 7.5, "type": "integer"}), json!(null));
    check(json!({"value": "7", "type": "integer"}), json!(null));
    check(json!({"value": 7, "type": "string"}), json!(null));
    check(json!({"value": 7, "type": "colour"}), json!(null));
    check(json!({"value": {}, "type": "string"}), json!(null));
    check(json!({"value": null, "type": "string"}), json!(null));
    check(json!({"value": 7}), json!({"value": 7, "type": "integer"}));
    check(json!("x"), json!({"value": "x", "type": "string"}));
}

#[test]
fn what_is_too_long_is_cut_and_noted_at_its_place() {
    let long = "é".repeat(9000);
    let log = log(
        &json!({"body": long, "attributes": {"a.b": {"value": long, "type": "string"},
        "n".repeat(201): {"value": 1, "type": "integer"}}}),
    );
    let meta = log.meta();
    for note in [&meta["body"][""], &meta["attributes"]["a.b"]["value"][""]] {
        assert_eq!(
            *note,
            json!({"len": 9000, "rem": [["!limit", "s", 8189, 8192]]})
        );
    }
    assert_eq!(log.attribute("a.b").unwrap().chars().count(), 8192);
    assert_eq!(
        notes(&log),
        [format!("value_too_long attributes.{}", "n".repeat(200))]
    );
    let many: serde_json::Map<_, _> = (0..600).map(|n| (n.to_string(), json!(n))).collect();
    let log = self::log(&json!({"attributes": many}));
    assert_eq!(log.attributes.len(), 512);
    assert_eq!(notes(&log), ["value_too_long attributes"]);
}

#[test]
fn what_earlier_programs_noted_is_kept() {
    let note = json!({"body": {"": {"rem": [["@creditcard", "s", 0, 3]]}}});
    let payload = json!({"items": [{"body": "x"}], "_meta": {"items": {"0": note}}});
    assert_eq!(of(ItemKind::Log, &payload).unwrap().meta(), note);
}

#[test]
fn metrics_are_something_that_can_be_counted() {
    let check = |sent: Json, expected: Result<&str, EntryError>| {
        let found = of(ItemKind::TraceMetric, &json!({"items": [sent]}));
        let found = found.map(|metric| {
            let text = |name| {
                metric
                    .members
                    .get(name)
                    .map_or("-".to_owned(), Json::to_string)
            };
            format!("{} {}", text("value"), text("unit"))
        });
        assert_eq!(found, expected.map(str::to_owned), "{sent}");
    };
    let with = |name: &str, value: Json| {
        let mut metric = json!({"name": "n", "type": "gauge", "value": 2, "unit": "byte"});
        metric[name] = value;
        metric
    };
    check(with("unit", json!(null)), Ok("2.0 -"));
    check(
        with("unit", json!("millisecond")),
        Ok("2.0 \"millisecond\""),
    );
    check(
        with("unit", json!("{request}/s")),
        Ok("2.0 \"{request}/s\""),
    );
    check(with("unit", json!("two words")), Ok("2.0 -"));
    check(with("value", json!(0.5)), Ok("0.5 \"byte\""));
    check(with("name", json!("")), Err(EntryError::NoName));
    check(with("name", json!(7)), Err(EntryError::NoName));
    check(with("type", json!("colour")), Err(EntryError::Kind));
    check(with("value", json!("2")), Err(EntryError::NoValue));
    check(with("value", json!(null)), Err(EntryError::NoValue));
    check(json!(7), Err(EntryError::NoObject));
    let counted = |kind: &str, value: Json| {
        json!({"name": "n", "type": kind, "value": value,
            "attributes": {"metric.count": {"value": 3, "type": "integer"}}})
    };
    check(counted("distribution", json!(null)), Ok("- -"));
    check(
        counted("distribution", json!("x")),
        Err(EntryError::NoValue),
    );
    check(counted("gauge", json!(null)), Err(EntryError::NoValue));
}

#[test]
fn spans_have_a_duration_and_older_ones_are_read_alike() {
    let new = json!({"items": [{"name": "a", "is_segment": true, "status": "ok",
        "start_timestamp": "2026-11-20T18:39:00Z", "end_timestamp": "2026-11-20T18:39:01.500Z",
        "attributes": {"k": {"value": "v", "type": "string"}}, "links": [{"trace_id": "t", "x": {}}]}]});
    let span = of(ItemKind::Span, &new).unwrap();
    assert_eq!(span.members["duration_ms"], 1500);
    assert_eq!(
        span.members["links"],
        json!([{"trace_id": "t", "span_id": null}])
    );
    assert_eq!(span.timestamp.to_rfc3339(), "2026-11-20T18:39:01.500Z");
    let old = json!({"description": "a", "op": "db", "data": {"k": "v"},
        "start_timestamp": "2026-11-20T18:39:00Z", "timestamp": "2026-11-20T18:39:01.500Z"});
    let old = of(ItemKind::Span, &old).unwrap();
    assert_eq!(old.members["duration_ms"], 1500);
    assert_eq!(old.members["name"], "a");
    assert_eq!(old.attribute("k"), Some("v"));
}

#[test]
fn what_happened_in_a_span_and_what_it_is_bound_to_have_attributes_of_their_own() {
    let attribute = |value: &str| json!({"value": value, "type": "string"});
    let long = "x".repeat(9000);
    let sent = json!({"items": [{"name": "a", "start_timestamp": "2026-11-20T18:39:00Z",
        "end_timestamp": "2026-11-20T18:39:01Z",
        "events": [
            {"name": "exception", "timestamp": "2026-11-20T18:39:00.500Z", "attributes": {
                "exception.type": attribute("E"), "exception.stacktrace": attribute(&long)}},
            7, {"timestamp": -3}],
        "links": [{"trace_id": "t", "span_id": "s", "attributes": {"k": attribute("v"), "w": {"value": 1, "type": "string"}}}]}]});
    let span = of(ItemKind::Span, &sent).unwrap();
    let event = &span.members["events"][0];
    assert_eq!(event["name"], "exception");
    assert_eq!(event["timestamp"], "2026-11-20T18:39:00.500Z");
    assert_eq!(event["attributes"]["exception.type"], attribute("E"));
    assert_eq!(
        span.meta()["events"]["0"]["attributes"]["exception.stacktrace"]["value"][""]["len"],
        9000
    );
    assert_eq!(span.members["events"][1], json!({"attributes": {}}));
    assert_eq!(
        span.members["links"],
        json!([{"trace_id": "t", "span_id": "s", "attributes": {"k": attribute("v")}}])
    );
    assert_eq!(
        notes(&span),
        [
            "invalid_data links.0.attributes.w",
            "invalid_data events.1",
            "invalid_data events.2.timestamp",
        ]
    );
    let many = json!({"items": [{"links": vec![json!({}); 130], "events": vec![json!({}); 131]}]});
    let span = of(ItemKind::Span, &many).unwrap();
    for name in ["links", "events"] {
        assert_eq!(span.members[name].as_array().unwrap().len(), 128);
    }
    assert_eq!(
        notes(&span),
        ["value_too_long links", "value_too_long events"]
    );
}

#[test]
fn what_older_clients_tell_of_a_span_is_kept() {
    let span = json!({"description": "a", "op": "db", "origin": "auto.db",
        "tags": {"s": "x", "n": 7, "o": {}, "z": null},
        "measurements": {"m": {"value": 1.5, "unit": "millisecond"}, "u": {"value": 1, "unit": "two words"}, "w": 7},
        "start_timestamp": "2026-11-20T18:39:00Z", "timestamp": "2026-11-20T18:39:01.500Z"});
    let span = of(ItemKind::Span, &span).unwrap();
    assert_eq!(span.members["origin"], "auto.db");
    assert_eq!(span.members["tags"], json!({"s": "x", "n": "7"}));
    let expected = json!({"m": {"value": 1.5, "unit": "millisecond"}, "u": {"value": 1.0}});
    assert_eq!(span.members["measurements"], expected);
    assert_eq!(
        notes(&span),
        [
            "invalid_data tags.o",
            "invalid_data measurements.u.unit",
            "invalid_data measurements.w",
        ]
    );
}

#[test]
fn times_before_1970_and_what_is_no_time_are_noted() {
    for wrong in [json!(-1), json!("soon"), json!("1969-12-31T23:59:59Z")] {
        let log = log(&json!({"timestamp": wrong}));
        assert_eq!(
            log.timestamp.to_rfc3339(),
            "2026-11-20T18:40:00.000Z",
            "{wrong}"
        );
        assert_eq!(notes(&log), ["invalid_data timestamp"], "{wrong}");
    }
}

#[test]
fn browser_system_and_addresses_are_told_where_they_can_be() {
    const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          Chrome/120.0.0.0 Safari/537.36";
    let check = |payload: Json, expected: &[(&str, Option<&str>)]| {
        let receipt = Receipt {
            kind: ItemKind::Log,
            user_agent: Some(CHROME),
            ..receipt()
        };
        let log = entry(&payload, &receipt).unwrap();
        for (name, value) in expected {
            assert_eq!(log.attribute(name), *value, "{name} of {payload}");
        }
    };
    let auto = json!({"infer_ip": "auto", "infer_user_agent": "auto"});
    check(
        json!({"items": [{}], "ingest_settings": auto}),
        &[
            ("browser.name", Some("Chrome")),
            ("browser.version", Some("120.0.0")),
            ("os.name", Some("Linux")),
            ("client.address", Some("198.51.100.7")),
        ],
    );
    let nothing = [
        ("browser.name", None),
        ("os.name", None),
        ("client.address", None),
    ];
    check(json!({"items": [{}]}), &nothing);
    let never = json!({"infer_ip": "never", "infer_user_agent": "never"});
    check(json!({"items": [{}], "ingest_settings": never}), &nothing);
    let own = json!({"user_agent.original": {"value": CHROME, "type": "string"},
        "os.name": {"value": "BeOS", "type": "string"},
        "resource.host.name": {"value": "web-1", "type": "string"}});
    check(
        json!({"items": [{"attributes": own}]}),
        &[
            ("browser.name", Some("Chrome")),
            ("os.name", Some("BeOS")),
            ("os.version", None),
            ("server.address", Some("web-1")),
        ],
    );
}

#[test]
fn several_entries_are_none() {
    for payload in [
        json!({"items": []}),
        json!({"items": [{}, {}]}),
        json!({"items": 7}),
        json!([]),
    ] {
        assert!(!is_entry(&payload), "{payload}");
    }
}

proptest::proptest! {
    #[test]
    fn any_json_becomes_an_entry_within_bounds_or_an_error(json in any_json()) {
        let payload = json!({"items": [json], "ingest_settings": json, "_meta": json});
        for kind in [ItemKind::Log, ItemKind::TraceMetric, ItemKind::Span] {
            let Ok(entry) = of(kind, &payload) else { continue };
            prop_assert!(entry.attributes.len() <= 512);
            drop(entry.meta());
        }
    }
}

#[test]
fn remarks_on_a_span_without_a_container_are_on_its_attributes() {
    let note = json!({"": {"rem": [["@creditcard:filter", "s", 0, 12]], "len": 16}});
    let span = json!({"op": "db", "data": {"q": "[creditcard]"}, "_meta": {"data": {"q": note}, "op": note}});
    let span = of(ItemKind::Span, &span).unwrap();
    let expected = json!({"attributes": {"q": {"value": note}}, "op": note});
    assert_eq!(span.meta(), expected);
}
