//! What is too large for one record: it comes in parts and is there in one piece.

use serde_json::{Value, json};
use tests::api::VISIBLE_WITHIN;
use tests::chance::Chance;
use tests::site::Site;
use tests::wait::until;

/// Bytes that do not compress, and hold no secret.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let bytes = std::iter::repeat_with(|| chance.number().to_le_bytes()).flatten();
    bytes.take(len).collect()
}

/// An envelope of an event's items.
fn envelope(event_id: &str, items: &[(Value, &[u8])]) -> Vec<u8> {
    let mut body = json!({"event_id": event_id}).to_string().into_bytes();
    for (header, payload) in items {
        let mut header = header.clone();
        header["length"] = payload.len().into();
        body.extend_from_slice(format!("\n{header}\n").as_bytes());
        body.extend_from_slice(payload);
    }
    body
}

fn items_path(site: &Site) -> String {
    format!("projects/{}/{}/vedette/items/", site.org(), site.project())
}

/// The only item of a kind, once it is there.
async fn item(site: &Site, kind: &str) -> Value {
    let path = format!("{}?kind={kind}", items_path(site));
    let found = until("the item", VISIBLE_WITHIN, || async {
        let list = site.api().get(&path).await.ok()?;
        list.as_array()?.first().cloned()
    });
    found.await.unwrap()
}

async fn download(site: &Site, item: &Value) -> Vec<u8> {
    let id = item["id"].as_str().unwrap();
    let path = format!("{}{id}/?download=1", items_path(site));
    let got = site
        .api()
        .call(reqwest::Method::GET, &path, None)
        .await
        .unwrap();
    got.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_and_a_profile_of_many_mebibytes_are_there_whole_and_counted_once() {
    let site = Site::start().await.unwrap();
    let file = noise(1, 9 << 20);
    let samples = "1234567,".repeat(700_000);
    let profile = format!(
        "{{\"profile_id\":\"{}\",\"platform\":\"python\",\"version\":\"1\",\"samples\":[{}0]}}",
        "a".repeat(32),
        samples
    );
    let event = json!({"message": "large", "platform": "python"}).to_string();
    let body = envelope(
        &"5".repeat(32),
        &[
            (json!({"type": "event"}), event.as_bytes()),
            (json!({"type": "attachment", "filename": "core.bin"}), &file),
            (json!({"type": "profile"}), profile.as_bytes()),
        ],
    );
    let answer = site.sdk().post(body, "").await.unwrap();
    assert_eq!(answer.status(), 200);

    let found = item(&site, "attachment").await;
    assert_eq!(
        (&found["name"], &found["size"]),
        (&json!("core.bin"), &json!(file.len()))
    );
    assert_eq!(download(&site, &found).await, file);
    let found = item(&site, "profile").await;
    assert_eq!(found["facts"]["platform"], "python");
    assert_eq!(download(&site, &found).await, profile.as_bytes());
    site.assert_ledger_balances().await.unwrap();
}
