//! Whole events: recordings of real clients, and whatever chance makes.

use insta::assert_json_snapshot;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof};

use super::*;

#[test]
fn normalises_recordings_of_real_clients() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let mut all = serde_json::Map::new();
    for path in names {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let payload = std::fs::read(&path).unwrap();
        let kind = match name.as_str() {
            "csp-report" => ItemKind::RawSecurity,
            name if name.ends_with("feedback") => ItemKind::Feedback,
            _ => ItemKind::Event,
        };
        let receipt = Receipt { kind, ..receipt() };
        let event = normalise(&payload, &receipt).unwrap();
        all.insert(name, summary(&event));
    }
    assert_json_snapshot!(all);
}

/// What a reader would look at first.
fn summary(event: &NormalEvent<'_>) -> Json {
    let stacks: Vec<_> = event
        .stacktraces()
        .map(|stack| {
            let own: Vec<_> = stack
                .frames
                .iter()
                .filter(|frame| frame.in_app == Some(true))
                .map(|frame| text(&frame.function))
                .collect();
            json!({"frames": stack.frames.len(), "own": own})
        })
        .collect();
    json!({
        "kind": event.kind.name(),
        "level": event.level.name(),
        "platform": event.platform,
        "timestamp": event.timestamp.to_rfc3339(),
        "message": event.message_text(),
        "exceptions": event.exceptions.iter().map(|e| format!("{}: {}", text(&e.ty), text(&e.value.0))).collect::<Vec<_>>(),
        "stacks": stacks,
        "handled": event.handled,
        "user": event.user_key(),
        "tags": event.tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect::<Vec<_>>(),
        "contexts": event.contexts.0.iter().map(|(name, _)| name.as_ref()).collect::<Vec<_>>(),
        "request": event.request.as_ref().map(|request| format!("{} {}", text(&request.method), text(&request.url))),
        "breadcrumbs": event.breadcrumbs.len(),
        "sdk": event.sdk.as_ref().map(|sdk| format!("{} {}", text(&sdk.name), text(&sdk.version))),
        "trace": event.facts.trace_id,
        "corrections": corrections(event),
        "cut": event.remarks.iter().map(|remark| remark.path.as_str()).collect::<Vec<_>>(),
    })
}

/// JSON whose keys are mostly those of events.
pub(super) fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        // What is written and read again has to be the same, so that one can compare.
        any::<i32>().prop_map(|n| Json::from(f64::from(n) / 8.0)),
        "\\PC{0,30}".prop_map(Json::from),
        (1_usize..6).prop_map(|n| Json::from("long \"ä\" ".repeat(n * n * 40))),
        prop::sample::select(vec![
            "E: v",
            "{{auto}}",
            "error",
            "python",
            "javascript",
            "https://x.io/a?b#c",
            "%s {}"
        ])
        .prop_map(Json::from),
    ];
    let key = prop_oneof![
        3 => prop::sample::select(vec![
            "exception", "values", "type", "value", "stacktrace", "frames", "function", "filename", "abs_path", "vars",
            "message", "logentry", "formatted", "params", "tags", "user", "id", "ip_address", "request", "url", "headers",
            "cookies", "query_string", "data", "env", "contexts", "trace", "browser", "extra", "breadcrumbs", "threads",
            "timestamp", "level", "platform", "sdk", "settings", "infer_ip", "fingerprint", "mechanism", "exception_id",
            "parent_id", "is_exception_group", "_meta", "errors", "csp", "template", "release", "environment", "checksum",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,10}",
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn says_the_same_twice_and_never_panics(event in any_json()) {
        let payload = event.to_string();
        let first = normalise(payload.as_bytes(), &receipt());
        prop_assert!(first.is_ok() == event.is_object());
        if let (Ok(first), Ok(second)) = (first, normalise(payload.as_bytes(), &receipt())) {
            let (once, twice) = (format!("{first:?}"), format!("{second:?}"));
            prop_assert!(once == twice);
            let (a, b) = (crate::group::group(&first), crate::group::group(&second));
            prop_assert!(!a.hashes.is_empty());
            prop_assert!(a.hashes == b.hashes && a.title == b.title);
            prop_assert!(!a.title.is_empty());
        }
    }

    #[test]
    fn never_panics_on_bytes(bytes: Vec<u8>) {
        drop(normalise(&bytes, &receipt()));
        let receipt = Receipt { kind: ItemKind::RawSecurity, ..receipt() };
        drop(normalise(&bytes, &receipt));
    }
}
