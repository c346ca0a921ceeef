//! Exceptions, their stacks and frames.

use super::*;

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
        let noted = event
            .corrections
            .iter()
            .find(|c| c.path.ends_with("frames"));
        assert_eq!(noted.unwrap().value, Some(json!({"omitted": 50})));
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
    check("other", path("package:shop/home.dart"), true);
    check(
        "other",
        json!({"abs_path": "<asynchronous suspension>"}),
        false,
    );
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
fn leaves_out_stacks_without_frames_and_says_so() {
    look(
        &json!({"exception": {"type": "E", "stacktrace": {"frames": []}}, "threads": [{"id": 1, "stacktrace": {}}]}),
        |event| {
            assert!(event.exceptions[0].stacktrace.is_none());
            assert!(event.threads[0].stacktrace.is_none());
            assert_eq!(
                corrections(event),
                ["invalid_data exception.values.0.stacktrace"]
            );
        },
    );
}

#[test]
fn says_where_details_were_left_out() {
    let frames: Vec<_> = (0..60)
        .map(|n| json!({"function": format!("f{n}"), "vars": {"n": n}}))
        .collect();
    look(&json!({"stacktrace": {"frames": frames}}), |event| {
        let paths: Vec<_> = event.remarks.iter().map(|remark| &*remark.path).collect();
        assert_eq!(paths.len(), 10);
        assert!(paths.contains(&"stacktrace.frames.0.vars"));
        assert!(!paths.contains(&"stacktrace.frames.10.vars"));
    });
}

#[test]
fn names_the_numbers_of_systems() {
    let check = |os: &str, meta: Json, expected: Json| {
        let event = json!({"platform": "native", "contexts": {"os": {"name": os}},
            "exception": {"type": "E", "mechanism": {"meta": meta}}});
        look(&event, |event| {
            let mechanism = event.exceptions[0].mechanism.as_ref().unwrap();
            let meta: Json = serde_json::from_str(mechanism.meta.as_ref().unwrap().get()).unwrap();
            assert_eq!(meta, expected, "{os}");
        });
    };
    let signal = json!({"signal": {"number": 11, "code": 2}});
    check(
        "Linux",
        signal.clone(),
        json!({"signal": {"number": 11, "code": 2, "name": "SIGSEGV", "code_name": "SEGV_ACCERR"}}),
    );
    check(
        "macOS",
        json!({"signal": {"number": 10}, "errno": {"number": 61}, "mach_exception": {"exception": 1}}),
        json!({"signal": {"number": 10, "name": "SIGBUS"}, "errno": {"number": 61, "name": "ECONNREFUSED"},
            "mach_exception": {"exception": 1, "name": "EXC_BAD_ACCESS"}}),
    );
    check("Windows", signal.clone(), signal);
    check(
        "Linux",
        json!({"signal": {"number": 11, "name": "mine"}, "errno": {"number": -1}}),
        json!({"signal": {"number": 11, "name": "mine"}, "errno": {"number": -1}}),
    );
    check("Linux", json!({"signal": 5}), json!({"signal": 5}));
}

#[test]
fn knows_the_kinds_of_images() {
    let images = json!([{"type": "apple", "uuid": "a"}, {"type": "elf"}, {"type": "floppy"}, 5]);
    look(
        &json!({"message": "m", "debug_meta": {"images": images}}),
        |event| {
            let meta = event.debug_meta.as_ref().unwrap();
            let images: Json = serde_json::from_str(meta.images.as_ref().unwrap().get()).unwrap();
            assert_eq!(
                images,
                json!([{"type": "macho", "uuid": "a"}, {"type": "elf"}])
            );
            assert_eq!(
                corrections(event),
                [
                    "invalid_data debug_meta.images.2.type",
                    "invalid_data debug_meta.images.3.type"
                ]
            );
        },
    );
}
