//! Who looks after what, and what becomes of issues by that.

use super::*;

async fn assignee(hub: &Hub, ty: &str) -> Value {
    let id = hub.issue(ty).await;
    hub.get(&format!("issues/{id}/")).await.json()["assignedTo"].clone()
}

#[tokio::test]
async fn issues_are_given_to_their_owners_once() {
    let hub = Hub::new().await;
    let raw = "path:shop/* nobody@example.org member@acme.example\nmodule:shop.checkout #everyone";
    let path = "projects/acme/shop/ownership/";
    let set = hub.put(path, json!({ "raw": raw })).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    assert_eq!(
        set.json()["schema"]["rules"][1]["owners"][0]["name"],
        "everyone"
    );
    hub.digest(1, &error("Zero", "ann", 50)).await;
    let given = assignee(&hub, "Zero").await;
    assert_eq!(
        (&given["type"], &given["name"]),
        (&json!("team"), &json!("Everyone"))
    );
    let id = hub.issue("Zero").await;
    let activity = hub.get(&format!("issues/{id}/activities/")).await.json();
    let assigned = activity["activity"].as_array().unwrap();
    let assigned = assigned
        .iter()
        .find(|one| one["type"] == "assigned")
        .unwrap();
    assert_eq!(assigned["data"]["rule"], "module:shop.checkout");
    assert_eq!(assigned["user"], Value::Null);

    // What a person decides stays, whatever rules say later.
    hub.put(&format!("issues/{id}/"), json!({ "assignedTo": "" }))
        .await;
    hub.put(path, json!({ "raw": "path:shop/* member@acme.example" }))
        .await;
    hub.digest(2, &error("Zero", "ann", 40)).await;
    assert_eq!(assignee(&hub, "Zero").await, Value::Null);
    hub.digest(3, &error("One", "ann", 30)).await;
    assert_eq!(assignee(&hub, "One").await["email"], "member@acme.example");
    assert_eq!(
        hub.titles("?query=assigned:member@acme.example").await,
        ["One"]
    );
}

#[tokio::test]
async fn owners_are_only_suggested_where_assignment_is_off() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/ownership/";
    let off = json!({
        "raw": "tags.color:ann owner@acme.example",
        "autoAssignment": "Turn off Auto-Assignment",
    });
    let set = hub.put(path, off).await.json();
    assert_eq!(set["autoAssignment"], "Turn off Auto-Assignment");
    hub.digest(1, &error("Zero", "ann", 50)).await;
    hub.digest(2, &error("One", "bob", 40)).await;
    assert_eq!(assignee(&hub, "Zero").await, Value::Null);
    assert_eq!(
        hub.titles("?query=assigned_or_suggested:me").await,
        ["Zero"]
    );
    assert!(hub.titles("?query=assigned:me").await.is_empty());
    assert!(hub.titles("?query=assigned:my_teams").await.is_empty());
    let id = hub.issue("Zero").await;
    let owners = hub.get(&format!("issues/{id}/owners/")).await.json();
    assert_eq!(owners["owners"][0]["email"], "owner@acme.example");
    assert_eq!(owners["rule"]["matcher"]["type"], "tags.color");
    let id = hub.issue("One").await;
    let owners = hub.get(&format!("issues/{id}/owners/")).await.json();
    assert_eq!(owners["source"], "fallthrough");
    assert_eq!(owners["owners"][0]["type"], "team");
    // Rules that are in force now are asked about what is still nobody's.
    let on = json!({ "autoAssignment": "Auto Assign to Issue Owner" });
    hub.put(path, on).await;
    hub.digest(3, &error("Zero", "ann", 30)).await;
    assert_eq!(assignee(&hub, "Zero").await["email"], "owner@acme.example");
}

#[tokio::test]
async fn a_codeowners_file_is_asked_before_the_rules_of_the_project_decide() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/codeowners/";
    assert_eq!(hub.get(path).await.text, "[]");
    let file = json!({ "raw": "# who\n/shop/ @member @acme/everyone\n" });
    let made = hub.post(path, file).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    hub.digest(1, &error("Zero", "ann", 50)).await;
    assert_eq!(assignee(&hub, "Zero").await["email"], "member@acme.example");
    let attempt = "vedette/projects/acme/shop/ownership/try/";
    let own = json!({ "raw": "url:*/pay* gone@example.org #everyone" });
    let tried = hub.post(attempt, own).await.json();
    assert_eq!(tried["owners"][0]["type"], "team", "{tried}");
    assert_eq!(tried["unknown"], json!(["gone@example.org"]));
    assert_eq!(tried["rule"]["line"], 1);
    let gone = hub.delete(&format!("{path}{id}/")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(path).await.text, "[]");
}

#[tokio::test]
async fn rules_that_cannot_be_read_are_refused_with_the_place() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/ownership/";
    let wrong = hub
        .put(path, json!({ "raw": "*.py #web\nfile:x #web" }))
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(wrong.json()["span"], json!([10, 16]));
    assert!(wrong.text.contains("line 2"), "{}", wrong.text);
    assert_eq!(hub.get(path).await.json()["raw"], "");
    let commits = json!({ "autoAssignment": "Auto Assign to Suspect Commits" });
    assert_eq!(
        hub.put(path, commits).await.json()["field"],
        "autoAssignment"
    );
}
