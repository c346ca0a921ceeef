//! Searches that name one issue: by an event's id, or by its short id.

use super::*;

const LIST: &str = "organizations/acme/issues/";
const EVENT: &str = "00000000000000000000000000000002";

#[tokio::test]
async fn an_event_id_leads_to_the_issue_whatever_its_state() {
    let hub = Hub::new().await;
    hub.seed().await;
    let zero = hub.issue("Zero").await;
    let resolved = json!({ "status": "resolved" });
    hub.put(&format!("issues/{zero}/"), resolved).await;
    for query in [EVENT, &format!("%20{EVENT}%20"), &EVENT.to_uppercase()] {
        let answer = hub.get(&format!("{LIST}?query={query}")).await;
        assert_eq!(answer.headers["x-sentry-direct-hit"], "1", "{query}");
        assert_eq!(answer.headers["x-hits"], "1");
        assert_eq!(answer.cursor("next"), None);
        let found = answer.json();
        assert_eq!(found.as_array().unwrap().len(), 1);
        assert_eq!(found[0]["id"], Value::from(zero.clone()));
        assert_eq!(found[0]["matchingEventId"], EVENT);
    }
    let of_project = "projects/acme/shop/issues/";
    let answer = hub.get(&format!("{of_project}?query={EVENT}")).await;
    assert_eq!(answer.headers["x-sentry-direct-hit"], "1");
}

#[tokio::test]
async fn an_id_of_no_event_is_searched_for_as_it_stands() {
    let hub = Hub::new().await;
    hub.seed().await;
    let of_trace = "0123456789abcdef0123456789abcdef";
    let mut traced = error("Traced", "ann", 5);
    traced["tags"]["order"] = json!(of_trace);
    hub.digest(9, &traced).await;
    let answer = hub.get(&format!("{LIST}?query={of_trace}")).await;
    assert!(answer.headers.get("x-sentry-direct-hit").is_none());
    assert_eq!(answer.json()[0]["metadata"]["type"], "Traced");
    let stranger = hub.stranger.clone();
    let path = format!("organizations/other/issues/?query={EVENT}");
    let answer = hub.ask(&stranger, Method::GET, &path, None).await;
    assert_eq!(answer.text, "[]", "events of others are none");
}

#[tokio::test]
async fn a_short_id_leads_to_its_issue_for_those_who_wish_it() {
    let hub = Hub::new().await;
    hub.seed().await;
    let zero = hub.issue("Zero").await;
    for name in ["SHOP-1", "shop-1"] {
        let path = format!("{LIST}?query={name}&shortIdLookup=1");
        let answer = hub.get(&path).await;
        assert_eq!(answer.headers["x-sentry-direct-hit"], "1", "{name}");
        assert_eq!(answer.json()[0]["id"], Value::from(zero.clone()));
        assert!(answer.json()[0].get("matchingEventId").is_none());
    }
    for asked in [
        "query=SHOP-1",
        "query=SHOP-1&shortIdLookup=0",
        "query=SHOP-ZZ&shortIdLookup=1",
        "query=1&shortIdLookup=1",
        "query=is:unresolved&shortIdLookup=1",
    ] {
        let answer = hub.get(&format!("{LIST}?{asked}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{asked}");
        assert!(
            answer.headers.get("x-sentry-direct-hit").is_none(),
            "{asked}"
        );
    }
}
