//! Real SDKs, as an application uses them: what they raise is on the API with all its parts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tests::process::program;
use tests::site::Site;
use tests::wait::until;

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

/// Runs a program that has to succeed, and gives what it prints.
fn output(command: &mut Command, site: &Site) -> String {
    let output = command.env("SENTRY_DSN", site.dsn()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What is kept of a project beside its events, once there is so much of it.
async fn kept(site: &Site, query: &str, n: usize) -> Vec<Value> {
    let (org, project) = (site.org(), site.project());
    let path = format!("projects/{org}/{project}/vedette/items/?{query}");
    let found = until("items are kept", Duration::from_secs(30), async || {
        let items = site.api().get(&path).await.ok()?;
        let items = items.as_array().cloned().unwrap_or_default();
        (items.len() >= n).then_some(items)
    });
    found.await.unwrap()
}

/// The command line client: an event from a shell, one from a file, and a job that it watches.
#[tokio::test]
async fn sentry_cli() {
    let site = Site::start().await.unwrap();
    let cli = |arguments: &[&str]| {
        let mut command = Command::new(sdk_dir().join("node_modules/.bin/sentry-cli"));
        output(command.args(arguments), &site)
    };
    let said = cli(&[
        "send-event",
        "--message=mark-8120 of %s",
        "--message-arg=a shell",
        "--level=warning",
        "--release=shell@1.0",
        "--env=staging",
        "--tag=customer.tier:gold",
        "--user=id:u-1",
        "--no-environ",
    ]);
    let id: String = said.chars().filter(char::is_ascii_hexdigit).collect();
    let id = id.get(id.len().saturating_sub(32)..).unwrap().to_owned();
    let event = site
        .api()
        .event(site.org(), site.project(), &id)
        .await
        .unwrap();
    assert_eq!(event["message"], "mark-8120 of a shell");
    assert_eq!(event["level"], "warning");
    assert_eq!(tag(&event, "customer.tier"), "gold");
    assert_eq!(tag(&event, "release"), "shell@1.0");
    assert_eq!(tag(&event, "user"), "id:u-1");

    let file = site.dir().join("one.envelope");
    let envelope = tests::api::envelope(&json!({"message": "mark-8121 of a file"}));
    std::fs::write(&file, envelope).unwrap();
    cli(&["send-envelope", "--raw", file.to_str().unwrap()]);
    site.api().issues(site.org(), "mark-8121", 1).await.unwrap();

    cli(&["monitors", "run", "nightly", "--", "true"]);
    let check_ins = kept(&site, "kind=check_in&name=nightly", 2).await;
    let states: Vec<_> = check_ins
        .iter()
        .filter_map(|item| item["facts"]["status"].as_str())
        .collect();
    assert_eq!(states, ["ok", "in_progress"]);
}

/// OpenTelemetry's own exporter.
#[tokio::test]
async fn opentelemetry() {
    let site = Site::start().await.unwrap();
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sdk/python");
    let mut command = Command::new("python3");
    command
        .args([sdk_dir().join("spans.py").as_os_str(), "mark-5512".as_ref()])
        .env("PYTHONPATH", packages);
    let trace = output(&mut command, &site);
    let spans = kept(&site, &format!("kind=span&trace={}", trace.trim()), 2).await;
    let all = Value::from(spans).to_string();
    assert!(all.contains("GET /checkout mark-5512"), "{all}");
    assert!(all.contains("SELECT orders"), "{all}");
}
