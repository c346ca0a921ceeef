//! Discarded issues, and issues that are resolved for their age.

use super::*;

#[tokio::test]
async fn what_comes_of_a_discarded_issue_is_dropped_and_counted() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("projects/acme/shop/issues/?id={id}");
    let gone = hub.put(&path, json!({ "discard": 1 })).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    assert_eq!(hub.titles("?query=").await, ["Two", "One"]);
    hub.digest(9, &error("Zero", "ann", 5)).await;
    assert_eq!(hub.titles("?query=").await, ["Two", "One"]);
    let dropped = "SELECT COALESCE(SUM(quantity), 0) FROM ledger WHERE reason = 'discarded-hash'";
    assert_eq!(hub.state.store.number(dropped).await, 1);
    let outcomes = "organizations/acme/stats_v2/?statsPeriod=24h&field=sum(quantity)\
                    &groupBy=outcome&groupBy=reason&category=error";
    let outcomes = hub.get(outcomes).await;
    assert!(
        outcomes.text.contains("discarded-hash"),
        "{}",
        outcomes.text
    );
    assert!(outcomes.text.contains("\"filtered\""), "{}", outcomes.text);

    let list = hub.get("projects/acme/shop/tombstones/").await.json();
    assert_eq!(list[0]["title"], "Zero: Zero went wrong");
    assert_eq!(list[0]["actor"]["email"], "owner@acme.example");
    let tombstone = list[0]["id"].as_str().unwrap();
    let back = hub
        .delete(&format!("projects/acme/shop/tombstones/{tombstone}/"))
        .await;
    assert_eq!(back.status, StatusCode::NO_CONTENT, "{}", back.text);
    hub.digest(10, &error("Zero", "ann", 4)).await;
    assert_eq!(hub.titles("?query=").await, ["Zero", "Two", "One"]);
}

#[tokio::test]
async fn one_issue_is_discarded_by_its_own_address() {
    let hub = Hub::new().await;
    hub.seed().await;
    let gone = hub.put("issues/1/", json!({ "discard": true })).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    let list = hub.get("projects/acme/shop/tombstones/").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let wrong = hub.delete("projects/acme/shop/tombstones/99/").await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn issues_that_are_not_seen_any_more_are_resolved() {
    let hub = Hub::new().await;
    hub.digest(1, &error("Old", "ann", 3 * 3600)).await;
    hub.digest(2, &error("Young", "ann", 60)).await;
    let now = clock::now();
    let store = &hub.state.store;
    assert_eq!(store.resolve_forgotten_issues(now).await.unwrap(), 0);
    let set = hub
        .put("projects/acme/shop/", json!({ "resolveAge": 2 }))
        .await;
    assert_eq!(set.json()["resolveAge"], 2, "{}", set.text);
    assert_eq!(store.resolve_forgotten_issues(now).await.unwrap(), 1);
    assert_eq!(hub.titles("").await, ["Young"]);
    let id = hub.issue("Old").await;
    let issue = hub.get(&format!("issues/{id}/")).await.json();
    assert_eq!(issue["activity"][0]["type"], "set_resolved_by_age");
    assert_eq!(issue["activity"][0]["data"]["age"], 2);
    let wrong = hub
        .put("projects/acme/shop/", json!({ "resolveAge": -1 }))
        .await;
    assert_eq!(wrong.json()["field"], "resolveAge");
}

#[tokio::test]
async fn escalating_issues_become_ongoing_with_their_first_priority() {
    let hub = Hub::new().await;
    hub.seed().await;
    let store = &hub.state.store;
    store
        .execute("UPDATE issues SET substatus = 2, priority = 75 WHERE id = 2")
        .await;
    store
        .execute(
            "UPDATE issue_activity SET data = '{\"priority\":25}' WHERE issue_id = 2 AND kind = 9",
        )
        .await;
    let now = clock::now();
    let age = async |before| {
        let mut write = store.begin().await.unwrap();
        let n = write.age_issues(before, now).await.unwrap();
        write.commit().await.unwrap();
        n
    };
    store
        .execute("UPDATE issues SET substatus = 3 WHERE id <> 2")
        .await;
    assert_eq!(age(now).await, 1);
    let issue = hub.get("issues/2/").await.json();
    assert_eq!(
        (&issue["substatus"], &issue["priority"]),
        (&json!("ongoing"), &json!("low"))
    );
    assert_eq!(issue["activity"][0]["type"], "auto_set_ongoing");
    assert_eq!(age(now).await, 0);
}
