//! What is too long, too deep or too many.

use super::*;

#[test]
fn cuts_what_is_too_long_and_says_so() {
    let event = json!({
        "exception": {"type": "E", "value": "v".repeat(9000), "stacktrace": {"frames": [{
            "function": "f".repeat(600), "vars": {"deep": {"a": {"b": {"c": {"d": {"e": 1}}}}}, "long": "x".repeat(3000), "after": 1}}]}},
        "user": {"id": "i".repeat(130)},
        "extra": {"big": "y".repeat(20_000), "small": 1},
        "contexts": {"mine": {"z": "z".repeat(9000)}},
        "_meta": {"user": {"email": {"": {"rem": [["@email", "s", 0, 3]]}}}},
    });
    look(&event, |event| {
        let exception = &event.exceptions[0];
        let value = exception.value.0.as_deref().unwrap();
        assert_eq!((value.len(), value.ends_with("...")), (8192, true));
        let frame = &exception.stacktrace.as_ref().unwrap().frames[0];
        assert_eq!(frame.function.as_deref().unwrap().len(), 512);
        let vars: Json = serde_json::from_str(frame.vars.as_ref().unwrap().get()).unwrap();
        assert_eq!(vars["deep"]["a"]["b"]["c"]["d"], json!(null));
        assert!(frame.vars.as_ref().unwrap().get().len() < 2148);
        assert_eq!(event.extra.get("small").unwrap().get(), "1");
        assert!(event.extra.get("big").unwrap().get().len() <= 16_384 + 2);
        let meta = event.meta();
        assert_eq!(meta["user"]["email"][""]["rem"][0][0], "@email");
        assert_eq!(
            meta["user"]["id"][""],
            json!({"rem": [["!limit", "s", 125, 128]], "len": 130})
        );
        assert_eq!(meta["exception"]["values"]["0"]["value"][""]["len"], 9000);
        assert_eq!(meta["extra"]["big"][""]["len"], 20_002);
        assert_eq!(meta["contexts"]["mine"][""]["len"], 9008);
    });
    // Within the allowance nothing is cut.
    look(
        &json!({"exception": {"type": "E", "value": "v".repeat(8392)}}),
        |event| {
            assert_eq!(event.exceptions[0].value.0.as_deref().unwrap().len(), 8392);
            assert!(event.remarks.is_empty());
        },
    );
}

#[test]
fn a_cut_leaves_what_was_noted_of_the_part_that_is_left() {
    let removed = |at: usize| json!(["@creditcard:filter", "s", at, at + 12]);
    let sent = json!({"rem": [removed(3), removed(8500)], "len": 9004});
    let event = json!({"exception": {"type": "E", "value": "v".repeat(9000)},
        "_meta": {"exception": {"values": {"0": {"value": {"": sent}}}}}});
    look(&event, |event| {
        assert_eq!(
            event.meta()["exception"]["values"]["0"]["value"][""],
            json!({"rem": [removed(3), ["!limit", "s", 8189, 8192]], "len": 9004})
        );
    });
}

#[test]
fn bounds_lists() {
    let many: Vec<_> = (0..5000)
        .map(|n| json!({"type": format!("E{n}")}))
        .collect();
    let contexts: serde_json::Map<_, _> =
        (0..20_000).map(|n| (format!("c{n}"), json!(n))).collect();
    let parts: Vec<_> = (0..500).map(|n| format!("p{n}")).collect();
    let tags: Vec<_> = (0..5000).map(|n| json!([format!("t{n}"), "v"])).collect();
    let event = json!({"exception": many, "contexts": contexts, "fingerprint": parts, "tags": tags,
        "extra": {"empty": vec![json!([]); 10_000]}});
    look(&event, |event| {
        assert_eq!(event.exceptions.len(), 100);
        assert_eq!(event.exceptions[99].ty.as_deref(), Some("E4999"));
        assert!(event.contexts.0.is_empty());
        assert_eq!(event.fingerprint.len(), 100);
        assert!(event.tags.len() <= 220);
        assert_eq!(event.corrections.len(), CORRECTIONS_MAX);
        assert!(event.extra.get("empty").unwrap().get().len() < 33_000);
    });
}

#[test]
fn bounds_queries_cookies_and_headers_by_their_bytes() {
    let headers: Vec<_> = (0..50)
        .map(|n| json!([format!("X-{n:02}"), "v".repeat(1000)]))
        .collect();
    let event = json!({"request": {"url": format!("https://x.io/?{}", "key=value&".repeat(200)),
        "headers": headers, "cookies": format!("a={}; b=1", "c".repeat(3000))}});
    look(&event, |event| {
        let request = event.request.as_ref().unwrap();
        let size = |pairs: &protocol::event::Pairs<'_>| {
            let sizes = pairs
                .list
                .iter()
                .map(|(k, v)| k.len() + v.as_ref().map_or(0, |v| v.len()));
            sizes.sum::<usize>()
        };
        assert!(
            (900..=1024).contains(&size(&request.query)),
            "{}",
            size(&request.query)
        );
        assert!(
            (8000..=8192).contains(&size(&request.headers)),
            "{}",
            size(&request.headers)
        );
        assert!(
            (2000..=2048).contains(&size(&request.cookies)),
            "{}",
            size(&request.cookies)
        );
        for path in ["request.query_string", "request.headers", "request.cookies"] {
            assert!(
                event.remarks.iter().any(|remark| remark.path == path),
                "{path}"
            );
        }
    });
}

#[test]
fn says_that_a_long_logger_was_shortened() {
    look(
        &json!({"message": "m", "logger": "abc.".repeat(40)}),
        |event| {
            assert_eq!(event.remarks[0].path, "logger");
        },
    );
}
