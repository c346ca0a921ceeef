//! Real SDKs, as an application uses them: what they raise is on the API with all its parts.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::process::program;
use tests::site::Site;

fn sdk_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}

/// What every SDK must get through.
struct Expected {
    platform: &'static str,
    /// Type of the outer exception.
    kind: &'static str,
    /// Type of its cause.
    cause: &'static str,
    /// A function of the program that is in the stack.
    function: &'static str,
    release: &'static str,
}

/// Runs the program, which prints the id of the event it raised, and looks at the event.
async fn check(mut command: Command, expected: &Expected) {
    let site = Site::start().await.unwrap();
    let output = command
        .env("SENTRY_DSN", site.dsn())
        .arg("mark-7391")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let event_id = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .replace('-', "");
    assert_eq!(event_id.len(), 32, "the SDK gave no event id: {event_id:?}");

    let event = site
        .api()
        .event(site.org(), site.project(), &event_id)
        .await
        .unwrap();
    let text = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    assert_eq!(text("/platform"), expected.platform);
    assert_eq!(text("/user/id"), "u-1");
    assert_eq!(text("/user/username"), "jane");
    assert_eq!(tag(&event, "customer.tier"), "gold");
    assert_eq!(tag(&event, "release"), expected.release);
    assert_eq!(tag(&event, "environment"), "staging");

    let exceptions = entry(&event, "exception");
    let values = exceptions["values"].as_array().unwrap();
    let kinds: Vec<_> = values
        .iter()
        .filter_map(|value| value["type"].as_str())
        .collect();
    assert!(kinds.contains(&expected.kind), "{kinds:?}");
    assert!(kinds.contains(&expected.cause), "{kinds:?}");
    let outer = values
        .iter()
        .find(|value| value["type"] == expected.kind)
        .unwrap();
    assert!(
        outer["value"].as_str().unwrap().contains("mark-7391"),
        "{outer}"
    );
    let all = exceptions.to_string() + &entry(&event, "threads").to_string();
    assert!(
        all.contains(expected.function),
        "no frame of {}: {all}",
        expected.function
    );
    assert!(
        entry(&event, "breadcrumbs")
            .to_string()
            .contains("added item 7")
    );
    assert!(
        !event.to_string().contains("4111111111111111"),
        "the card number came through"
    );

    let issues = site.api().issues(site.org(), "mark-7391", 1).await.unwrap();
    let title = issues[0]["title"].as_str().unwrap();
    assert!(title.starts_with(expected.kind), "{title}");
}

fn tag<'e>(event: &'e Value, key: &str) -> &'e str {
    let tags = event["tags"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let found = tags.iter().find(|tag| tag["key"] == key);
    found
        .and_then(|tag| tag["value"].as_str())
        .unwrap_or_default()
}

fn entry(event: &Value, kind: &str) -> Value {
    let entries = event["entries"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let found = entries.iter().find(|entry| entry["type"] == kind);
    found.map(|entry| entry["data"].clone()).unwrap_or_default()
}

#[tokio::test]
async fn python() {
    let mut command = Command::new("python3");
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sdk/python");
    command
        .arg(sdk_dir().join("raise.py"))
        .env("PYTHONPATH", packages);
    let expected = Expected {
        platform: "python",
        kind: "PaymentError",
        cause: "ValueError",
        function: "checkout",
        release: "shop-api@1.4.2",
    };
    check(command, &expected).await;
}

#[tokio::test]
async fn node() {
    let mut command = Command::new("node");
    command.arg(sdk_dir().join("raise.mjs"));
    let expected = Expected {
        platform: "node",
        kind: "PaymentError",
        cause: "RangeError",
        function: "checkout",
        release: "shop-node@3.1.0",
    };
    check(command, &expected).await;
}

#[tokio::test]
async fn browser() {
    let mut command = Command::new("node");
    command.arg(sdk_dir().join("browser/run.mjs"));
    let expected = Expected {
        platform: "javascript",
        kind: "PaymentError",
        cause: "RangeError",
        function: "charge",
        release: "web@2026.1.0",
    };
    check(command, &expected).await;
}

#[tokio::test]
async fn rust() {
    let command = Command::new(program("raise-rust").unwrap());
    let expected = Expected {
        platform: "native",
        kind: "PaymentError",
        cause: "ParseIntError",
        function: "main",
        release: "shop-rust@0.9.0",
    };
    check(command, &expected).await;
}
