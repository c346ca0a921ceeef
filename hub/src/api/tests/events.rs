//! Events and tags.

use super::*;

const FIRST: &str = "00000000000000000000000000000001";
const SECOND: &str = "00000000000000000000000000000002";
const THIRD: &str = "00000000000000000000000000000003";

#[tokio::test]
async fn shows_an_event_whole() {
    let hub = Hub::new().await;
    hub.seed().await;
    let answer = hub
        .get("organizations/acme/issues/SHOP-1/events/latest/")
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_shape!("event", answer);
}

#[tokio::test]
async fn steps_from_event_to_event() {
    let hub = Hub::new().await;
    hub.seed().await;
    let step = async |event: &str| {
        let event = hub
            .get(&format!("issues/SHOP-1/events/{event}/"))
            .await
            .json();
        (
            event["eventID"].clone(),
            event["previousEventID"].clone(),
            event["nextEventID"].clone(),
        )
    };
    let null = Value::Null;
    assert_eq!(
        step("latest").await,
        (json!(THIRD), json!(SECOND), null.clone())
    );
    assert_eq!(step("oldest").await, (json!(FIRST), null, json!(SECOND)));
    assert_eq!(
        step(SECOND).await,
        (json!(SECOND), json!(FIRST), json!(THIRD))
    );
    for path in [
        "issues/SHOP-1/events/00000000000000000000000000000004/",
        "issues/SHOP-1/events/nonsense/",
        "issues/SHOP-9/events/latest/",
    ] {
        assert_eq!(hub.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn lists_events_of_issue_and_project_by_pages() {
    let hub = Hub::new().await;
    assert_eq!(hub.get("projects/acme/shop/events/").await.text, "[]");
    hub.seed().await;
    let answer = hub.get("issues/SHOP-1/events/?per_page=2").await;
    assert_shape!("event_list", answer);
    let next = answer.cursor("next").unwrap();
    let rest = hub
        .get(&format!("issues/SHOP-1/events/?per_page=2&cursor={next}"))
        .await;
    assert_eq!(rest.json()[0]["eventID"], FIRST);
    assert_eq!(rest.cursor("next"), None);

    let answer = hub.get("projects/acme/shop/events/?limit=4").await;
    assert_eq!(answer.json().as_array().unwrap().len(), 4);
    let next = answer.cursor("next").unwrap();
    let rest = hub
        .get(&format!("projects/acme/shop/events/?limit=4&cursor={next}"))
        .await;
    assert_eq!(rest.json()[0]["eventID"], FIRST);
    let full = hub.get("issues/SHOP-1/events/?full=true").await.json();
    assert_eq!(full[0]["entries"][0]["type"], "exception");
}

#[tokio::test]
async fn finds_an_event_by_its_id() {
    let hub = Hub::new().await;
    hub.seed().await;
    let answer = hub
        .get(&format!("organizations/acme/eventids/{FIRST}/"))
        .await
        .json();
    assert_eq!(answer["projectSlug"], "shop");
    assert_eq!(answer["event"]["eventID"], FIRST);
    let event = hub
        .get(&format!("projects/acme/shop/events/{FIRST}/"))
        .await
        .json();
    assert_eq!(event["nextEventID"], SECOND);
    let payload = hub
        .get(&format!("projects/acme/shop/events/{FIRST}/json/"))
        .await
        .json();
    assert_eq!(payload["exception"]["values"][0]["type"], "Zero");
    let missing = hub
        .get("organizations/acme/eventids/ffffffffffffffffffffffffffffffff/")
        .await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn counts_tags() {
    let hub = Hub::new().await;
    hub.seed().await;
    assert_shape!("issue_tags", hub.get("issues/SHOP-1/tags/").await);
    let color = hub.get("issues/SHOP-1/tags/color/").await.json();
    assert_eq!(color["totalValues"], 3);
    assert_eq!(color["uniqueValues"], 2);
    assert_eq!(color["topValues"][0]["value"], "ann");
    assert_eq!(
        hub.get("issues/SHOP-1/tags/none/").await.status,
        StatusCode::NOT_FOUND
    );
    let page = hub.get("issues/SHOP-1/tags/color/values/?limit=1").await;
    let next = page.cursor("next").unwrap();
    let rest = hub
        .get(&format!(
            "issues/SHOP-1/tags/color/values/?limit=1&cursor={next}"
        ))
        .await;
    assert_eq!(rest.json()[0]["value"], "bob");
    assert_eq!(rest.cursor("next"), None);

    let keys = hub.get("organizations/acme/tags/").await.json();
    assert!(
        keys.as_array()
            .unwrap()
            .iter()
            .any(|key| key["key"] == "color")
    );
    let values = hub
        .get("projects/acme/shop/tags/color/values/?query=b")
        .await
        .json();
    assert_eq!(values.as_array().unwrap().len(), 1);
    assert_eq!(values[0]["value"], "bob");
    let values = hub
        .get("projects/acme/shop/tags/color/values/?query=%25")
        .await
        .json();
    assert_eq!(values, json!([]));
}
