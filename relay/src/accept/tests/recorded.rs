//! What real clients sent is taken as their server took it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::harness::*;

#[derive(Deserialize)]
struct Meta {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    scenario: String,
    chunked: bool,
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    body: String,
}

#[tokio::test]
async fn every_recording_is_answered_as_it_was() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recorded");
    let relay = start().await;
    let mut names: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".meta.json"))
        .collect();
    names.sort();
    assert!(names.len() > 40);
    for path in names {
        let meta: Meta = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let body = path.to_string_lossy().replace(".meta.json", ".body");
        let body = std::fs::read(body).unwrap();
        let mut headers: Vec<(&str, &str)> = meta
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .filter(|(n, _)| {
                !["host", "connection", "content-length", "transfer-encoding"]
                    .contains(&n.to_ascii_lowercase().as_str())
                    && !n.starts_with(':')
            })
            .collect();
        if meta.chunked {
            headers.push(("Transfer-Encoding", "chunked"));
        }
        let reply = relay.send(&meta.method, &meta.path, &headers, &body).await;
        let scenario = &meta.scenario;
        assert_eq!(
            reply.status,
            meta.response.status,
            "{scenario}: {}",
            reply.text()
        );
        let expected = id_of(&meta.response.body);
        if expected.is_some() && reply.header("content-type") == "application/json" {
            assert_eq!(id_of(&reply.text()), expected, "{scenario}");
        }
    }
    relay.assert_adds_up().await;
    let counts = relay.counts();
    let invalid: Vec<_> = counts.iter().filter(|c| c.contains(" invalid ")).collect();
    assert_eq!(
        invalid,
        [
            "security invalid security_report_type 1",
            "unknown invalid unknown_item 1",
            "unknown invalid unsupported 2"
        ]
    );

    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for item in relay
        .kept()
        .await
        .into_iter()
        .flat_map(|(_, items)| items.items)
    {
        *kinds.entry(item.kind).or_default() += 1;
    }
    let kinds: Vec<_> = kinds
        .into_iter()
        .map(|(kind, n)| format!("{kind} {n}"))
        .collect();
    insta::assert_snapshot!(kinds.join("\n"));
}

fn id_of(body: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(body).ok()?;
    let id = value.get("id")?.as_str()?;
    Some(id.replace('-', ""))
}
