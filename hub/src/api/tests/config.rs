//! What is shown of what relays are told, and what can be changed of it.

use super::*;

#[tokio::test]
async fn shows_what_relays_are_told_and_how_far_it_has_come() {
    let hub = Hub::new().await;
    hub.state.fleet.refresh().await.unwrap();
    let shown = hub.get("vedette/config/").await.json();
    assert_eq!(shown["rollout"]["state"], "steady");
    assert_eq!(shown["projects"], 1);
    assert_eq!(shown["signingKey"].as_str().unwrap().len(), 64);
    assert_eq!(shown["relays"][0]["name"], "edge-1");
    assert_eq!(shown["relays"][0]["isConnected"], false);
    assert_eq!(shown["relays"][0]["wanted"], shown["version"]);

    // E-mails are removed at once, and kept again by a relay that tries it.
    let change = json!({ "scrubEmails": true });
    hub.put("projects/acme/shop/", change).await;
    let strict = hub.get("vedette/config/").await.json();
    assert!(strict["version"].as_u64() > shown["version"].as_u64());
    let version = strict["version"].as_u64().unwrap();
    let _present = hub.state.fleet.enter(RELAY, version, clock::now());
    hub.put("projects/acme/shop/", json!({ "scrubEmails": false }))
        .await;
    let tried = hub.get("vedette/config/").await.json();
    assert_eq!(tried["rollout"]["state"], "trying");
    assert_eq!(tried["version"], strict["version"]);
    assert_eq!(tried["rollout"]["canaries"], json!([RELAY.to_string()]));
    assert_eq!(tried["relays"][0]["wanted"], tried["rollout"]["version"]);
    assert_eq!(tried["relays"][0]["version"], strict["version"]);
}

#[tokio::test]
async fn shows_why_a_change_is_held_back_and_tries_it_again() {
    use protocol::wire::{ConfigOutcome, ConfigStatus};
    let hub = Hub::new().await;
    let fleet = &hub.state.fleet;
    fleet.refresh().await.unwrap();
    let version = hub.get("vedette/config/").await.json()["version"]
        .as_u64()
        .unwrap();
    let _present = fleet.enter(RELAY, version, clock::now());
    hub.put(
        "projects/acme/shop/",
        json!({ "sampling": { "transaction": 0.5 } }),
    )
    .await;
    let tried = hub.get("vedette/config/").await.json();
    let status = ConfigStatus {
        version: tried["rollout"]["version"].as_u64().unwrap(),
        outcome: ConfigOutcome::Rejected,
        reason: "it says".to_owned(),
    };
    fleet.note_config(RELAY, &status, clock::now());
    fleet.refresh().await.unwrap();
    let failed = hub.get("vedette/config/").await.json();
    assert_eq!(failed["rollout"]["state"], "failed");
    assert!(
        failed["rollout"]["reason"]
            .as_str()
            .unwrap()
            .contains("it says")
    );
    assert_eq!(failed["relays"][0]["status"], "rejected");
    assert_eq!(failed["relays"][0]["reason"], "it says");

    let member = hub
        .ask(&hub.member, Method::POST, "vedette/config/retry/", None)
        .await;
    assert_eq!(member.status, StatusCode::FORBIDDEN);
    let again = hub.post("vedette/config/retry/", json!({})).await.json();
    assert_eq!(again["rollout"]["state"], "trying");
}

#[tokio::test]
async fn keeps_sample_rates_of_a_project() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/";
    let rates = json!({ "sampling": { "transaction": 0.25, "error": 1.0 } });
    let changed = hub.put(path, rates).await.json();
    assert_eq!(changed["sampling"], json!({ "transaction": 0.25 }));
    for wrong in [
        json!({ "transaction": 1.5 }),
        json!({ "nonsense": 0.5 }),
        json!({ "client_report": 0.5 }),
    ] {
        let bad = hub.put(path, json!({ "sampling": wrong })).await;
        assert_eq!(bad.json()["field"], "sampling");
    }
}

#[tokio::test]
async fn gives_a_relay_settings_of_the_link_and_takes_them_away() {
    let hub = Hub::new().await;
    let path = format!("vedette/relays/{RELAY}/link/");
    let wish = json!({ "bandwidthMax": 8000, "quietHours": ["22:00-06:00"] });
    let kept = hub.put(&path, wish.clone()).await;
    assert_eq!(kept.json(), wish, "{}", kept.text);
    let shown = hub.get("vedette/config/").await.json();
    assert_eq!(shown["relays"][0]["link"], wish);
    let relay = hub.get(&format!("vedette/relays/{RELAY}/")).await.json();
    assert_eq!(relay["link"], wish);
    let bad = hub.put(&path, json!({ "quietHours": ["late"] })).await;
    assert_eq!(bad.json()["field"], "quietHours");
    let bad = hub.put(&path, json!({ "bandwidthMax": 0 })).await;
    assert_eq!(bad.json()["field"], "bandwidthMax");
    assert_eq!(hub.delete(&path).await.status, StatusCode::NO_CONTENT);
    let shown = hub.get("vedette/config/").await.json();
    assert_eq!(shown["relays"][0]["link"], Value::Null);
    let unknown = format!("vedette/relays/{}/link/", RelayId::from_bytes([9; 16]));
    assert_eq!(hub.put(&unknown, wish).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn replaces_the_key_that_relays_are_told_with() {
    let hub = Hub::new().await;
    let before = hub.get("vedette/config/").await.json();
    let after = hub
        .post("vedette/config/replace-key/", json!({}))
        .await
        .json();
    assert_ne!(after["signingKey"], before["signingKey"]);
    assert!(after["version"].as_u64() > before["version"].as_u64());
}
