//! Everything that real clients send, by every address: answered as they expect, kept, found
//! through the API by what is known of it, counted to the unit, and cleaned.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use protocol::check_in;
use serde_json::{Value, json};
use tests::api::VISIBLE_WITHIN;
use tests::load::corpus_dir;
use tests::site::Site;
use tests::wait::until;

use super::recordings::{RECORDED_KEY, SECRETS, assert_nowhere, replay};

/// What was sent, by kind, and what was answered.
struct Sent {
    recordings: Vec<Value>,
    /// Ids that crash uploads were answered with, and their files.
    crashes: Vec<(String, BTreeSet<String>)>,
}

impl Sent {
    /// Items of a kind that were taken, each with its recording.
    fn items<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a Value, &'a Value)> {
        let taken = self
            .recordings
            .iter()
            .filter(|r| r["status"].as_u64() < Some(300));
        taken.flat_map(move |recording| {
            let items = recording["items"].as_array().unwrap().iter();
            items
                .filter(move |item| item["type"] == kind)
                .map(move |item| (recording, item))
        })
    }

    fn records(&self, kind: &str) -> u64 {
        let records = self
            .items(kind)
            .filter_map(|(_, item)| item["records"].as_u64());
        records.sum()
    }
}

async fn send_all(site: &Site) -> Sent {
    let index = fs::read_to_string(corpus_dir().join("index.json")).unwrap();
    let recordings: Vec<Value> = serde_json::from_str(&index).unwrap();
    assert!(recordings.len() > 200);
    let mut crashes = Vec::new();
    for recording in &recordings {
        let response = replay(site, recording).await;
        let name = &recording["name"];
        let status = u64::from(response.status().as_u16());
        let text = response.text().await.unwrap();
        assert_eq!(Some(status), recording["status"].as_u64(), "{name} {text}");
        let item = &recording["items"][0];
        if item["type"] == "minidump" {
            assert_eq!(text.len(), 36, "{name}: {text}");
            let files = item["files"].as_array().unwrap().iter();
            let files = files.map(|file| file.as_str().unwrap().to_owned());
            crashes.push((text.replace('-', ""), files.collect()));
        } else if let Some(id) = recording["event_id"].as_str()
            && status == 200
            && recording["method"] == "POST"
        {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["id"], id, "{name}");
        }
    }
    Sent {
        recordings,
        crashes,
    }
}

/// Every item of a kind that is kept.
async fn kept(site: &Site, kind: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!(
            "projects/{}/{}/vedette/items/?kind={kind}&limit=100{cursor}",
            site.org(),
            site.project()
        );
        let page = site.api().get(&path).await.unwrap();
        let page = page.as_array().unwrap().clone();
        let is_last = page.len() < 100;
        if let Some(last) = page.last() {
            cursor = format!("&cursor=0:{}:0", last["id"].as_str().unwrap());
        }
        all.extend(page);
        if is_last {
            return all;
        }
    }
}

