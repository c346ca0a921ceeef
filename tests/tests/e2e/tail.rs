//! Programs that have no SDK: what they print when they crash becomes an error of their project.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::site::Site;

const PYTHON: &str = r#"
def charge(amount):
    raise ValueError(f"mark-9914 card 4111111111111111 has no {amount}")

def pay():
    try:
        charge(12)
    except ValueError as error:
        raise RuntimeError("mark-9913 no payment") from error

print("started", flush=True)
pay()
"#;

const NODE: &str = r#"
function charge(amount) {
  throw new RangeError(`mark-9915 ${amount} is too much`);
}
console.error("started");
charge(12);
"#;

/// Runs a program whose errors go to the log, as a service manager would.
fn crash(log: &Path, program: &str, script: &Path, text: &str) {
    fs::write(script, text).unwrap();
    let open = || -> File {
        let mut open = OpenOptions::new();
        open.append(true).create(true).open(log).unwrap()
    };
    let status = Command::new(program)
        .arg(script)
        .stdout(open())
        .stderr(open())
        .status()
        .unwrap();
    assert!(!status.success(), "{program} does not crash");
}

fn exceptions(event: &Value) -> Vec<Value> {
    let entries = event["entries"].as_array().unwrap().iter();
    let of = entries
        .filter(|entry| entry["type"] == "exception")
        .map(|entry| entry["data"]["values"].as_array().unwrap().clone());
    of.flatten().collect()
}

async fn found(site: &Site, mark: &str) -> Value {
    let issues = site.api().issues(site.org(), mark, 1).await.unwrap();
    assert_eq!(issues[0]["count"], "1", "{mark}");
    let id = issues[0]["id"].as_str().unwrap();
    let path = format!("organizations/{}/issues/{id}/events/latest/", site.org());
    site.api().get(&path).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_in_a_log_file_become_errors_once_and_clean() {
    let mut site = Site::start().await.unwrap();
    let log = site.dir().join("shop.log");
    fs::write(&log, "words of before\n").unwrap();
    let config = site.dir().join("relay.toml");
    let text = fs::read_to_string(&config).unwrap();
    let tail = format!(
        "{text}[tail]\ndsn = \"{}\"\nfiles = [\"{}\"]\nenvironment = \"staging\"\npoll_interval = \"100ms\"\n",
        site.dsn(),
        log.display()
    );
    fs::write(&config, tail).unwrap();
    site.terminate_relay().await.unwrap();
    site.start_relay().await.unwrap();

    crash(&log, "python3", &site.dir().join("pay.py"), PYTHON);
    let event = found(&site, "mark-9913").await;
    assert_eq!(event["platform"], "python");
    let chain = exceptions(&event);
    let types: Vec<_> = chain.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["ValueError", "RuntimeError"]);
    let frames = chain[0]["stacktrace"]["frames"].as_array().unwrap();
    assert_eq!(frames.last().unwrap()["function"], "charge");
    assert!(event.to_string().contains("staging"));
    assert!(!event.to_string().contains("4111111111111111"));

    // What is written while the relay is away, to a file that is moved away, comes once too.
    site.terminate_relay().await.unwrap();
    crash(&log, "node", &site.dir().join("pay.cjs"), NODE);
    fs::rename(&log, site.dir().join("shop.log.1")).unwrap();
    fs::write(&log, "a new file\n").unwrap();
    site.start_relay().await.unwrap();
    let event = found(&site, "mark-9915").await;
    assert_eq!(event["platform"], "node");
    let chain = exceptions(&event);
    assert_eq!(chain[0]["type"], "RangeError");
    let frames = chain[0]["stacktrace"]["frames"].as_array().unwrap();
    assert_eq!(frames.last().unwrap()["function"], "charge");
    found(&site, "mark-9913").await;
    site.assert_ledger_balances().await.unwrap();
    site.still_runs().unwrap();
}
