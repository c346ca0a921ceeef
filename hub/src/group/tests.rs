//! Grouping by cases, and of recordings of real clients.

mod dump;
mod labelled;
mod rules;
mod second;

use std::collections::HashSet;

use insta::{assert_json_snapshot, assert_snapshot};
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use serde_json::{Value as Json, json};

use super::*;
use crate::normalise::{Receipt, normalise};

fn receipt(kind: ItemKind) -> Receipt<'static> {
    Receipt {
        event_id: "9ec79c33ec9942ab8353589fcb2e04dc".parse().unwrap(),
        kind,
        received_at: Timestamp::parse("2026-11-20T18:40:00Z").unwrap(),
        relay_offset_millis: 0,
        sent_at: None,
        client: None,
        remote_addr: None,
        place: None,
        user_agent: None,
        header: b"{}",
    }
}

fn grouped(event: &Json) -> Grouping {
    let json = event.to_string();
    group(&normalise(json.as_bytes(), &receipt(ItemKind::Event)).unwrap())
}

fn grouped_by(event: &Json, rules: &Rules) -> Grouping {
    let json = event.to_string();
    group_by(
        &normalise(json.as_bytes(), &receipt(ItemKind::Event)).unwrap(),
        rules,
    )
}

fn recordings() -> Vec<(String, Vec<u8>, ItemKind)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events");
    let mut list: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let kind = match name.as_str() {
                "csp-report" => ItemKind::RawSecurity,
                name if name.ends_with("feedback") => ItemKind::Feedback,
                _ => ItemKind::Event,
            };
            (name, std::fs::read(&path).unwrap(), kind)
        })
        .collect();
    list.sort_by(|a, b| a.0.cmp(&b.0));
    list
}

/// A python error: type, value and frames of (module, function, line, own).
fn error(ty: &str, value: &str, frames: &[(&str, &str, u32, bool)]) -> Json {
    let frames: Vec<_> = frames
        .iter()
        .map(|(module, function, lineno, in_app)| {
            json!({"module": module, "function": function, "lineno": lineno, "in_app": in_app})
        })
        .collect();
    json!({
        "platform": "python",
        "exception": {"values": [{"type": ty, "value": value, "stacktrace": {"frames": frames}}]},
    })
}

fn same(a: &Json, b: &Json) {
    let (first, second) = (grouped(a), grouped(b));
    assert_eq!(first.hashes[0], second.hashes[0], "{a}\n{b}");
}

fn apart(a: &Json, b: &Json) {
    let first: HashSet<_> = grouped(a).hashes.into_iter().collect();
    let second: HashSet<_> = grouped(b).hashes.into_iter().collect();
    assert!(first.is_disjoint(&second), "{a}\n{b}");
}

#[test]
fn groups_the_same_error_of_two_releases_together() {
    let mut old = error(
        "ValueError",
        "order 17",
        &[("shop", "main", 10, true), ("shop.cart", "add", 42, true)],
    );
    let mut new = error(
        "ValueError",
        "order 99",
        &[("shop", "main", 12, true), ("shop.cart", "add", 57, true)],
    );
    old["release"] = json!("shop@1.0");
    new["release"] = json!("shop@1.1");
    same(&old, &new);
}

#[test]
fn keeps_other_types_and_other_functions_apart() {
    let frames = [("shop", "main", 1, true), ("shop.cart", "add", 2, true)];
    let base = error("ValueError", "v", &frames);
    apart(&base, &error("KeyError", "v", &frames));
    apart(
        &base,
        &error(
            "ValueError",
            "v",
            &[("shop", "main", 1, true), ("shop.cart", "remove", 2, true)],
        ),
    );
    apart(
        &base,
        &error(
            "ValueError",
            "v",
            &[("shop", "main", 1, true), ("shop.order", "add", 2, true)],
        ),
    );
    apart(
        &base,
        &error("ValueError", "v", &[("shop.cart", "add", 2, true)]),
    );
}