fn texts(items: &[Value], path: &str) -> BTreeSet<String> {
    items
        .iter()
        .map(|item| text(item.pointer(path).unwrap_or(&Value::Null)))
        .collect()
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_clients_send_is_answered_kept_found_and_counted() {
    let mut site = Site::start_with_key(RECORDED_KEY).await.unwrap();
    let sent = send_all(&site).await;
    let mut events: BTreeSet<String> = BTreeSet::new();
    for kind in ["event", "feedback"] {
        for (recording, item) in sent.items(kind) {
            let id = recording["event_id"].as_str().or(item["event_id"].as_str());
            events.extend(id.map(|id| id.replace('-', "")));
        }
    }
    let n_reports = sent.items("csp-report").count();
    let n_events = events.len() + sent.crashes.len() + n_reports;
    site.settled_at_least(n_events).await.unwrap();
    check_events(&site, &events, n_reports).await;
    check_crashes(&site, &sent).await;
    check_containers(&site, &sent).await;
    check_sessions(&site, &sent).await;
    check_others(&site, &sent).await;
    check_counts(&site, &sent).await;
    for secret in SECRETS {
        assert_nowhere(site.dir(), secret);
    }
    site.still_runs().unwrap();
}

async fn check_events(site: &Site, events: &BTreeSet<String>, n_reports: usize) {
    for id in events {
        site.api()
            .event(site.org(), site.project(), id)
            .await
            .unwrap();
    }
    let stored = site.stored_event_ids().await.unwrap();
    let mut n_csp = 0;
    for id in stored.iter().filter(|id| !events.contains(*id)) {
        let event = site
            .api()
            .event(site.org(), site.project(), id)
            .await
            .unwrap();
        if event["type"] == "csp" {
            n_csp += 1;
            assert_eq!(event["release"]["version"], "web@2026.1.0");
            let tags = event["tags"].as_array().unwrap();
            let environment = tags.iter().find(|tag| tag["key"] == "environment");
            assert_eq!(environment.unwrap()["value"], "staging");
        }
    }
    assert_eq!(n_csp, n_reports);
}

/// What the dump says is the event's.
fn check_crash(event: &Value) {
    let entries = event["entries"].as_array().unwrap();
    let data = |kind: &str| {
        let entry = entries.iter().find(|entry| entry["type"] == kind);
        &entry.unwrap()["data"]
    };
    let exception = &data("exception")["values"][0];
    assert_eq!(exception["type"], "SIGSEGV / SEGV_MAPERR");
    assert_eq!(exception["mechanism"]["type"], "minidump");
    let frames = exception["stacktrace"]["frames"].as_array().unwrap();
    let last = frames.last().unwrap();
    assert_eq!(
        (&last["trust"], &last["inApp"]),
        (&json!("context"), &json!(true))
    );
    assert_eq!(data("threads")["values"][0]["crashed"], true);
    assert!(data("debugmeta")["images"].as_array().unwrap().len() > 1);
    assert_eq!(event["contexts"]["os"]["name"], "Linux");
}

async fn check_crashes(site: &Site, sent: &Sent) {
    let mut issues = BTreeSet::new();
    for (id, files) in &sent.crashes {
        let event = site
            .api()
            .event(site.org(), site.project(), id)
            .await
            .unwrap();
        assert_eq!(event["platform"], "native");
        check_crash(&event);
        issues.insert(text(&event["groupID"]));
        assert_eq!(&names(site, id).await, files, "{id}");
    }
    assert_eq!(issues.len(), 1, "one place is one issue: {issues:?}");
    let (id, _) = sent
        .crashes
        .iter()
        .find(|(_, files)| files.contains("app.log"))
        .unwrap();
    let event = site
        .api()
        .event(site.org(), site.project(), id)
        .await
        .unwrap();
    assert_eq!(event["release"]["version"], "my-app@1.0");
    assert_eq!(event["context"]["custom_field"], "kept as extra");
    let path = format!(
        "projects/{}/{}/events/{id}/attachments/",
        site.org(),
        site.project()
    );
    let files = site.api().get(&path).await.unwrap();
    let dump = files
        .as_array()
        .unwrap()
        .iter()
        .find(|file| file["type"] == "event.minidump");
    let path = format!(
        "{path}{}/?download=1",
        dump.unwrap()["id"].as_str().unwrap()
    );
    let dump = site
        .api()
        .call(reqwest::Method::GET, &path, None)
        .await
        .unwrap();
    let dump = dump.bytes().await.unwrap();
    assert!(
        dump.starts_with(b"MDMP") && dump.len() == 25_950,
        "{}",
        dump.len()
    );
}

/// The names of an event's files.
async fn names(site: &Site, id: &str) -> BTreeSet<String> {
    let path = format!(
        "projects/{}/{}/events/{id}/attachments/",
        site.org(),
        site.project()
    );
    let files = site.api().get(&path).await.unwrap();
    texts(files.as_array().unwrap(), "/name")
}

async fn check_containers(site: &Site, sent: &Sent) {
    for kind in ["span", "log", "trace_metric"] {
        let found = kept(site, kind).await.len() as u64;
        assert_eq!(found, sent.records(kind), "{kind}");
    }
    let transactions = kept(site, "transaction").await;
    for (recording, item) in sent.items("transaction") {
        let id = text(&item["event_id"]).replace('-', "");
        let found = transactions
            .iter()
            .find(|found| found["eventID"] == id.as_str());
        let facts = &found.unwrap()["facts"];
        assert_eq!(
            facts["transaction"], item["transaction"],
            "{}",
            recording["name"]
        );
        let n_spans = item["spans"].as_u64().unwrap_or(0);
        assert_eq!(
            facts["span_count"].as_u64(),
            Some(n_spans),
            "{}",
            recording["name"]
        );
        let trace = text(&facts["trace_id"]);
        let path = format!(
            "projects/{}/{}/vedette/items/?trace={trace}",
            site.org(),
            site.project()
        );
        let of_trace = site.api().get(&path).await.unwrap();
        let ids = texts(of_trace.as_array().unwrap(), "/eventID");
        assert!(ids.contains(&id), "{trace} has {id}");
    }
    let spans = kept(site, "span").await;
    let names = texts(&spans, "/name");
    assert!(
        names.contains("GET /checkout") && names.contains("POST /pay"),
        "{names:?}"
    );
}

async fn check_sessions(site: &Site, sent: &Sent) {
    let mut found: Vec<String> = kept(site, "session")
        .await
        .iter()
        .map(|item| {
            let facts = &item["facts"];
            format!(
                "{} {} {}",
                text(&facts["sid"]),
                text(&facts["status"]),
                text(&facts["errors"])
            )
        })
        .collect();
    let mut expected: Vec<String> = sent
        .items("session")
        .map(|(_, item)| {
            format!(
                "{} {} {}",
                text(&item["sid"]),
                text(&item["status"]),
                text(&item["errors"])
            )
        })
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let path = format!(
        "projects/{}/{}/vedette/sessions/?hours=2160",
        site.org(),
        site.project()
    );
    let sums = site.api().get(&path).await.unwrap();
    let groups = sums["groups"].as_array().unwrap();
    let begun = groups
        .iter()
        .filter_map(|group| group["sessions"].as_u64())
        .sum::<u64>();
    let single = sent
        .items("session")
        .filter(|(_, item)| item["init"] == true)
        .count();
    assert!(
        begun > single as u64,
        "{begun} sessions, {single} of them told one by one"
    );
    let crashed = groups
        .iter()
        .filter_map(|group| group["crashed"].as_u64())
        .sum::<u64>();
    assert!(crashed >= 2, "{sums}");
}

async fn check_others(site: &Site, sent: &Sent) {
    let check_ins = kept(site, "check_in").await;
    for (recording, item) in sent.items("check_in") {
        let slug = check_in::slug(item["monitor_slug"].as_str().unwrap()).unwrap();
        let found = check_ins
            .iter()
            .any(|found| found["name"] == slug && found["facts"]["status"] == item["status"]);
        assert!(found, "{}", recording["name"]);
    }
    for kind in [
        "check_in",
        "sessions",
        "profile",
        "profile_chunk",
        "replay_event",
        "replay_recording",
    ] {
        assert_eq!(
            kept(site, kind).await.len(),
            sent.items(kind).count(),
            "{kind}"
        );
    }
    for (recording, item) in sent.items("attachment") {
        let (Some(id), Some(name)) = (recording["event_id"].as_str(), item["filename"].as_str())
        else {
            continue;
        };
        assert!(
            names(site, id).await.contains(name),
            "{}",
            recording["name"]
        );
    }
    let path = format!("projects/{}/{}/user-feedback/", site.org(), site.project());
    let reports = site.api().get(&path).await.unwrap();
    let ids = texts(reports.as_array().unwrap(), "/eventID");
    for (_, item) in sent.items("user_report") {
        assert!(ids.contains(&text(&item["event_id"])), "{ids:?}");
    }
}

/// The hub's books, by category, term and reason.
async fn counts(site: &Site) -> BTreeMap<String, u64> {
    let ledger = site.api().get("vedette/ledger/").await.unwrap();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for relay in ledger.as_array().unwrap() {
        for term in relay["terms"].as_array().unwrap() {
            let key = ["category", "term", "reason"]
                .map(|name| text(&term[name]))
                .join(" ");
            *counts.entry(key).or_default() += term["quantity"].as_u64().unwrap_or(0);
        }
    }
    counts
}

/// The ledger adds up, and names what was dropped and why.
async fn check_counts(site: &Site, sent: &Sent) {
    // What holds nothing that is kept is told of by counts alone, within the second.
    let told = "what the last request was dropped for to be told";
    let counts = until(told, VISIBLE_WITHIN, || async {
        let counts = counts(site).await;
        counts
            .contains_key("unknown invalid unsupported")
            .then_some(counts)
    });
    let counts = counts.await.unwrap();
    site.assert_ledger_balances().await.unwrap();
    let count = |key: &str| counts.get(key).copied().unwrap_or(0);
    assert_eq!(count("unknown invalid unknown_item"), 1, "{counts:?}");
    assert_eq!(count("unknown invalid unsupported"), 2, "{counts:?}");
    assert_eq!(
        count("security invalid security_report_type"),
        1,
        "{counts:?}"
    );
    let rejected: Vec<_> = counts
        .keys()
        .filter(|key| key.contains(" rejected "))
        .collect();
    assert!(rejected.is_empty(), "{rejected:?}");
    for (category, kinds) in [
        ("session", &["session", "sessions"][..]),
        ("monitor", &["check_in"]),
        ("transaction", &["transaction"]),
        ("replay", &["replay_event", "replay_recording"]),
        ("profile", &["profile"]),
        ("profile_chunk", &["profile_chunk"]),
        ("security", &["csp-report"]),
        ("feedback", &["feedback", "user_report"]),
    ] {
        let n = kinds
            .iter()
            .map(|kind| sent.items(kind).count() as u64)
            .sum::<u64>();
        assert_eq!(
            count(&format!("{category} applied ")),
            n,
            "{category} in {counts:?}"
        );
    }
    for (category, kind) in [
        ("span", "span"),
        ("log_item", "log"),
        ("trace_metric", "trace_metric"),
    ] {
        let n = count(&format!("{category} applied "));
        assert_eq!(n, sent.records(kind), "each entry by itself: {counts:?}");
    }
    let mut discarded: BTreeMap<String, u64> = BTreeMap::new();
    for (_, item) in sent.items("client_report") {
        for (key, n) in item["discarded"].as_object().unwrap() {
            let (reason, category) = key.split_once('/').unwrap();
            let key = format!("{category} client_discard {reason}");
            *discarded.entry(key).or_default() += n.as_u64().unwrap();
        }
    }
    for (key, n) in discarded {
        assert_eq!(count(&key), n, "{key}");
    }
}
