//! Crash reports of Apple's systems, in each of their forms.

use protocol::limits::EVENT_BYTES_MAX;
use serde_json::{Value, json};

use super::super::*;
use super::crashes::{completed, errors, file};
use super::payload;

const SEGFAULT: &str = include_str!("../../../fixtures/apple/segfault.crash");
const RAISED: &str = include_str!("../../../fixtures/apple/raised.crash");
const TRAP: &str = include_str!("../../../fixtures/apple/trap.ips");

fn report(text: impl Into<Bytes>) -> EnvelopeItem {
    file(Some("event.applecrashreport"), "a.crash", text)
}

/// The event that a report alone becomes.
fn event(text: &str) -> Value {
    let made = completed(vec![report(text.to_owned())]);
    assert_eq!(made.items[1].payload, text, "the report is kept");
    payload(&made, &ItemKind::Event)
}

/// Function, image and line of each call, the last first.
fn calls(stack: &Value) -> Vec<(Option<&str>, Option<&str>, Option<u64>)> {
    let frames = stack["frames"].as_array().unwrap().iter().rev();
    frames
        .map(|frame| {
            let image = frame["package"].as_str();
            assert!(image.is_some() || !frame["image_addr"].is_string());
            let image = image.map(|image| image.rsplit('/').next().unwrap());
            (frame["function"].as_str(), image, frame["lineno"].as_u64())
        })
        .collect()
}

#[test]
fn a_report_in_text_is_a_crash_with_its_stack_threads_and_images() {
    let event = event(SEGFAULT);
    let crash = &event["exception"]["values"][0];
    let what = (&crash["type"], &crash["value"]);
    assert_eq!(
        what,
        (
            &json!("EXC_BAD_ACCESS"),
            &json!("KERN_INVALID_ADDRESS at 0x0000000000000010")
        )
    );
    assert_eq!(
        crash["mechanism"],
        json!({"type": "applecrashreport", "handled": false, "meta": {
            "mach_exception": {"name": "EXC_BAD_ACCESS"}, "signal": {"name": "SIGSEGV"}}})
    );
    let app = Some("Shop Floor");
    let expected = [
        (Some("-[Till charge:with:]"), app, Some(42)),
        (None, app, None),
        (
            Some("_pthread_start"),
            Some("libsystem_pthread.dylib"),
            None,
        ),
        (None, None, None),
    ];
    assert_eq!(calls(&crash["stacktrace"]), expected);
    let last = &crash["stacktrace"]["frames"][3];
    assert_eq!(last["instruction_addr"], "0x100a05e60");
    assert_eq!(last["symbol_addr"], "0x100a05e00");
    assert_eq!(last["image_addr"], "0x100a00000");
    assert_eq!(last["filename"], "Till.m");
    let threads = event["threads"]["values"].as_array().unwrap();
    let names: Vec<_> = threads
        .iter()
        .map(|one| (&one["id"], &one["name"], &one["crashed"]))
        .collect();
    let expected = [
        (&json!(1), &json!("charge"), &json!(true)),
        (
            &json!(0),
            &json!("Dispatch queue: com.apple.main-thread"),
            &json!(false),
        ),
    ];
    assert_eq!(names, expected);
    let main = calls(&threads[1]["stacktrace"]);
    assert_eq!(main[2], (Some("main"), app, Some(14)));
    let images = event["debug_meta"]["images"].as_array().unwrap();
    assert_eq!(images.len(), 4);
    let image = json!({"type": "macho", "code_id": "3ab1e9b3c6c83fb0ad9a3bb6a4a2ab11",
        "code_file": "/private/var/containers/Bundle/Application/5C8E1B2A-0F3D-4E5C-8B7A-9D6E5F4C3B2A/Shop Floor.app/Shop Floor",
        "debug_id": "3ab1e9b3-c6c8-3fb0-ad9a-3bb6a4a2ab11", "image_addr": "0x100a00000", "image_size": 49152});
    assert_eq!(images[0], image);
    assert_eq!(
        (
            &event["platform"],
            &event["level"],
            &event["release"],
            &event["dist"]
        ),
        (
            &json!("native"),
            &json!("fatal"),
            &json!("com.example.shop@3.4+12"),
            &json!("12")
        )
    );
    assert_eq!(event["timestamp"], "2026-11-20T19:21:03.8512+01:00");
    let contexts = json!({
        "os": {"name": "iOS", "version": "14.8", "build": "18H17"},
        "device": {"arch": "arm64", "model": "iPhone12,1"},
        "app": {"app_name": "Shop Floor", "app_identifier": "com.example.shop", "app_version": "3.4", "app_build": "12"},
    });
    assert_eq!(event["contexts"], contexts);
}

#[test]
fn an_exception_that_nobody_caught_is_shown_by_its_name_where_it_was_raised() {
    let event = event(RAISED);
    let crash = &event["exception"]["values"][0];
    assert_eq!(crash["type"], "NSRangeException");
    assert_eq!(
        crash["value"],
        "*** -[__NSArrayM objectAtIndex:]: index 7 beyond bounds [0 .. 2]"
    );
    let expected = [
        (None, Some("CoreFoundation"), None),
        (None, Some("Ledger"), None),
        (None, Some("libdyld.dylib"), None),
    ];
    assert_eq!(calls(&crash["stacktrace"]), expected);
    let threads = &event["threads"]["values"];
    assert_eq!(
        calls(&threads[0]["stacktrace"])[2],
        (Some("Ledger::close(int)"), Some("Ledger"), None)
    );
    assert_eq!(
        event["contexts"]["os"],
        json!({"name": "macOS", "version": "10.15.7", "build": "19H2"})
    );
    assert_eq!(event["release"], "com.example.ledger@2.1+210");
}

