//! What nobody should send: the right status, an outcome, and a relay that goes on.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tests::api::{Sdk, envelope};
use tests::site::Site;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn status(sdk: &Sdk, body: Vec<u8>, encoding: &str) -> u16 {
    sdk.post(body, encoding).await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn is_answered_counted_and_survived() {
    let site = Site::start().await.unwrap();
    let sdk = site.sdk();
    let before = site.relay_resident_bytes().unwrap();

    let wrong_key = site.dsn().replace(&site.dsn()[7..39], &"0".repeat(32));
    let stranger = Sdk::new(site.relay_url(), &wrong_key).unwrap();
    assert_eq!(
        status(&stranger, envelope(&json!({"message": "x"})), "").await,
        403
    );

    let (host, _) = site.dsn().rsplit_once('/').unwrap();
    let elsewhere = Sdk::new(site.relay_url(), &format!("{host}/999999")).unwrap();
    assert_eq!(
        status(&elsewhere, envelope(&json!({"message": "x"})), "").await,
        403
    );

    assert_eq!(status(sdk, b"not an envelope".to_vec(), "").await, 400);
    assert_eq!(status(sdk, b"".to_vec(), "").await, 400);
    assert_eq!(
        status(
            sdk,
            b"{}\n{\"type\":\"event\",\"length\":500}\n{}".to_vec(),
            ""
        )
        .await,
        400
    );
    assert_eq!(status(sdk, b"\x1f\x8b broken".to_vec(), "gzip").await, 400);

    // 300 MB of zeros in 300 KB.
    let bomb = gzip(&vec![0; 300 << 20]);
    assert_eq!(status(sdk, bomb, "gzip").await, 413);

    let deep = format!(
        "{{\"extra\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let payload = format!("{{}}\n{{\"type\":\"event\"}}\n{deep}\n");
    assert!(status(sdk, payload.into_bytes(), "").await <= 400);

    let long = json!({"message": "x".repeat(10 << 20)});
    assert_eq!(status(sdk, envelope(&long), "").await, 413);

    let tags: serde_json::Map<String, Value> = (0..300)
        .map(|i| (format!("tag{i}"), json!(format!("value{i}"))))
        .collect();
    let many = json!({"message": "three hundred tags", "tags": tags});
    assert_eq!(status(sdk, envelope(&many), "").await, 200);
    site.api()
        .issues(site.org(), "three hundred tags", 1)
        .await
        .unwrap();

    let after = site.relay_resident_bytes().unwrap();
    let growth = after.saturating_sub(before) >> 20;
    assert!(growth < 96, "the relay grew by {growth} MiB");
    site.assert_ledger_balances().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_gives_up_the_oldest_and_counts_it() {
    let mut site = Site::start_with_spool("6 MiB").await.unwrap();
    site.kill_hub().unwrap();
    let mut load = tests::load::Load::python().unwrap();
    let (n_sent, mut last) = (60, String::new());
    // Noise that does not compress, so that the spool is filled several times over. Eighteen of
    // them fill 96 % of it: from 98 % on clients are held back, and nothing would have to give way.
    for _ in 0..n_sent {
        let (id, mut event) = load.next_event().unwrap();
        let noise: String = (0..20_000)
            .map(|_| uuid::Uuid::new_v4().simple().to_string())
            .collect();
        event["extra"] = json!({"noise": noise});
        assert_eq!(status(site.sdk(), envelope(&event), "").await, 200);
        last = id;
    }
    assert!(site.waiting_bytes().await.unwrap() <= f64::from(6 << 20));
    site.start_hub().await.unwrap();
    site.api()
        .event(site.org(), site.project(), &last)
        .await
        .unwrap();
    site.assert_ledger_balances().await.unwrap();
    let ledger = site.api().get("vedette/ledger/").await.unwrap();
    let evicted = ledger[0]["terms"]
        .as_array()
        .unwrap()
        .iter()
        .find(|term| term["term"] == "evicted")
        .expect("what gave way is counted");
    let n_evicted = usize::try_from(evicted["quantity"].as_u64().unwrap()).unwrap();
    assert!((1..n_sent).contains(&n_evicted), "{n_evicted}");
    site.settled(n_sent - n_evicted).await.unwrap();
}