#[test]
fn finds_the_issue_again_after_a_framework_has_changed() {
    let old = error(
        "E",
        "v",
        &[
            ("web.core", "run", 1, false),
            ("shop", "f", 2, true),
            ("orm", "query", 3, false),
        ],
    );
    let new = error(
        "E",
        "v",
        &[
            ("web.base", "start", 1, false),
            ("shop", "f", 2, true),
            ("orm.sql", "execute", 3, false),
        ],
    );
    same(&old, &new);
    assert_ne!(grouped(&old).hashes[1], grouped(&new).hashes[1]);
}

#[test]
fn counts_a_recursion_once() {
    let once = error("E", "v", &[("a", "f", 1, true), ("a", "g", 2, true)]);
    let often = error(
        "E",
        "v",
        &[
            ("a", "f", 1, true),
            ("a", "g", 2, true),
            ("a", "g", 2, true),
            ("a", "g", 2, true),
        ],
    );
    same(&once, &often);
}

#[test]
fn looks_at_the_value_only_without_a_stack() {
    let of = |value: &str| json!({"exception": {"type": "E", "value": value}});
    same(&of("user 1 is gone"), &of("user 2 is gone"));
    apart(&of("user 1 is gone"), &of("user 1 is here"));
}

#[test]
fn groups_errors_of_apple_by_domain_and_code() {
    let of = |value: &str, code: i32| {
        json!({"platform": "cocoa", "exception": {"type": "NSError", "value": value,
            "mechanism": {"type": "NSError", "meta": {"ns_error": {"domain": "Shop", "code": code}}}}})
    };
    same(&of("no disk", 3), &of("kein Platz", 3));
    apart(&of("no disk", 3), &of("no disk", 4));
}

#[test]
fn bounds_explanations_and_still_hashes_everything() {
    let of = |last: &str| {
        let frames: Vec<_> = (0..200)
            .map(|n| json!({"module": "m".repeat(50), "function": format!("f{n}"), "in_app": true}))
            .collect();
        let mut list: Vec<_> = (0..90)
            .map(|n| json!({"type": format!("E{n}"), "stacktrace": {"frames": frames}}))
            .collect();
        list.push(json!({"type": last}));
        json!({"exception": list})
    };
    let (a, b) = (grouped(&of("A")), grouped(&of("B")));
    assert_ne!(a.hashes, b.hashes);
    assert!(serde_json::to_string(&a.variants).unwrap().len() < 2_000_000);
}

#[test]
fn groups_messages_by_what_does_not_vary() {
    let of = |text: &str| json!({"message": text});
    same(&of("User 123 not found"), &of("User 7 not found"));
    apart(&of("User 123 not found"), &of("Order 123 not found"));
    let with_params = |user: u32| json!({"logentry": {"message": "user %s is odd", "params": [format!("u{user}x")]}});
    same(&with_params(1), &with_params(2));
}

#[test]
fn tells_events_without_content_apart_by_where_they_come_from() {
    apart(&json!({"logger": "a"}), &json!({"logger": "b"}));
    apart(&json!({"transaction": "/a"}), &json!({"transaction": "/b"}));
    let grouping = grouped(&json!({}));
    assert_eq!(grouping.variants.last().unwrap().name, "fallback");
    assert_eq!(grouping.title, "<unlabeled event>");
}