#[test]
fn a_report_in_json_says_the_same() {
    let (_, whole) = TRAP.split_once('\n').unwrap();
    for text in [TRAP, whole] {
        let event = event(text);
        let crash = &event["exception"]["values"][0];
        assert_eq!(crash["type"], "EXC_BREAKPOINT");
        assert_eq!(
            crash["value"],
            "Shop/Till.swift:42: Fatal error: Unexpectedly found nil while unwrapping an Optional value"
        );
        let expected = [
            (
                Some("_assertionFailure(_:_:file:line:flags:)"),
                Some("libswiftCore.dylib"),
                None,
            ),
            (Some("Till.charge(_:)"), Some("Shop"), Some(42)),
            (None, Some("Shop"), None),
        ];
        assert_eq!(calls(&crash["stacktrace"]), expected);
        let last = &crash["stacktrace"]["frames"][1];
        assert_eq!(
            (&last["instruction_addr"], &last["symbol_addr"]),
            (&json!("0x100a05e60"), &json!("0x100a05e00"))
        );
        let threads = event["threads"]["values"].as_array().unwrap();
        assert_eq!(
            (&threads[0]["id"], &threads[1]["name"]),
            (&json!(101), &json!("com.apple.main-thread"))
        );
        assert_eq!(
            event["debug_meta"]["images"][0]["debug_id"],
            "3ab1e9b3-c6c8-3fb0-ad9a-3bb6a4a2ab11"
        );
        assert_eq!(event["release"], "com.example.shop@3.4+12");
        assert_eq!(
            event["contexts"]["device"],
            json!({"arch": "arm64", "model": "iPhone14,2"})
        );
        assert_eq!(
            event["contexts"]["os"],
            json!({"name": "iOS", "version": "17.1", "build": "21B74"})
        );
    }
}

#[test]
fn a_report_in_text_may_have_a_line_of_json_in_front() {
    let (head, _) = TRAP.split_once('\n').unwrap();
    let event = event(&format!("{head}\n{SEGFAULT}"));
    assert_eq!(event["exception"]["values"][0]["type"], "EXC_BAD_ACCESS");
}

#[test]
fn what_a_client_says_of_its_crash_counts_more_than_the_report() {
    let own = json!({"release": "shop@9", "contexts": {"os": {"name": "iPadOS"}},
        "exception": {"values": [{"type": "Mine"}]}});
    let own = item(ItemKind::Event, Bytes::from(own.to_string()));
    let made = completed(vec![own, report(SEGFAULT)]);
    let event = payload(&made, &ItemKind::Event);
    assert_eq!(
        (&event["release"], &event["contexts"]["os"]),
        (&json!("shop@9"), &json!({"name": "iPadOS"}))
    );
    let crash = &event["exception"]["values"][0];
    assert_eq!(crash["type"], "Mine");
    assert_eq!(calls(&crash["stacktrace"]).len(), 4);
}

#[test]
fn an_event_that_would_become_too_large_stays_as_it_came() {
    let own = format!("{{\"message\":\"{}\"}}", "x".repeat(EVENT_BYTES_MAX - 100));
    let made = completed(vec![
        item(ItemKind::Event, Bytes::from(own.clone())),
        report(SEGFAULT),
    ]);
    assert_eq!(made.items[0].payload, own);
}

#[test]
fn a_report_that_cannot_be_read_is_a_crash_all_the_same() {
    let hostile = format!("{{\"threads\":[{}0]}}", "{\"\":0},".repeat(450_000));
    for text in [
        "",
        "lorem",
        "{",
        "{}",
        "{}\n[]",
        "Exception Type:",
        hostile.as_str(),
    ] {
        let event = event(text);
        let crash = &event["exception"]["values"][0];
        assert_eq!(
            (&crash["type"], &crash["value"]),
            (&json!("Crash"), &json!("native crash")),
            "{text:.20}"
        );
        assert_eq!(
            errors(&event),
            [("invalid_crash_report", "a.crash")],
            "{text:.20}"
        );
    }
}

#[test]
fn a_report_without_end_becomes_an_event_of_some_size() {
    let frame = format!(
        "0   {}\t0x0000000100a05e60 {} + 96\n",
        "i\"".repeat(500),
        "\u{1f600}".repeat(1000)
    );
    let thread = |n: usize| format!("Thread {n}:\n{}\n", frame.repeat(300));
    let threads: String = (1..8).map(thread).collect();
    let images = "0x1 - 0x2 a arm64 <3ab1e9b3c6c83fb0ad9a3bb6a4a2ab11> /a\n".repeat(3000);
    let text = format!(
        "Exception Type: EXC_CRASH (SIGKILL)\nTriggered by Thread: 7\n\n{threads}\nBinary Images:\n{images}"
    );
    let event = event(&text);
    assert!(
        event.to_string().len() < 1024 * 1024,
        "{}",
        event.to_string().len()
    );
    let threads = event["threads"]["values"].as_array().unwrap();
    assert_eq!((threads.len(), &threads[0]["id"]), (7, &json!(7)));
}
