//! Normalisation by cases, field by field.

mod whole;

use serde_json::{Value as Json, json};

use super::*;

const RECEIVED: &str = "2026-11-20T18:40:00Z";

fn receipt() -> Receipt<'static> {
    Receipt {
        event_id: "9ec79c33ec9942ab8353589fcb2e04dc".parse().unwrap(),
        kind: ItemKind::Event,
        received_at: Timestamp::parse(RECEIVED).unwrap(),
        sent_at: None,
        client: Some("sentry.python/2.0.0"),
        remote_addr: Some("198.51.100.7"),
        user_agent: Some("python-urllib3/2"),
        header: b"{}",
    }
}

/// Looks at the normalised form of an event.
fn look<T>(event: &Json, look: impl FnOnce(&NormalEvent<'_>) -> T) -> T {
    let payload = event.to_string();
    look(&normalise(payload.as_bytes(), &receipt()).unwrap())
}

fn corrections(event: &NormalEvent<'_>) -> Vec<String> {
    let list = event.corrections.iter();
    list.map(|c| format!("{} {}", c.kind.name(), c.path))
        .collect()
}

fn text(text: &Option<Cow<'_, str>>) -> String {
    text.as_deref().unwrap_or("-").to_owned()
}

#[test]
fn reads_levels() {
    let check = |level: Json, expected: &str, n_corrections: usize| {
        look(&json!({"level": level, "message": "m"}), |event| {
            assert_eq!(event.level.name(), expected, "{level}");
            assert_eq!(event.corrections.len(), n_corrections, "{level}");
        });
    };
    check(json!("info"), "info", 0);
    check(json!("log"), "info", 0);
    check(json!("critical"), "fatal", 0);
    check(json!(30), "warning", 0);
    check(json!("50"), "fatal", 0);
    check(json!("loud"), "error", 1);
    check(json!(7), "error", 1);
    check(json!(null), "error", 0);
}

#[test]
fn tells_kinds_and_platforms() {
    let check = |event: Json, kind: EventKind, platform: &str| {
        look(&event, |normal| {
            assert_eq!((normal.kind, normal.platform), (kind, platform), "{event}");
        });
    };
    check(
        json!({"exception": {"type": "E"}, "platform": "python"}),
        EventKind::Error,
        "python",
    );
    check(
        json!({"message": "m", "platform": "cobol"}),
        EventKind::Default,
        "other",
    );
    check(json!({"message": "m"}), EventKind::Default, "python");
    check(
        json!({"message": "m", "sdk": {"name": "sentry.javascript.react"}}),
        EventKind::Default,
        "javascript",
    );
    check(
        json!({"type": "feedback", "contexts": {"feedback": {"message": "it broke"}}}),
        EventKind::Feedback,
        "python",
    );
    check(json!({"type": "feedback"}), EventKind::Default, "python");
}

#[test]
fn judges_times_against_the_receipt_at_the_relay() {
    let check = |timestamp: Json, sent_at: Option<&str>, expected: &str, notes: &[&str]| {
        let payload = json!({"message": "m", "timestamp": timestamp}).to_string();
        let receipt = Receipt {
            sent_at: sent_at.map(|time| Timestamp::parse(time).unwrap()),
            ..receipt()
        };
        let event = normalise(payload.as_bytes(), &receipt).unwrap();
        assert_eq!(
            event.timestamp,
            Timestamp::parse(expected).unwrap(),
            "{timestamp}"
        );
        assert_eq!(corrections(&event), notes, "{timestamp}");
        let is_moved = notes
            .iter()
            .any(|note| note.ends_with(" timestamp") && !note.starts_with("invalid"));
        assert_eq!(event.original_timestamp.is_some(), is_moved, "{timestamp}");
    };
    check(json!(null), None, RECEIVED, &[]);
    check(
        json!("2026-11-20T18:39:00Z"),
        None,
        "2026-11-20T18:39:00Z",
        &[],
    );
    check(json!(1795199940), None, "2026-11-20T18:39:00Z", &[]);
    check(json!(1_795_199_940.5), None, "2026-11-20T18:39:00.5Z", &[]);
    check(json!("1795199940"), None, "2026-11-20T18:39:00Z", &[]);
    check(
        json!("2026-11-20T18:41:00Z"),
        None,
        "2026-11-20T18:41:00Z",
        &[],
    );
    check(
        json!("2026-11-20T18:41:01Z"),
        None,
        RECEIVED,
        &["future_timestamp timestamp"],
    );
    check(
        json!("2026-01-02T03:04:05"),
        None,
        RECEIVED,
        &["past_timestamp timestamp"],
    );
    check(
        json!("whenever"),
        None,
        RECEIVED,
        &["invalid_data timestamp"],
    );
    check(json!(1e12), None, RECEIVED, &["invalid_data timestamp"]);
    // A clock that is 54 minutes off is believed, one that is 55 minutes off is not.
    check(
        json!("2026-11-20T17:45:00Z"),
        Some("2026-11-20T17:46:00Z"),
        "2026-11-20T17:45:00Z",
        &[],
    );
    check(
        json!("2026-11-20T17:44:00Z"),
        Some("2026-11-20T17:45:00Z"),
        "2026-11-20T18:39:00Z",
        &["clock_drift timestamp"],
    );
    check(
        json!("2026-11-20T20:00:00Z"),
        Some("2026-11-20T20:01:00Z"),
        "2026-11-20T18:39:00Z",
        &["clock_drift timestamp"],
    );
}

#[test]
fn moves_breadcrumbs_with_the_clock() {
    let payload = json!({"message": "m", "timestamp": "2026-11-20T10:00:00Z",
        "breadcrumbs": [{"timestamp": "2026-11-20T09:59:00Z", "level": "log"}]})
    .to_string();
    let receipt = Receipt {
        sent_at: Some(Timestamp::parse("2026-11-20T10:00:00Z").unwrap()),
        ..receipt()
    };
    let event = normalise(payload.as_bytes(), &receipt).unwrap();
    assert_eq!(
        event.breadcrumbs[0].timestamp.unwrap().to_rfc3339(),
        "2026-11-20T18:39:00.000Z"
    );
    assert_eq!(event.breadcrumbs[0].level.as_deref(), Some("info"));
}

#[test]
fn checks_names() {
    let check = |field: &str, value: &str, expected: &str, notes: &[&str]| {
        look(&json!({"message": "m", field: value}), |event| {
            let got = match field {
                "release" => &event.release,
                "environment" => &event.environment,
                "dist" => &event.dist,
                "logger" => &event.logger,
                "transaction" | "culprit" => &event.transaction,
                _ => &event.server_name,
            };
            assert_eq!(text(got), expected, "{field} {value}");
            assert_eq!(corrections(event), notes, "{field} {value}");
        });
    };
    check("release", " shop@1.0 ", "shop@1.0", &[]);
    check("release", "latest", "-", &["invalid_data release"]);
    check("release", "..", "-", &["invalid_data release"]);
    check("release", "a\nb", "-", &["invalid_data release"]);
    check("release", "//", "-", &["invalid_data release"]);
    check("release", "", "-", &[]);
    check("environment", "prod", "prod", &[]);
    check(
        "environment",
        "none",
        "-",
        &["invalid_environment environment"],
    );
    check(
        "environment",
        "a/b",
        "-",
        &["invalid_environment environment"],
    );
    check(
        "environment",
        &"x".repeat(65),
        "-",
        &["invalid_environment environment"],
    );
    check("dist", "42", "42", &[]);
    check("dist", "a b", "-", &["invalid_data dist"]);
    check("dist", &"x".repeat(65), "-", &["value_too_long dist"]);
    check("logger", "shop.cart", "shop.cart", &[]);
    check(
        "logger",
        &format!("{}.service.Cart", "abc.".repeat(20).trim_end_matches('.')),
        "*.abc.abc.abc.abc.abc.abc.abc.abc.abc.abc.abc.abc.service.Cart",
        &[],
    );
    check("transaction", "/checkout", "/checkout", &[]);
    check("culprit", "shop in f", "shop in f", &[]);
    check("server_name", " web-1 ", "web-1", &[]);
}

#[test]
fn puts_parameters_into_messages() {
    let check = |entry: Json, formatted: &str, template: &str| {
        look(&json!({"logentry": entry}), |event| {
            let message = event.message.clone().unwrap_or_default();
            assert_eq!(
                (text(&message.formatted.0), text(&message.message.0)),
                (formatted.to_owned(), template.to_owned()),
                "{entry}"
            );
        });
    };
    check(json!("plain"), "plain", "-");
    check(json!({"message": "only"}), "only", "-");
    check(
        json!({"message": "a %s", "formatted": "a b"}),
        "a b",
        "a %s",
    );
    check(
        json!({"message": "a %s of %d", "params": ["x", 3]}),
        "a x of 3",
        "a %s of %d",
    );
    check(
        json!({"message": "100%% of %s", "params": ["x"]}),
        "100% of x",
        "100%% of %s",
    );
    check(
        json!({"message": "%(who)s left", "params": {"who": "jane"}}),
        "jane left",
        "%(who)s left",
    );
    check(
        json!({"message": "a {} b {1}", "params": ["x", "y"]}),
        "a x b y",
        "a {} b {1}",
    );
    check(
        json!({"message": "{who} left", "params": {"who": "jane"}}),
        "jane left",
        "{who} left",
    );
    check(
        json!({"message": "too few %s %s", "params": ["x"]}),
        "too few x %s",
        "too few %s %s",
    );
    check(json!({"message": "%", "params": []}), "%", "-");
    check(json!({"formatted": "same", "message": "same"}), "same", "-");
    check(json!({"message": "  "}), "-", "-");
}

#[test]
fn puts_tags_right() {
    let check = |tags: Json, key: &str, expected: Option<&str>, notes: &[&str]| {
        look(&json!({"message": "m", "tags": tags}), |event| {
            assert_eq!(event.tag(key), expected, "{tags}");
            assert_eq!(corrections(event), notes, "{tags}");
        });
    };
    check(json!({"a": "b"}), "a", Some("b"), &[]);
    check(json!([["a", "b"], ["a", "c"]]), "a", Some("b"), &[]);
    check(json!([{"key": "a", "value": "b"}]), "a", Some("b"), &[]);
    check(json!({"a b": "c"}), "a-b", Some("c"), &[]);
    check(json!({"a": 17}), "a", Some("17"), &[]);
    check(json!({"a": 1.5}), "a", Some("1.5"), &[]);
    check(json!({"a": " x "}), "a", Some("x"), &[]);
    check(json!({"a": null}), "a", None, &[]);
    check(json!({"ä": "x"}), "ä", None, &["invalid_data tags.ä"]);
    check(json!({"a": ""}), "a", None, &["invalid_data tags.a"]);
    check(json!({"a": "x\ny"}), "a", None, &["invalid_data tags.a"]);
    check(
        json!({"a": "x".repeat(201)}),
        "a",
        None,
        &["value_too_long tags.a"],
    );
    check(json!({"release": "x"}), "release", None, &[]);
    check(json!({"environment": "qa"}), "environment", Some("qa"), &[]);
}

#[test]
fn computes_tags() {
    let event = json!({
        "platform": "javascript", "release": "1.0", "dist": "7", "transaction": "/t", "server_name": "w1",
        "level": "fatal", "logger": "l", "user": {"id": 5, "email": "a@b.c"},
        "request": {"url": "https://x.io/a?b=c", "headers": {"user-agent":
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"}},
        "contexts": {"runtime": {"name": "node", "version": "v20.1.0"}, "replay": {"replay_id": "9ec79c33ec9942ab8353589fcb2e04dc"}},
        "exception": {"type": "E", "mechanism": {"type": "onerror", "handled": false}},
        "tags": {"logger": "mine"},
    });
    let tags = look(&event, |event| {
        let tags = event.tags.iter();
        tags.map(|tag| format!("{}={}", tag.key, tag.value))
            .collect::<Vec<_>>()
    });
    assert_eq!(
        tags,
        [
            "browser=Chrome 126.0.0",
            "browser.name=Chrome",
            "dist=7",
            "handled=no",
            "level=fatal",
            "logger=mine",
            "mechanism=onerror",
            "os=Windows 10",
            "os.name=Windows",
            "release=1.0",
            "replayId=9ec79c33ec9942ab8353589fcb2e04dc",
            "runtime=node 20.1.0",
            "runtime.name=node",
            "server_name=w1",
            "transaction=/t",
            "url=https://x.io/a",
            "user=id:5",
        ]
    );
}

#[test]
fn finds_out_whom_it_met() {
    let check = |event: Json, key: Option<&str>| {
        look(&event, |normal| {
            assert_eq!(normal.user_key(), key, "{event}");
        });
    };
    check(
        json!({"user": {"id": "1", "username": "u", "email": "e"}}),
        Some("id:1"),
    );
    check(
        json!({"user": {"username": "u", "email": "e"}}),
        Some("username:u"),
    );
    check(json!({"user": {"email": "e"}}), Some("email:e"));
    check(
        json!({"user": {"ip_address": "203.0.113.42"}}),
        Some("ip:203.0.113.42"),
    );
    check(json!({"user": {"ip_address": "nowhere"}}), None);
    check(
        json!({"user": {"ip_address": "{{auto}}"}}),
        Some("ip:198.51.100.7"),
    );
    check(json!({"message": "m"}), None);
    check(json!({"platform": "javascript"}), Some("ip:198.51.100.7"));
    check(
        json!({"platform": "javascript", "sdk": {"name": "s", "settings": {"infer_ip": "never"}}}),
        None,
    );
    check(
        json!({"user": {"ip_address": "{{auto}}"}, "sdk": {"name": "s", "settings": {"infer_ip": "never"}}}),
        None,
    );
    check(
        json!({"sdk": {"name": "s", "settings": {"infer_ip": "auto"}}}),
        Some("ip:198.51.100.7"),
    );
    check(
        json!({"request": {"env": {"REMOTE_ADDR": "203.0.113.9"}}}),
        Some("ip:203.0.113.9"),
    );
    look(&json!({"user": {"id": "1", "plan": "gold"}}), |event| {
        assert_eq!(
            event.user.as_ref().unwrap().data.text("plan").as_deref(),
            Some("gold")
        );
    });
}

#[test]
fn takes_requests_apart() {
    let event = json!({"request": {
        "url": "https://x.io/a%20b?q=1&q=2&empty#frag", "method": "post",
        "headers": [["content-type", "text/plain"], ["COOKIE", "a=1; b=x%20y"], ["accept", ["a", "b"]]],
        "data": "card=1&name=J%20D",
    }});
    look(&event, |event| {
        let request = event.request.as_ref().unwrap();
        let pairs = |pairs: &protocol::event::Pairs<'_>| {
            let list = pairs.list.iter();
            list.map(|(key, value)| format!("{key}={}", text(value)))
                .collect::<Vec<_>>()
        };
        assert_eq!(text(&request.url), "https://x.io/a%20b");
        assert_eq!(text(&request.fragment), "frag");
        assert_eq!(text(&request.method), "POST");
        assert_eq!(pairs(&request.query), ["q=1", "q=2", "empty="]);
        assert_eq!(
            pairs(&request.headers),
            ["Accept=a, b", "Content-Type=text/plain"]
        );
        assert_eq!(pairs(&request.cookies), ["a=1", "b=x y"]);
        assert_eq!(
            request.data.as_ref().unwrap().get(),
            r#"{"card":"1","name":"J D"}"#
        );
        assert_eq!(
            text(&request.inferred_content_type),
            "application/x-www-form-urlencoded"
        );
    });
    let body = |data: Json| {
        look(&json!({"request": {"data": data}}), |event| {
            let request = event.request.clone().unwrap();
            (
                request
                    .data
                    .map_or_else(String::new, |data| data.get().to_owned()),
                text(&request.inferred_content_type),
            )
        })
    };
    assert_eq!(
        body(json!("{\"a\":1}")),
        ("{\"a\":1}".to_owned(), "application/json".to_owned())
    );
    assert_eq!(
        body(json!({"a": 1})),
        ("{\"a\":1}".to_owned(), "application/json".to_owned())
    );
    assert_eq!(
        body(json!("just words = text")),
        ("\"just words = text\"".to_owned(), "-".to_owned())
    );
    look(&json!({"request": {"method": "<script>"}}), |event| {
        assert_eq!(corrections(event), ["invalid_data request.method"]);
    });
}

#[test]
fn puts_exceptions_right() {
    let check = |exception: Json, ty: &str, value: &str| {
        look(&json!({"exception": exception}), |event| {
            let one = event.exceptions.first().cloned().unwrap_or_default();
            assert_eq!(
                (text(&one.ty), text(&one.value.0)),
                (ty.to_owned(), value.to_owned()),
                "{exception}"
            );
        });
    };
    check(json!({"type": "E", "value": "v"}), "E", "v");
    check(json!({"value": "E: v"}), "E", "v");
    check(json!({"value": "not a type: v"}), "-", "not a type: v");
    check(json!({"type": "E", "value": {"a": 1}}), "E", "{\"a\":1}");
    check(json!({"type": "E", "value": 5}), "E", "5");
    check(json!({"type": " ", "value": ""}), "-", "-");
    look(
        &json!({"exception": [{"module": "m"}, {"type": "E"}]}),
        |event| {
            assert_eq!(event.exceptions.len(), 1);
            assert_eq!(
                corrections(event),
                ["missing_attribute exception.values.0.type"]
            );
        },
    );
    look(
        &json!({"exception": {"type": "E"}, "stacktrace": {"frames": [{"function": "f"}]}}),
        |event| {
            assert!(event.stacktrace.is_none());
            assert!(event.exceptions[0].stacktrace.is_some());
        },
    );
    let handled = |list: Json| look(&json!({"exception": list}), |event| event.handled);
    assert_eq!(handled(json!([{"type": "E"}])), None);
    assert_eq!(
        handled(json!([{"type": "E", "mechanism": {"handled": true}}])),
        Some(true)
    );
    assert_eq!(
        handled(
            json!([{"type": "E", "mechanism": {"handled": true}}, {"type": "E", "mechanism": {"handled": false}}])
        ),
        Some(false)
    );
}

#[test]
fn completes_frames() {
    let check = |frame: Json, expected: [&str; 3]| {
        look(
            &json!({"platform": "python", "stacktrace": {"frames": [frame]}}),
            |event| {
                let frame = &event.stacktrace.as_ref().unwrap().frames[0];
                assert_eq!(
                    [
                        text(&frame.filename),
                        text(&frame.abs_path),
                        text(&frame.function)
                    ],
                    expected,
                    "{frame:?}"
                );
            },
        );
    };
    check(
        json!({"filename": "a.py", "function": "f"}),
        ["a.py", "a.py", "f"],
    );
    check(
        json!({"abs_path": "/x/a.py", "function": "?"}),
        ["/x/a.py", "/x/a.py", "-"],
    );
    check(
        json!({"abs_path": "https://x.io/s/a.js?v=1"}),
        ["/s/a.js", "https://x.io/s/a.js?v=1", "-"],
    );
    check(
        json!({"filename": "https://x.io/"}),
        ["https://x.io/", "https://x.io/", "-"],
    );
    look(&json!({"stacktrace": {"frames": []}}), |event| {
        assert!(event.stacktrace.is_none());
    });
}

#[test]
fn keeps_the_ends_of_long_stacks() {
    let frames: Vec<_> = (0..300)
        .map(|n| json!({"function": format!("f{n}"), "vars": {"n": n}}))
        .collect();
    look(&json!({"stacktrace": {"frames": frames}}), |event| {
        let stack = event.stacktrace.as_ref().unwrap();
        assert_eq!(stack.frames.len(), 250);
        assert_eq!(stack.frames[49].function.as_deref(), Some("f49"));
        assert_eq!(stack.frames[50].function.as_deref(), Some("f100"));
        assert_eq!(stack.frames[249].function.as_deref(), Some("f299"));
        assert_eq!(stack.frames_omitted.as_ref().unwrap().get(), "[50,100]");
        assert_eq!(
            stack
                .frames
                .iter()
                .filter(|frame| frame.vars.is_some())
                .count(),
            50
        );
        assert!(stack.frames[249].vars.is_some());
    });
}

#[test]
fn knows_the_applications_own_frames() {
    let check = |platform: &str, frame: Json, expected: bool| {
        look(
            &json!({"platform": platform, "stacktrace": {"frames": [frame]}}),
            |event| {
                let frame = &event.stacktrace.as_ref().unwrap().frames[0];
                assert_eq!(frame.in_app, Some(expected), "{platform} {frame:?}");
            },
        );
    };
    let path = |path: &str| json!({"abs_path": path, "function": "f"});
    let module = |module: &str| json!({"module": module, "function": "f"});
    let function = |function: &str| json!({"function": function});
    check("python", path("/srv/app/views.py"), true);
    check(
        "python",
        path("/v/lib/python3.11/site-packages/django/x.py"),
        false,
    );
    check("python", path("/usr/lib/python3/dist-packages/x.py"), false);
    check(
        "python",
        path("/usr/lib/python3.11/asyncio/runners.py"),
        false,
    );
    check("python", path("<frozen importlib._bootstrap>"), false);
    check(
        "python",
        json!({"abs_path": "/srv/app/views.py", "in_app": false}),
        false,
    );
    check(
        "python",
        json!({"abs_path": "/v/site-packages/x.py", "in_app": true}),
        false,
    );
    check(
        "node",
        path("/srv/app/node_modules/express/lib/router.js"),
        false,
    );
    check("node", path("node:internal/process/task_queues"), false);
    check("node", path("/srv/app/index.js"), true);
    check("javascript", path("https://x.io/app.js"), true);
    check("javascript", path("chrome-extension://abc/x.js"), false);
    check(
        "native",
        path("/rustc/5980/library/core/src/panicking.rs"),
        false,
    );
    check(
        "native",
        path("/home/b/.cargo/registry/src/index-1/serde-1.0/src/lib.rs"),
        false,
    );
    check("native", function("shop::cart::add"), true);
    check("native", function("std::rt::lang_start"), false);
    check("native", function("<unknown>"), false);
    check(
        "native",
        json!({"function": "f", "package": "/usr/lib/x86_64-linux-gnu/libc.so.6"}),
        false,
    );
    check(
        "go",
        path("/root/go/pkg/mod/github.com/gin-gonic/gin/context.go"),
        false,
    );
    check("go", path("/srv/app/main.go"), true);
    check("java", module("java.lang.Thread"), false);
    check("java", module("org.springframework.web.Dispatcher"), false);
    check("java", module("kotlin.collections.Map"), false);
    check("java", module("com.shop.Cart"), true);
    check("php", path("/srv/app/vendor/symfony/x.php"), false);
    check("php", path("/srv/app/src/Cart.php"), true);
    check(
        "ruby",
        path("/usr/local/bundle/gems/rails-7/lib/x.rb"),
        false,
    );
    check("ruby", path("/srv/app/cart.rb"), true);
    check("csharp", module("System.Threading.Tasks.Task"), false);
    check("csharp", module("Microsoft.AspNetCore.Mvc"), false);
    check("csharp", module("Shop.Cart"), true);
}

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
fn reads_user_agents() {
    let check = |text: &str, expected: [&str; 3]| {
        let agent = agent::read(text);
        let thing = |thing: &Option<agent::Thing>| {
            thing.as_ref().map_or_else(
                || "-".to_owned(),
                |thing| format!("{} {}", thing.name, thing.version.as_deref().unwrap_or("-")),
            )
        };
        let device = agent.device.as_ref().map_or("-", |device| &device.family);
        assert_eq!(
            [
                thing(&agent.browser).as_str(),
                thing(&agent.os).as_str(),
                device
            ],
            expected,
            "{text}"
        );
    };
    check(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
        ["HeadlessChrome 156.0.0", "Linux -", "-"],
    );
    check(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.68",
        ["Edge 126.0.2592", "Windows 10", "-"],
    );
    check(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
        ["Safari 17.4", "Mac OS X 10.15.7", "Mac"],
    );
    check(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
        ["Mobile Safari 17.4", "iOS 17.4", "iPhone"],
    );
    check(
        "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UD1A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
        ["Chrome Mobile 126.0.0", "Android 14", "Pixel 8"],
    );
    check(
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
        ["Chrome Mobile 126.0.0", "Android 10", "-"],
    );
    check(
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        ["Firefox 127.0", "Ubuntu -", "-"],
    );
    check(
        "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
        ["IE 11.0", "Windows 7", "-"],
    );
    check("curl/8.0", ["- ".trim(), "-", "-"]);
    check("", ["-", "-", "-"]);
}

#[test]
fn takes_the_sdk_from_the_credentials_where_the_event_has_none() {
    look(&json!({"message": "m"}), |event| {
        let sdk = event.sdk.as_ref().unwrap();
        assert_eq!(
            (text(&sdk.name), text(&sdk.version)),
            ("sentry.python".to_owned(), "2.0.0".to_owned())
        );
    });
}

#[test]
fn keeps_errors_that_earlier_programs_noted() {
    look(
        &json!({"message": "m", "errors": [{"type": "js_no_source", "name": "stacktrace", "value": "x"}, 5]}),
        |event| {
            assert_eq!(
                corrections(event),
                ["invalid_data errors.1", "js_no_source stacktrace"]
            );
        },
    );
}

#[test]
fn makes_events_of_policy_reports() {
    let report = |payload: Json| {
        let payload = payload.to_string();
        let receipt = Receipt {
            kind: ItemKind::RawSecurity,
            ..receipt()
        };
        normalise(payload.as_bytes(), &receipt).map(|event| {
            let message = event.message_text().unwrap().to_owned();
            (
                event.kind.name(),
                text(&event.logger),
                text(&event.csp.as_ref().unwrap().effective_directive),
                message,
            )
        })
    };
    let (kind, logger, culprit, message) = report(json!({"csp-report": {"violated-directive": "img-src 'self'", "blocked-uri": "https://x.io/a.png"}})).unwrap();
    assert_eq!(
        (kind, logger.as_str(), culprit.as_str(), message.as_str()),
        ("csp", "csp", "img-src", "Blocked 'img' from 'x.io'")
    );
    let (.., message) = report(json!({"type": "csp-violation", "body": {"effectiveDirective": "script-src-elem", "blockedURL": "inline"}})).unwrap();
    assert_eq!(message, "Blocked inline 'script'");
    assert!(report(json!({"expect-ct-report": {}})).is_err());
    assert!(report(json!({"csp-report": 5})).is_err());
    assert!(report(json!([])).is_err());
}
