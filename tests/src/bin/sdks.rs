//! `make test-sdks`: SDKs of earlier years, as applications still use them, from their requests to
//! the hub's API.
//!
//! Each sends an error with a breadcrumb, a tag and a user, and a transaction and a session where
//! it can. The programs are in `tests/sdk/legacy`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tests::api::VISIBLE_WITHIN;
use tests::site::Site;
use tests::wait::until;

/// An SDK, by the name that its program knows, and the directory of its Python packages.
const SDKS: [(&str, Option<&str>); 8] = [
    ("raven", Some("raven")),
    ("sentry1", Some("sentry1")),
    ("raven", None),
    ("raven-js", None),
    ("node5", None),
    ("node7", None),
    ("node8", None),
    ("node10", None),
];

/// What a program says it sent.
struct Told {
    event: String,
    transaction: bool,
    session: bool,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what passed is what it is run for")]
async fn main() -> anyhow::Result<()> {
    for (sdk, python) in SDKS {
        let language = if python.is_some() {
            "Python"
        } else {
            "JavaScript"
        };
        let site = Site::start().await?;
        let checked = check(&site, sdk, python).await;
        checked.with_context(|| format!("{sdk} of {language}"))?;
        println!("{sdk} of {language} passed");
    }
    Ok(())
}

async fn check(site: &Site, sdk: &str, python: Option<&str>) -> anyhow::Result<()> {
    let told = run(site, sdk, python)?;
    let event = site.api().event(site.org(), site.project(), &told.event);
    let event = event.await?;
    let text = event.to_string();
    for part in [
        "PaymentError",
        "added item 7",
        "customer.tier",
        "gold",
        "legacy@1.0.0",
        "staging",
    ] {
        ensure!(text.contains(part), "the event lacks {part}: {text}");
    }
    ensure!(
        event.pointer("/user/id") == Some(&Value::from("u-1")),
        "the event has another user"
    );
    ensure!(
        !text.contains("4111111111111111"),
        "the card's number came through"
    );
    site.api().issues(site.org(), MARK, 1).await?;
    if told.transaction {
        let kept = item(site, "transaction").await?;
        let name = kept.get("name").and_then(Value::as_str);
        ensure!(
            name.is_some_and(|name| name.contains("checkout")),
            "another transaction: {kept}"
        );
    }
    if told.session {
        let kept = item(site, "session").await?;
        ensure!(
            kept.pointer("/facts/release") == Some(&Value::from("legacy@1.0.0")),
            "another session: {kept}"
        );
    }
    site.assert_ledger_balances().await
}

/// What every program puts into its error's message.
const MARK: &str = "mark-7391";

/// Runs the program of an SDK.
fn run(site: &Site, sdk: &str, python: Option<&str>) -> anyhow::Result<Told> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = root.join("sdk/legacy");
    let mut command = match python {
        Some(packages) => {
            let packages: PathBuf = root.join("../target/sdk").join(packages);
            let mut command = Command::new("python3");
            command.arg(dir.join("send.py")).env("PYTHONPATH", packages);
            command
        }
        None => {
            let mut command = Command::new("node");
            command.arg(dir.join("send.mjs"));
            command
        }
    };
    // Clients of the oldest kind have a secret too, and do without it no more than with it.
    let dsn = match (sdk, python) {
        ("raven", Some(_)) => with_secret(site.dsn()),
        _ => site.dsn().to_owned(),
    };
    let output = command.args([sdk, MARK]).env("SENTRY_DSN", dsn).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the program ended with an error: {errors}"
    );
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let is = |name: &str| told.get(name) == Some(&Value::Bool(true));
    let event = told.get("event").and_then(Value::as_str);
    Ok(Told {
        event: event.context("the SDK gave no event id")?.replace('-', ""),
        transaction: is("transaction"),
        session: is("session"),
    })
}

fn with_secret(dsn: &str) -> String {
    dsn.replacen('@', &format!(":{}@", "5".repeat(32)), 1)
}

/// The first item of a kind, once there is one.
async fn item(site: &Site, kind: &str) -> anyhow::Result<Value> {
    let path = format!(
        "projects/{}/{}/vedette/items/?kind={kind}",
        site.org(),
        site.project()
    );
    until("the item", VISIBLE_WITHIN, || async {
        let items = site.api().get(&path).await.ok()?;
        items.as_array()?.first().cloned()
    })
    .await
}
