//! Tags, the event's own and computed ones.

use super::*;

#[test]
fn puts_tags_right() {
    let check = |tags: Json, key: &str, expected: Option<&str>, notes: &[&str]| {
        look(&json!({"message": "m", "tags": tags}), |event| {
            assert_eq!(event.tag(key), expected, "{tags}");
            assert_eq!(corrections(event), notes, "{tags}");
        });
    };
    check(json!({"a": "b"}), "a", Some("b"), &[]);
    check(json!([["a", "b"], ["a", "b"]]), "a", Some("b"), &[]);
    check(
        json!([["a", "b"], ["a", "c"]]),
        "a",
        Some("b"),
        &["invalid_data tags.a"],
    );
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
    check(
        json!({"release": "x"}),
        "release",
        None,
        &["invalid_data tags.release"],
    );
    check(
        json!({" function ": "x"}),
        "function",
        None,
        &["invalid_data tags.function"],
    );
    check(json!({"environment": "qa"}), "environment", Some("qa"), &[]);
}

#[test]
fn tags_that_the_product_takes_from_elsewhere_are_noted_unless_they_say_the_same() {
    let check = |tags: Json, notes: &[&str]| {
        let event = json!({"message": "m", "release": "r", "environment": "e", "dist": "d",
            "user": {"id": "7"}, "tags": tags});
        look(&event, |event| {
            assert_eq!(event.tag("release"), Some("r"));
            assert_eq!(corrections(event), notes, "{tags}");
        });
    };
    check(
        json!({"release": "r", "environment": "e", "dist": "d", "user": "id:7"}),
        &[],
    );
    check(
        json!({"release": "s", "environment": "f", "user": "8"}),
        &[
            "invalid_data tags.environment",
            "invalid_data tags.release",
            "invalid_data tags.user",
        ],
    );
}

#[test]
fn tags_beyond_the_most_are_told() {
    let tags: serde_json::Map<_, _> = (0..207).map(|n| (format!("t{n:03}"), json!("x"))).collect();
    look(&json!({"message": "m", "tags": tags}), |event| {
        assert_eq!(corrections(event), ["value_too_long tags"]);
        assert_eq!(event.corrections[0].value, Some(json!({"omitted": 7})));
        assert_eq!((event.tag("t199"), event.tag("t200")), (Some("x"), None));
    });
}

#[test]
fn what_a_trace_says_of_the_largest_paint_is_in_tags() {
    let data = json!({"lcp.element": "body > img", "lcp.size": 1200, "lcp.id": "", "lcp.url": {}});
    let event = json!({"message": "m", "tags": {"lcp.size": "7"}, "contexts": {"trace": {
        "trace_id": "4c79f60c11214eb38604f4ae0781bfb2", "span_id": "fa90fdead5f74052", "data": data}}});
    look(&event, |event| {
        let tags = ["lcp.element", "lcp.size", "lcp.id", "lcp.url"].map(|name| event.tag(name));
        assert_eq!(tags, [Some("body > img"), Some("7"), None, None]);
    });
}

#[test]
fn devices_are_of_a_class_by_what_they_say_of_themselves() {
    let check = |device: Json, expected: Option<&str>| {
        let event = json!({ "message": "m", "contexts": { "device": device } });
        look(&event, |event| {
            assert_eq!(event.tag("device.class"), expected, "{device}");
        });
    };
    let device = |megahertz: u32, processors: u32, gib: u64| {
        json!({
            "family": "Pixel", "processor_frequency": megahertz, "processor_count": processors,
            "memory_size": gib << 30,
        })
    };
    check(device(1800, 8, 8), Some("low"));
    check(device(2800, 4, 8), Some("low"));
    check(device(2800, 8, 3), Some("low"));
    check(device(2200, 8, 8), Some("medium"));
    check(device(2800, 8, 4), Some("medium"));
    check(device(2800, 8, 8), Some("high"));
    check(json!({ "family": "Pixel", "processor_count": 8 }), None);
    let mut apple = device(2800, 8, 8);
    apple["family"] = json!("iPhone");
    check(apple, None);
    let mut odd = device(2800, 8, 8);
    odd["memory_size"] = json!("much");
    check(odd, None);
    let own = json!({
        "message": "m", "tags": { "device.class": "low" },
        "contexts": { "device": device(2800, 8, 8) },
    });
    look(&own, |event| {
        assert_eq!(event.tag("device.class"), Some("low"));
    });
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
fn systems_and_runtimes_that_are_told_in_one_text_have_a_name_and_a_version() {
    let check = |raw: &str, expected: Json| {
        let context = json!({"raw_description": raw, "type": "os"});
        let event = json!({"contexts": {"os": context, "runtime": {"raw_description": raw}}});
        look(&event, |event| {
            let os: Json = serde_json::from_str(event.contexts.get("os").unwrap().get()).unwrap();
            let parts = ["name", "version", "build", "kernel_version"];
            let found: Vec<_> = parts
                .iter()
                .map(|part| os[part].as_str().unwrap_or_default())
                .collect();
            assert_eq!(json!(found), expected, "{raw}");
            assert_eq!(os["raw_description"], raw);
            let name = expected[0].as_str().filter(|name| !name.is_empty());
            assert_eq!(event.tag("os.name"), Some(name.unwrap_or(raw)), "{raw}");
        });
    };
    check(
        "Microsoft Windows 10.0.22631",
        json!(["Windows", "11", "22631", ""]),
    );
    check(
        "Windows 11  (10.0.22631) 64bit",
        json!(["Windows", "11", "22631", ""]),
    );
    check(
        "Microsoft Windows NT 10.0.19045.0",
        json!(["Windows", "10", "19045", ""]),
    );
    check(
        "Microsoft Windows 6.1.7601 S",
        json!(["Windows", "7", "7601", ""]),
    );
    check("Windows 95", json!(["Windows", "95", "", ""]));
    check("macOS 14.4", json!(["macOS", "14.4", "", ""]));
    check("Mac OS X 10.14.2", json!(["macOS", "10.14.2", "", ""]));
    check(
        "Darwin 23.4.0 Darwin Kernel Version 23.4.0",
        json!(["Darwin", "", "", "23.4.0"]),
    );
    check(
        "Linux 5.15.0-1-amd64 #1 SMP",
        json!(["Linux", "", "", "5.15.0"]),
    );
    check("iOS 17.5.1", json!(["iOS", "17.5.1", "", ""]));
    check(
        "Android OS 9 / API-28 (PQ1A.181205.002/4906560)",
        json!(["Android", "9", "", ""]),
    );
    check("Ubuntu 22.04.4 LTS", json!(["Ubuntu", "22.04.4", "", ""]));
    check("a thing", json!(["", "", "", ""]));
    check("14", json!(["", "", "", ""]));
    let runtime = |raw: &str, expected: [&str; 2]| {
        let event = json!({"contexts": {"runtime": {"raw_description": raw}}});
        look(&event, |event| {
            let found = [event.tag("runtime.name"), event.tag("runtime")];
            assert_eq!(found, expected.map(Some), "{raw}");
        });
    };
    runtime(
        ".NET Framework 4.8.4250.0",
        [".NET Framework", ".NET Framework 4.8.4250.0"],
    );
    runtime(
        "Mono 5.10.1.47 (2017-12/8eb8f7d5e74)",
        ["Mono", "Mono 5.10.1.47"],
    );
    runtime(".NET 8", [".NET", ".NET 8"]);
    let own = json!({"contexts": {"os": {"name": "Own", "raw_description": "macOS 14.4"}}});
    look(&own, |event| assert_eq!(event.tag("os"), Some("Own")));
}