#[test]
fn obeys_fingerprints() {
    let of =
        |message: &str, fingerprint: Json| json!({"message": message, "fingerprint": fingerprint});
    same(&of("a", json!(["x"])), &of("b", json!(["x"])));
    apart(&of("a", json!(["a", "b"])), &of("a", json!(["ab"])));
    apart(
        &of("a", json!(["{{ default }}", "x"])),
        &of("a", json!(["{{default}}", "y"])),
    );
    apart(
        &of("a", json!(["{{ default }}", "x"])),
        &of("b", json!(["{{ default }}", "x"])),
    );
    apart(
        &of("a", json!(["{{ default }}", "x"])),
        &of("a", json!(["{{ default }}"])),
    );
    same(&of("a", json!(["{{ default }}"])), &of("a", json!([])));
    apart(
        &of("a", json!(["{{ message }}"])),
        &of("b", json!(["{{ message }}"])),
    );
    same(
        &of("user 1", json!(["user 1"])),
        &of("user 2", json!(["user 2"])),
    );
    let tagged = |value: &str| json!({"message": "m", "tags": {"t": value}, "fingerprint": ["{{ tags.t }}"]});
    apart(&tagged("1"), &tagged("2"));
    same(
        &of("a", json!(["{{ transaction }}"])),
        &of("b", json!(["{{ transaction }}"])),
    );
}

#[test]
fn names_what_a_fingerprint_asks_for_in_vain() {
    let grouping =
        grouped(&json!({"message": "m", "fingerprint": ["{{ transaction }}", "{{ nonsense }}"]}));
    let explained = serde_json::to_string(&grouping.variants[0]).unwrap();
    assert!(explained.contains("<no-transaction>"), "{explained}");
    assert!(
        explained.contains("<unrecognized-variable-nonsense>"),
        "{explained}"
    );
}

#[test]
fn takes_a_checksum_of_32_digits_as_the_hash() {
    let grouping =
        grouped(&json!({"message": "m", "checksum": "5d41402abc4b2a76b9719d911017c592"}));
    assert_eq!(
        hex::encode(grouping.hashes[0]),
        "5d41402abc4b2a76b9719d911017c592"
    );
    same(
        &json!({"checksum": "abc", "message": "1"}),
        &json!({"checksum": "abc", "message": "x"}),
    );
}

fn exception_group(inner: &[(&str, &str)]) -> Json {
    let mut values: Vec<_> = inner
        .iter()
        .enumerate()
        .map(|(at, (ty, value))| {
            json!({"type": ty, "value": value, "mechanism": {"type": "chained", "exception_id": at + 1, "parent_id": 0}})
        })
        .collect();
    values.push(
        json!({"type": "ExceptionGroup", "value": format!("many ({} sub-exceptions)", inner.len()),
        "mechanism": {"type": "generic", "exception_id": 0, "is_exception_group": true}}),
    );
    json!({"exception": {"values": values}})
}

#[test]
fn looks_through_a_group_of_equal_exceptions() {
    let one = exception_group(&[("ValueError", "bad 1")]);
    let three = exception_group(&[
        ("ValueError", "bad 1"),
        ("ValueError", "bad 2"),
        ("ValueError", "bad 3"),
    ]);
    same(&one, &three);
    assert_eq!(grouped(&three).title, "ValueError: bad 1");
    let mixed = exception_group(&[("ValueError", "bad 1"), ("KeyError", "k")]);
    apart(&one, &mixed);
    assert_eq!(
        grouped(&mixed).title,
        "ExceptionGroup: many (2 sub-exceptions)"
    );
    let twice = exception_group(&[
        ("ValueError", "bad 1"),
        ("KeyError", "k"),
        ("KeyError", "k"),
    ]);
    assert_eq!(
        grouped(&mixed).variants[0].component.values.len(),
        grouped(&twice).variants[0].component.values.len()
    );
}

#[test]
fn takes_a_broken_tree_of_exceptions_as_a_chain() {
    let check = |mechanisms: &[(u64, Option<u64>, bool)]| {
        let values: Vec<_> = mechanisms
            .iter()
            .map(|(id, parent, is_group)| {
                json!({"type": format!("E{id}"), "mechanism":
                    {"exception_id": id, "parent_id": parent, "is_exception_group": is_group}})
            })
            .collect();
        let grouping = grouped(&json!({"exception": values}));
        assert_eq!(
            grouping.variants[0].component.values.len(),
            mechanisms.len(),
            "{mechanisms:?}"
        );
    };
    check(&[(1, Some(2), false), (2, Some(1), false), (0, None, true)]);
    check(&[(1, Some(0), false), (1, Some(0), false), (0, None, true)]);
    check(&[(1, Some(9), false), (0, None, true)]);
    check(&[(1, Some(1), false), (0, Some(0), true)]);
    check(&[(1, Some(0), true), (0, None, true)]);
}

