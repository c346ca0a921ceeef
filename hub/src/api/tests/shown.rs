//! What waits for a look, and what an issue shows where that is asked for.

use super::*;

#[tokio::test]
async fn what_is_marked_for_review_waits_since_then_and_for_a_week() {
    let hub = Hub::new().await;
    hub.seed().await;
    let store = &hub.state.store;
    let zero = hub.issue("Zero").await;
    let path = format!("issues/{zero}/");
    hub.put(&path, json!({ "inbox": false })).await;
    assert_eq!(hub.titles("?sort=inbox").await, ["Two", "One", "Zero"]);
    hub.put(&path, json!({ "inbox": true })).await;
    assert_eq!(hub.titles("?sort=inbox").await, ["Zero", "Two", "One"]);
    hub.put(&path, json!({ "inbox": false })).await;
    assert_eq!(hub.titles("?sort=inbox").await, ["Two", "One", "Zero"]);
    hub.put(&path, json!({ "inbox": true })).await;
    let later = clock::now().plus_millis(1);
    let mut write = store.begin().await.unwrap();
    write.age_issues(later, later).await.unwrap();
    write.commit().await.unwrap();
    assert_eq!(store.number("SELECT MAX(waits) FROM issues").await, 0);
}

#[tokio::test]
async fn an_issue_shows_what_is_asked_for_and_leaves_out_what_is_not_needed() {
    let hub = Hub::new().await;
    let rules = json!({ "raw": "path:shop/* owner@acme.example" });
    hub.put("projects/acme/shop/ownership/", rules).await;
    hub.seed().await;
    let (zero, two) = (hub.issue("Zero").await, hub.issue("Two").await);
    let at = |issue: &str| format!("organizations/acme/issues/{issue}/");
    let whole = hub.get(&at(&two)).await.json();
    for name in ["inbox", "owners", "latestEventHasAttachments"] {
        assert_eq!(whole.get(name), None, "{name} is not asked for");
    }
    let wanted = "?expand=inbox&expand=owners&expand=latestEventHasAttachments&expand=sessions";
    let shown = hub.get(&(at(&two) + wanted)).await.json();
    assert_eq!(shown["inbox"]["reason"], 0, "{shown}");
    assert_eq!(shown["inbox"]["date_added"], shown["firstSeen"]);
    let owner = &shown["owners"][0];
    assert_eq!(owner["type"], "ownershipRule", "{shown}");
    assert!(owner["owner"].as_str().unwrap().starts_with("user:"));
    assert_eq!(shown["latestEventHasAttachments"], false);
    hub.digest_item(5, "attachment", &json!({ "filename": "a.txt" }), "a")
        .await;
    hub.put(&at(&two), json!({ "inbox": false })).await;
    let shown = hub.get(&(at(&two) + wanted)).await.json();
    assert_eq!(shown["inbox"], Value::Null);
    assert_eq!(shown["latestEventHasAttachments"], true);
    hub.put(&at(&two), json!({ "inbox": true })).await;
    let shown = hub.get(&(at(&two) + wanted)).await.json();
    assert_eq!(shown["inbox"]["reason"], 3);

    let parts = [
        "stats",
        "lifetime",
        "filtered",
        "unhandled",
        "release",
        "tags",
    ];
    let less: String = parts.map(|part| format!("collapse={part}&")).concat();
    let less = hub.get(&format!("{}?{less}collapse=base", at(&zero))).await;
    let less = less.json();
    let whole = hub.get(&at(&zero)).await.json();
    let gone = whole.as_object().unwrap().keys();
    let mut gone: Vec<_> = gone.filter(|name| less.get(name).is_none()).collect();
    gone.sort();
    assert_eq!(
        gone,
        [
            "filtered",
            "firstRelease",
            "isUnhandled",
            "lastRelease",
            "lifetime",
            "stats",
            "tags"
        ]
    );
}

#[tokio::test]
async fn a_list_shows_and_leaves_out_the_same() {
    let hub = Hub::new().await;
    let rules = json!({ "raw": "path:shop/* owner@acme.example" });
    hub.put("projects/acme/shop/ownership/", rules).await;
    hub.seed().await;
    let first = async |list: &str, query: &str| {
        let answer = hub.get(&format!("{list}issues/?query=Two&{query}")).await;
        answer.json()[0].clone()
    };
    for list in ["organizations/acme/", "projects/acme/shop/"] {
        let whole = first(list, "").await;
        assert_eq!(whole.get("inbox"), None, "{whole}");
        let wanted = "expand=owners&expand=inbox&expand=latestEventHasAttachments";
        let shown = first(list, wanted).await;
        assert_eq!(shown["inbox"]["reason"], 0, "{shown}");
        assert_eq!(shown["owners"][0]["type"], "ownershipRule");
        assert_eq!(shown["latestEventHasAttachments"], false);
        let less = "collapse=stats&collapse=lifetime&collapse=filtered&collapse=unhandled";
        let less = first(list, less).await;
        let gone = whole.as_object().unwrap().keys();
        let mut gone: Vec<_> = gone.filter(|name| less.get(name).is_none()).collect();
        gone.sort();
        assert_eq!(gone, ["filtered", "isUnhandled", "lifetime", "stats"]);
        let base = first(list, "collapse=base&collapse=filtered&expand=inbox").await;
        let mut kept: Vec<_> = base.as_object().unwrap().keys().collect();
        kept.sort();
        let expected = [
            "count",
            "firstSeen",
            "id",
            "inbox",
            "lastSeen",
            "lifetime",
            "stats",
            "userCount",
        ];
        assert_eq!(kept, expected);
    }
    // A search that names one issue by its id as well.
    let id = hub.issue("Two").await;
    let short = hub.get(&format!("issues/{id}/")).await.json()["shortId"].clone();
    let named = format!(
        "organizations/acme/issues/?query={}&shortIdLookup=1&collapse=base&expand=inbox",
        short.as_str().unwrap()
    );
    let named = hub.get(&named).await.json()[0].clone();
    assert_eq!(named["inbox"]["reason"], 0, "{named}");
    assert_eq!(named.get("title"), None);
}
