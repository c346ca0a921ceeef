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
    let nobody = json!({ "autoAssignment": "Auto Assign to Nobody" });
    assert_eq!(
        hub.put(path, nobody).await.json()["field"],
        "autoAssignment"
    );
}

#[tokio::test]
async fn issues_are_given_to_whose_commit_may_have_brought_them() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/ownership/";
    let suspects = "Auto Assign to Suspect Commits";
    let raw = "path:shop/* owner@acme.example";
    let set = hub
        .put(path, json!({ "raw": raw, "autoAssignment": suspects }))
        .await;
    assert_eq!(set.json()["autoAssignment"], suspects, "{}", set.text);
    let told = async |version: &str, id: &str, author: &str, file: &str| {
        let commit = json!({
            "id": id, "repository": "acme/shop", "message": "m", "author_name": "n",
            "author_email": author, "timestamp": clock::now().to_rfc3339(),
            "patch_set": [{ "path": file, "type": "M" }],
        });
        let release = json!({ "version": version, "projects": ["shop"], "commits": [commit] });
        let made = hub.post("organizations/acme/releases/", release).await;
        assert!(made.status.is_success(), "{}", made.text);
    };
    let of = |ty: &str, version: &str| {
        let mut event = error(ty, "ann", 10);
        event["release"] = json!(version);
        event
    };
    // Nobody touched the file yet: the rule decides.
    told("shop@1.0.0", "a1", "member@acme.example", "README.md").await;
    hub.digest(1, &of("Zero", "shop@1.0.0")).await;
    assert_eq!(assignee(&hub, "Zero").await["email"], "owner@acme.example");
    told(
        "shop@1.1.0",
        "b2",
        "Member@acme.example",
        "shop/checkout.py",
    )
    .await;
    hub.digest(2, &of("One", "shop@1.1.0")).await;
    assert_eq!(assignee(&hub, "One").await["email"], "member@acme.example");
    let id = hub.issue("One").await;
    let activity = hub.get(&format!("issues/{id}/activities/")).await.json();
    let assigned = &activity["activity"][0]["data"];
    assert_eq!(assigned["integration"], "suspectCommitter", "{activity}");
    assert_eq!(assigned["commit"], "b2");
    // Who is no member cannot be given anything.
    told("shop@1.2.0", "c3", "gone@example.org", "shop/checkout.py").await;
    hub.put(path, json!({ "raw": "" })).await;
    hub.digest(3, &of("Two", "shop@2.0.0")).await;
    assert_eq!(assignee(&hub, "Two").await, Value::Null);
    // Commits that are told later are asked about with the next event.
    told(
        "shop@2.0.0",
        "d4",
        "member@acme.example",
        "web/shop/checkout.py",
    )
    .await;
    hub.digest(4, &of("Two", "shop@2.0.0")).await;
    assert_eq!(assignee(&hub, "Two").await["email"], "member@acme.example");
    let off = json!({ "autoAssignment": "Turn off Auto-Assignment" });
    hub.put(path, off).await;
    hub.digest(5, &of("Three", "shop@2.0.0")).await;
    assert_eq!(assignee(&hub, "Three").await, Value::Null);
}