#[test]
fn names_react_errors_after_their_cause() {
    let grouping = grouped(&json!({"platform": "javascript", "exception": [
        {"type": "TypeError", "value": "x is not a function"},
        {"type": "Error", "value": "There was an error during concurrent rendering but React was able to recover"},
    ]}));
    assert_eq!(grouping.title, "TypeError: x is not a function");
}

#[test]
fn looks_at_the_thread_that_crashed() {
    let thread = |id: u32, function: &str, crashed: bool| json!({"id": id, "crashed": crashed, "stacktrace": {"frames": [{"function": function, "in_app": true, "module": "m"}]}});
    let of = |first: &str| json!({"threads": {"values": [thread(1, first, false), thread(2, "crash", true)]}});
    same(&of("a"), &of("b"));
    apart(
        &of("a"),
        &json!({"threads": {"values": [thread(1, "a", true)]}}),
    );
    let undecided = json!({"threads": {"values": [thread(1, "a", false), thread(2, "b", false)]}, "message": "m"});
    same(&undecided, &json!({"message": "m"}));
}

#[test]
fn groups_policy_reports_by_directive_and_host() {
    let of = |uri: &str, directive: &str| {
        let payload = json!({"csp-report": {"effective-directive": directive, "blocked-uri": uri}})
            .to_string();
        let event = normalise(payload.as_bytes(), &receipt(ItemKind::RawSecurity)).unwrap();
        group(&event).hashes[0]
    };
    assert_eq!(
        of("https://a.io/1", "script-src"),
        of("https://a.io/2", "script-src")
    );
    assert_ne!(
        of("https://a.io/1", "script-src"),
        of("https://b.io/1", "script-src")
    );
    assert_ne!(
        of("https://a.io/1", "script-src"),
        of("https://a.io/1", "img-src")
    );
    assert_ne!(of("inline", "script-src"), of("eval", "script-src"));
}

