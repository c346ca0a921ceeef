//! Recorded traffic of real SDKs: the expected status, the expected event, and none of the secrets
//! that were planted in it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use protocol::timestamp::Timestamp;
use reqwest::Method;
use serde_json::Value;
use tests::load::{corpus_dir, recordings_dir};
use tests::site::Site;

/// What was planted and must not come through with default settings.
pub(super) const SECRETS: &[&str] = &[
    "4111111111111111",
    "4111-1111-1111-1111",
    "hunter2-PLACEHOLDER",
    "078-05-1120",
    "DE89370400440532013000",
    "PLACEHOLDER_TOKEN",
    "PLACEHOLDERSESSION",
    "PLACEHOLDER_API_KEY",
];

/// The key in the recordings.
pub(super) const RECORDED_KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

fn recordings() -> Vec<Value> {
    let index = fs::read_to_string(recordings_dir().join("index.json")).unwrap();
    serde_json::from_str(&index).unwrap()
}

/// Replays one recording byte for byte; only the host differs, and the time of one that does not
/// tell when it is sent: by its own it would be too old one day.
pub(super) async fn replay(site: &Site, recording: &Value) -> reqwest::Response {
    let name = recording["name"].as_str().unwrap();
    let body = fs::read(recordings_dir().join(format!("{name}.body")));
    let body = body.or_else(|_| fs::read(corpus_dir().join(format!("{name}.body"))));
    let mut body = body.unwrap();
    if let Some(second) = recording["dated"].as_str() {
        body = dated_now(&body, second);
    }
    let method: Method = recording["method"].as_str().unwrap().parse().unwrap();
    let url = format!(
        "{}{}",
        site.relay_url(),
        recording["path"].as_str().unwrap()
    );
    let mut request = tests::api::client().request(method, url).body(body);
    for header in recording["headers"].as_array().unwrap() {
        let (key, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        // HTTP/2 writes method and path among the headers.
        if !key.starts_with(':') {
            request = request.header(key, value);
        }
    }
    request.send().await.unwrap()
}

/// A body, plain or packed, with now instead of the second that all of it is from.
fn dated_now(body: &[u8], second: &str) -> Vec<u8> {
    if body.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(body).read_to_end(&mut plain).unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&dated_now(&plain, second)).unwrap();
        return packed.finish().unwrap();
    }
    let then = Timestamp::parse(second).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let now = Timestamp::from_secs_f64(now).unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (then_secs, now_secs) = (then.as_secs().to_string(), now.as_secs().to_string());
    let (then_text, now_text) = (then.to_rfc3339(), now.to_rfc3339());
    let seconds = "2026-01-01T00:00:00".len();
    assert!(text.contains(&then_text[..seconds]) || text.contains(&then_secs));
    text.replace(&then_secs, &now_secs)
        .replace(&then_text[..seconds], &now_text[..seconds])
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn are_answered_understood_and_cleaned() {
    let mut site = Site::start_with_key(RECORDED_KEY).await.unwrap();
    for recording in recordings() {
        let response = replay(&site, &recording).await;
        let status = u64::from(response.status().as_u16());
        let text = response.text().await.unwrap();
        assert_eq!(
            Some(status),
            recording["status"].as_u64(),
            "{} {text}",
            recording["name"]
        );
    }
    for recording in recordings() {
        if let Some(id) = recording["event"]["event_id"].as_str() {
            let event = site
                .api()
                .event(site.org(), site.project(), id)
                .await
                .unwrap();
            check(&recording, &event);
            let raw_path = format!(
                "projects/{}/{}/events/{}/json/",
                site.org(),
                site.project(),
                id.replace('-', "")
            );
            let raw = site.api().get(&raw_path).await.unwrap().to_string();
            for secret in SECRETS {
                assert!(
                    !raw.contains(secret),
                    "{}: {secret} is in the stored event",
                    recording["name"]
                );
                assert!(
                    !event.to_string().contains(secret),
                    "{}: {secret} is in the API",
                    recording["name"]
                );
            }
        }
    }
    // Once more with the hub away, so that all of it lies in the spool.
    site.stop_hub().await.unwrap();
    for recording in recordings() {
        replay(&site, &recording).await;
    }
    let kept = site.end_and_read_spool().await.unwrap();
    assert!(
        contains(&kept, "PaymentError"),
        "the spool holds the events"
    );
    for secret in SECRETS {
        assert!(!contains(&kept, secret), "{secret} is in the spool");
        assert_nowhere(site.dir(), secret);
    }
}

fn check(recording: &Value, event: &Value) {
    let (name, expected) = (&recording["name"], &recording["event"]);
    let tag = |key: &str| {
        let tags = event["tags"].as_array().unwrap();
        tags.iter()
            .find(|tag| tag["key"] == key)
            .map(|tag| tag["value"].clone())
            .unwrap_or_default()
    };
    for key in ["release", "environment", "level"] {
        if let Some(value) = expected[key].as_str() {
            assert_eq!(tag(key), value, "{name}: {key}");
        }
    }
    if let Some(platform) = expected["platform"].as_str() {
        assert_eq!(event["platform"], platform, "{name}");
    }
    let entries = event["entries"].as_array().unwrap();
    let data = |kind: &str| {
        entries
            .iter()
            .find(|entry| entry["type"] == kind)
            .map(|e| &e["data"])
    };
    if let Some(exceptions) = expected["exceptions"].as_array() {
        let values = data("exception").unwrap()["values"].as_array().unwrap();
        assert_eq!(values.len(), exceptions.len(), "{name}");
        for (value, pair) in values.iter().zip(exceptions) {
            assert_eq!(value["type"], pair[0], "{name}");
            let expected = pair[1].as_str().unwrap_or_default();
            let is_clean = !SECRETS.iter().any(|secret| expected.contains(secret));
            // The notes beside the recordings hold the beginning of long texts.
            if is_clean {
                let value = value["value"].as_str().unwrap_or_default();
                assert!(
                    value.starts_with(expected),
                    "{name}: {value} is not {expected}"
                );
            }
        }
    }
    if let Some(id) = expected["user_id"].as_str() {
        assert_eq!(event["user"]["id"], id, "{name}");
    }
    if let Some(n) = expected["breadcrumbs"].as_u64().filter(|n| *n > 0) {
        let found = data("breadcrumbs").unwrap()["values"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(Some(found), usize::try_from(n).ok(), "{name}: breadcrumbs");
    }
}

pub(super) fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// No file below `dir` holds the text: database, index, logs and spool as they lie there.
pub(super) fn assert_nowhere(dir: &Path, text: &str) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_nowhere(&path, text);
        } else if let Ok(bytes) = fs::read(&path) {
            assert!(!contains(&bytes, text), "{text} is in {}", path.display());
        }
    }
}
