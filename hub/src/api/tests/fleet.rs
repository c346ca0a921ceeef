//! Relays, join tokens, the ledger and what was set aside.

use super::*;

#[tokio::test]
async fn shows_relays_and_changes_them() {
    let hub = Hub::new().await;
    assert_shape!("relays", hub.get("vedette/relays/").await);
    let path = format!("vedette/relays/{RELAY}/");
    let change = json!({ "name": "edge-berlin", "labels": { "region": "eu" }, "state": "drained" });
    let relay = hub.put(&path, change).await.json();
    assert_eq!(relay["name"], "edge-berlin");
    assert_eq!(relay["state"], "drained");
    assert_eq!(relay["labels"]["region"], "eu");
    assert_eq!(hub.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(&path).await.json()["state"], "revoked");
    let back = hub.put(&path, json!({ "state": "active" })).await;
    assert_eq!(back.status, StatusCode::CONFLICT);
    let missing = format!("vedette/relays/{}/", RelayId::from_bytes([9; 16]));
    assert_eq!(hub.get(&missing).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn makes_join_tokens() {
    let hub = Hub::new().await;
    let wish = json!({
        "uses": 3, "validForSeconds": 600, "labels": { "site": "hh" },
        "addressRange": "10.20.0.0/16",
    });
    let made = hub.post("vedette/join-tokens/", wish).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert!(
        made.json()["command"]
            .as_str()
            .unwrap()
            .starts_with("vedette-relay join ")
    );
    assert_shape!("join_token", made);
    for wrong in [
        json!({ "uses": 0 }),
        json!({ "validForSeconds": 0 }),
        json!({ "addressRange": "10.20" }),
    ] {
        let answer = hub.post("vedette/join-tokens/", wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn adds_the_ledger_up() {
    let hub = Hub::new().await;
    hub.seed().await;
    let ledger = hub.get("vedette/ledger/").await.json();
    let relay = ledger
        .as_array()
        .unwrap()
        .iter()
        .find(|relay| relay["relayName"] == "edge-1");
    let terms = relay.unwrap()["terms"].as_array().unwrap().clone();
    let applied = terms.iter().find(|term| term["term"] == "applied").unwrap();
    assert_eq!(applied["quantity"], 5);
    assert_eq!(applied["category"], "error");
    let foreign = hub
        .ask(&hub.stranger, Method::GET, "vedette/ledger/", None)
        .await
        .json();
    assert_eq!(
        foreign[0]["terms"],
        json!([]),
        "other organizations' items are not theirs"
    );
}

#[tokio::test]
async fn shows_what_was_set_aside_and_tries_it_again() {
    let hub = Hub::new().await;
    assert_eq!(hub.get("vedette/poison/").await.text, "[]");
    hub.digest(1, &json!([1, 2])).await;
    let poison = hub.get("vedette/poison/").await.json();
    assert_eq!(poison[0]["relayName"], "edge-1");
    let id = poison[0]["id"].as_str().unwrap().to_owned();
    let again = hub
        .post(&format!("vedette/poison/{id}/replay/"), json!({}))
        .await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    let missing = hub.post("vedette/poison/999/replay/", json!({})).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_shape!("status", hub.get("vedette/status/").await);
}