#[test]
fn cleans_frames_per_platform() {
    let leaves = |platform: &str, frame: Json| {
        let mut frame = frame;
        frame["in_app"] = json!(true);
        let event = json!({"platform": platform, "stacktrace": {"frames": [frame]}});
        let grouping = grouped(&event);
        let of_all = grouping
            .variants
            .iter()
            .find(|variant| variant.name != "app");
        let stack = &of_all.unwrap().component;
        let frame = stack.parts().next().unwrap();
        let mut texts = Vec::new();
        for leaf in frame
            .parts()
            .filter(|leaf| frame.contributes && leaf.contributes)
        {
            for value in &leaf.values {
                if let Value::Text(text) = value {
                    texts.push(format!("{}={text}", leaf.id));
                }
            }
        }
        texts.join(" ")
    };
    let check = |platform: &str, frame: Json, expected: &str| {
        assert_eq!(
            leaves(platform, frame.clone()),
            expected,
            "{platform} {frame}"
        );
    };
    check(
        "python",
        json!({"module": "a.b", "filename": "a/b.py", "function": "f"}),
        "module=a.b function=f",
    );
    check(
        "python",
        json!({"filename": "a/B.py", "function": "f"}),
        "filename=b.py function=f",
    );
    check(
        "python",
        json!({"filename": "b.py", "function": "<lambda>", "context_line": "  x =  y "}),
        "filename=b.py function=<lambda> context_line=x = y",
    );
    check(
        "python",
        json!({"filename": "b.py", "function": "f", "context_line": "y".repeat(121)}),
        "filename=b.py function=f",
    );
    check(
        "python",
        json!({"module": "sentry_sdk.api", "function": "f"}),
        "",
    );
    check(
        "javascript",
        json!({"filename": "https://x.io/static/app.js", "function": "Shop.buy"}),
        "function=buy",
    );
    check(
        "javascript",
        json!({"abs_path": "https://x.io/a.js", "function": "?"}),
        "",
    );
    check(
        "javascript",
        json!({"abs_path": "https://x.io/a.js", "function": "<anonymous>"}),
        "",
    );
    check(
        "javascript",
        json!({"abs_path": "https://x.io/a/b.js", "module": "a/b", "function": "find"}),
        "function=find",
    );
    check(
        "node",
        json!({"filename": "/srv/app/main.4f3a9c1b.js", "function": "Object.find"}),
        "filename=main.<hash>.js function=find",
    );
    check(
        "node",
        json!({"filename": "node:internal/process", "function": "f"}),
        "",
    );
    check(
        "java",
        json!({"module": "com.shop.Cart$$EnhancerBySpringCGLIB$$1ab2", "function": "add"}),
        "module=com.shop.Cart$$EnhancerBy<auto> function=add",
    );
    check(
        "java",
        json!({"module": "sun.reflect.GeneratedMethodAccessor12", "function": "invoke"}),
        "module=sun.reflect.GeneratedMethodAccessor<auto> function=invoke",
    );
    check(
        "java",
        json!({"module": "com.shop.Cart$$Lambda$12", "filename": "Cart.java", "function": "lambda$add$0"}),
        "filename=cart.java",
    );
    check(
        "java",
        json!({"module": "shop.core$fn__123", "function": "invoke"}),
        "module=shop.core$fn__<auto> function=invoke",
    );
    check(
        "native",
        json!({"function": "shop::cart::add::h0123456789abcdef"}),
        "function=shop::cart::add",
    );
    check(
        "native",
        json!({"function": "void ns::Cart<int>::add(int, char const*) const"}),
        "function=ns::Cart::add",
    );
    check(
        "native",
        json!({"function": "-[Cart add:]"}),
        "function=-[Cart add:]",
    );
    check(
        "native",
        json!({"function": "<shop::Cart as core::ops::Drop>::drop"}),
        "function=<shop::Cart as core::ops::Drop>::drop",
    );
    check(
        "native",
        json!({"function": "<unknown>", "instruction_addr": "0x0"}),
        "",
    );
    check(
        "native",
        json!({"function": "std::panicking::begin_panic"}),
        "",
    );
    check(
        "ruby",
        json!({"filename": "app/cart.rb", "function": "block (2 levels) in add"}),
        "filename=cart.rb function=block",
    );
    check(
        "ruby",
        json!({"filename": "a.html.erb", "function": "_app_views_a_html_erb__123_456"}),
        "filename=a.html.erb function=_app_views_a_html_erb",
    );
    check(
        "php",
        json!({"filename": "a.php", "function": "class@anonymous\u{0}/srv/a.php:12$0::run"}),
        "filename=a.php function=class@anonymous::run",
    );
    check(
        "php",
        json!({"filename": "a.php", "function": "Shop\\{closure}"}),
        "filename=a.php function={closure}",
    );
    check(
        "csharp",
        json!({"module": "Shop.Cart", "function": "Add", "raw_function": "Add(Int32 n)"}),
        "module=Shop.Cart function=Add(Int32 n)",
    );
    check(
        "go",
        json!({"module": "main", "function": "handler.func1"}),
        "module=main function=handler.func",
    );
}

