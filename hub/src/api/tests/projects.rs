//! Organizations, projects, keys and rules.

use super::*;

#[tokio::test]
async fn shows_organizations_teams_and_members() {
    let hub = Hub::new().await;
    assert_shape!("organizations", hub.get("organizations/").await);
    assert_shape!("teams", hub.get("organizations/acme/teams/").await);
    assert_shape!("members", hub.get("organizations/acme/members/").await);
    assert_eq!(hub.get("organizations/acme/environments/").await.text, "[]");
    hub.seed().await;
    assert_shape!(
        "environments",
        hub.get("projects/acme/shop/environments/").await
    );
}

#[tokio::test]
async fn makes_changes_and_removes_projects() {
    let hub = Hub::new().await;
    let wish = json!({ "name": "Web Front!", "platform": "javascript-react" });
    let made = hub.post("organizations/acme/projects/", wish.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_shape!("project", made);
    let dsn = made.json()["dsn"].as_str().unwrap().to_owned();
    assert!(dsn.ends_with("@127.0.0.1:4900/2"), "{dsn}");
    let taken = hub.post("organizations/acme/projects/", wish).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    let bad = hub
        .post(
            "organizations/acme/projects/",
            json!({ "name": "x", "slug": "A B" }),
        )
        .await;
    assert_eq!(bad.json()["field"], "slug");

    let change = json!({ "scrubIPAddresses": true, "sensitiveFields": ["iban", " "] });
    let changed = hub.put("projects/acme/web-front/", change).await.json();
    assert_eq!(changed["scrubIPAddresses"], true);
    assert_eq!(changed["sensitiveFields"], json!(["iban"]));
    let roster = hub.state.fleet.roster().await.unwrap();
    let told = roster
        .projects
        .iter()
        .find(|project| project.slug == "web-front")
        .unwrap();
    assert!(told.privacy.scrub_ip_addresses);
    assert_eq!(told.keys.len(), 1);

    hub.seed().await;
    let gone = hub.delete("projects/acme/shop/").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text);
    assert_eq!(
        hub.get("projects/acme/shop/").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(hub.state.store.event_count().await.unwrap(), 0);
    let list = hub
        .get("organizations/acme/projects/?statsPeriod=24h")
        .await
        .json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["stats"].as_array().unwrap().len(), 24);
}

#[tokio::test]
async fn rotates_keys() {
    let hub = Hub::new().await;
    let keys = hub.get("projects/acme/shop/keys/").await;
    let public = keys.json()[0]["public"].as_str().unwrap().to_owned();
    let dsn = format!("http://{public}@127.0.0.1:4900/1");
    assert_eq!(keys.json()[0]["dsn"]["public"], Value::from(dsn));
    // The id is the key itself, which is random.
    let keys = Answer {
        text: keys
            .text
            .replace(&public, "0123456789abcdef0123456789abcdef"),
        ..keys
    };
    assert_shape!("keys", keys);
    let made = hub
        .post("projects/acme/shop/keys/", json!({ "name": "Second" }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("projects/acme/shop/keys/{id}/");
    let limit =
        json!({ "isActive": false, "rateLimit": { "window": 60, "count": 100, "burst": 20 } });
    let changed = hub.put(&path, limit).await.json();
    assert_eq!(changed["isActive"], false);
    assert_eq!(
        changed["rateLimit"],
        json!({ "window": 60, "count": 100, "burst": 20 })
    );
    let changed = hub.put(&path, json!({ "rateLimit": null })).await.json();
    assert_eq!(changed["rateLimit"], Value::Null);
    assert_eq!(changed["isActive"], false, "what is left out stays");
    let bad = hub
        .put(
            &path,
            json!({ "rateLimit": { "window": 60, "count": 1, "burst": 0 } }),
        )
        .await;
    assert_eq!(bad.json()["field"], "rateLimit");
    assert_eq!(hub.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(&path).await.status, StatusCode::NOT_FOUND);
    let roster = hub.state.fleet.roster().await.unwrap();
    assert_eq!(roster.projects[0].keys.len(), 1);
}

#[tokio::test]
async fn keeps_rules() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/rules/";
    assert_eq!(hub.get(path).await.text, "[]");
    let wish = json!({
        "name": "Tell us", "triggers": ["new_issue"],
        "actions": [{ "type": "webhook", "url": "http://127.0.0.1:9/hook" }],
    });
    let made = hub.post(path, wish.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_shape!("rule", made);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let one = format!("{path}{id}/");
    let changed = hub
        .put(
            &one,
            json!({ "isEnabled": false, "environment": "production" }),
        )
        .await;
    assert_eq!(changed.json()["isEnabled"], false);
    assert_eq!(changed.json()["environment"], "production");
    let tested = hub.post(&format!("{one}test/"), json!({})).await;
    assert_eq!(
        tested.status,
        StatusCode::CONFLICT,
        "a private address is refused"
    );
    assert!(tested.text.contains("private network"), "{}", tested.text);
    for (field, value) in [
        ("triggers", json!([])),
        ("actions", json!([])),
        ("name", json!("")),
    ] {
        let mut wrong = wish.clone();
        wrong[field] = value;
        assert_eq!(
            hub.post(path, wrong).await.status,
            StatusCode::BAD_REQUEST,
            "{field}"
        );
    }
    assert_eq!(hub.delete(&one).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(&one).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        hub.get("projects/acme/shop/notifications/").await.text,
        "[]"
    );
}