#[test]
fn names_issues() {
    let check = |event: Json, title: &str, culprit: &str| {
        let grouping = grouped(&event);
        assert_eq!(
            (grouping.title.as_str(), grouping.culprit.as_str()),
            (title, culprit),
            "{event}"
        );
    };
    check(
        json!({"exception": {"type": "E", "value": "first\nsecond"}}),
        "E: first",
        "",
    );
    check(json!({"exception": {"type": "E"}}), "E", "");
    check(
        json!({"exception": {"value": "only words"}}),
        "only words",
        "",
    );
    check(json!({"message": "\n  hi\nthere"}), "hi", "");
    check(json!({"message": "hi", "transaction": "/a"}), "hi", "/a");
    check(
        json!({"message": "hi", "culprit": "old.place"}),
        "hi",
        "old.place",
    );
    check(
        error(
            "E",
            "v",
            &[
                ("lib", "g", 1, true),
                ("shop", "f", 2, true),
                ("orm", "q", 3, false),
            ],
        ),
        "E: v",
        "shop in f",
    );
    check(
        json!({"exception": {"type": "E", "value": "x".repeat(400)}}),
        &format!("E: {}...", "x".repeat(250)),
        "",
    );
    check(
        json!({"exception": {"type": "SIGSEGV", "mechanism": {"synthetic": true}, "stacktrace": {"frames": [{"function": "crash", "module": "m"}]}}}),
        "crash",
        "m in crash",
    );
    check(json!({}), "<unlabeled event>", "");
}

#[test]
fn begins_with_a_priority() {
    let check = |event: Json, priority: Priority| {
        assert_eq!(
            grouped(&event).metadata.initial_priority,
            priority,
            "{event}"
        );
    };
    let of = |handled: bool| json!({"exception": {"type": "E", "mechanism": {"handled": handled}}});
    check(of(false), Priority::High);
    check(of(true), Priority::Medium);
    check(json!({"message": "m", "level": "fatal"}), Priority::High);
    check(json!({"message": "m", "level": "warning"}), Priority::Low);
}

#[test]
fn puts_recordings_of_one_error_into_one_issue() {
    let hashes = |start: &str| {
        let chosen = recordings()
            .into_iter()
            .filter(|(name, ..)| name.starts_with(start));
        chosen
            .map(|(_, payload, kind)| group(&normalise(&payload, &receipt(kind)).unwrap()).hashes)
            .collect::<Vec<_>>()
    };
    let same = hashes("python-same-error-different-values");
    assert_eq!(same.len(), 4);
    assert!(same.windows(2).all(|pair| pair[0] == pair[1]));
    let marked = hashes("python-fingerprint-override");
    assert_eq!(marked.len(), 2);
    assert_ne!(marked[0], marked[1]);
}

fn of_recordings(rules: &Rules) -> String {
    let mut lines = String::new();
    for (name, payload, kind) in recordings() {
        let event = normalise(&payload, &receipt(kind)).unwrap();
        let grouping = group_by(&event, rules);
        let variants: Vec<_> = grouping
            .variants
            .iter()
            .filter(|variant| variant.contributes)
            .map(|variant| {
                format!(
                    "{} {} {}",
                    variant.name,
                    variant.description,
                    variant.hash.unwrap()
                )
            })
            .collect();
        lines.push_str(&format!(
            "{name}\n  {} | {}\n  {}\n",
            grouping.title,
            grouping.culprit,
            variants.join("\n  ")
        ));
    }
    lines
}

#[test]
fn groups_recordings_of_real_clients() {
    assert_snapshot!(of_recordings(&Rules::default()));
}

/// Hashes of the first way are in stores: this snapshot must never change.
#[test]
fn groups_recordings_the_first_way_as_ever() {
    let first = Rules {
        version: Version::First,
        ..Rules::default()
    };
    assert_snapshot!(of_recordings(&first));
}

#[test]
fn explains_recordings_of_real_clients() {
    for (name, payload, kind) in recordings() {
        let is_chosen = [
            "legacy-protocol-4",
            "browser-chained-user-tags",
            "rust-anyhow-chain",
            "python-fingerprint-override-1",
            "python-message-with-stacktrace",
        ];
        if is_chosen.contains(&name.as_str()) {
            let event = normalise(&payload, &receipt(kind)).unwrap();
            assert_json_snapshot!(name, group(&event).variants);
        }
    }
}
