//! Grouping as it is set, tried and explained; merging and taking apart.

use super::*;

const SETTINGS: &str = "vedette/projects/acme/shop/grouping/";

#[tokio::test]
async fn sets_rules_and_says_where_they_are_wrong() {
    let hub = Hub::new().await;
    let plain = hub.get(SETTINGS).await.json();
    assert_eq!(plain["version"], "vedette:4");
    assert_eq!(plain["previous"], Value::Null);
    let wrong = hub
        .put(
            SETTINGS,
            json!({"enhancements": "function:a +app\nfish:b -app"}),
        )
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let wrong = wrong.json();
    assert_eq!(wrong["field"], "enhancements");
    assert_eq!(wrong["span"], json!([16, 20]));
    assert!(
        wrong["detail"]
            .as_str()
            .unwrap()
            .starts_with("line 2, column 1"),
        "{wrong}"
    );
    let wrong = hub
        .put(SETTINGS, json!({"fingerprints": "type:a"}))
        .await
        .json();
    assert_eq!(wrong["field"], "fingerprints");
    let wrong = hub.put(SETTINGS, json!({"version": "vedette:99"})).await;
    assert_eq!(wrong.json()["field"], "version");

    let rule = "type:Z* -> zeros";
    let set = hub.put(SETTINGS, json!({"fingerprints": rule})).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    assert_eq!(hub.get(SETTINGS).await.json()["fingerprints"], rule);
    let denied = hub
        .ask(&hub.narrow, Method::PUT, SETTINGS, Some(json!({})))
        .await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    // The next events are grouped by it.
    hub.digest(1, &error("Zero", "ann", 2)).await;
    hub.digest(2, &error("Zulu", "ann", 1)).await;
    assert_eq!(hub.titles("").await, ["Zulu"]);
}

#[tokio::test]
async fn tries_rules_on_an_event_without_keeping_them() {
    let hub = Hub::new().await;
    hub.seed().await;
    let one = hub.issue("One").await;
    let path = format!("{SETTINGS}try/");
    let id = format!("{:032x}", 4);
    let same = hub.post(&path, json!({"eventId": id})).await;
    assert_eq!(same.status, StatusCode::OK, "{}", same.text);
    let same = same.json();
    assert_eq!(
        (&same["differs"], &same["issue"]),
        (&json!(false), &json!(one))
    );
    let other = json!({"eventId": id, "fingerprints": "type:One -> mine title=\"Mine\""});
    let other = hub.post(&path, other).await.json();
    assert_eq!(
        (&other["differs"], &other["issue"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(other["after"]["title"], "Mine");
    assert_eq!(other["after"]["rule"], "type:One -> mine title=\"Mine\"");
    assert_eq!(other["after"]["decidedBy"], "custom_fingerprint");
    let given = hub
        .post(&path, json!({"event": {"message": "hello"}}))
        .await
        .json();
    assert_eq!(given["after"]["contributing"][0]["value"], "hello");
    let neither = hub.post(&path, json!({})).await;
    assert_eq!(neither.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.get(SETTINGS).await.json()["fingerprints"], "");
}

#[tokio::test]
async fn says_why_an_event_is_here_and_what_it_nearly_joined() {
    let hub = Hub::new().await;
    hub.seed().await;
    let path = format!("projects/acme/shop/events/{:032x}/grouping-info/", 4);
    let answer = hub.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let info = answer.json();
    assert_eq!(info["decidedBy"], "app");
    let texts = info["contributing"].as_array().unwrap();
    assert!(
        texts.contains(&json!({"path": "exception.type", "value": "One"})),
        "{info}"
    );
    let neighbours = info["neighbours"].as_array().unwrap();
    assert_eq!(neighbours.len(), 2, "{info}");
    assert_eq!(
        neighbours[0]["difference"],
        json!({"path": "exception.type", "own": "One", "other": neighbours[0]["title"].as_str().unwrap().split(':').next()}),
    );
    let one = hub.issue("One").await;
    let similar = hub
        .get(&format!("organizations/acme/issues/{one}/similar/"))
        .await;
    assert_eq!(
        similar.json().as_array().unwrap().len(),
        2,
        "{}",
        similar.text
    );
}

#[tokio::test]
async fn merges_issues_with_exact_counts_and_takes_them_apart_again() {
    let hub = Hub::new().await;
    hub.seed().await;
    let (zero, one, two) = (
        hub.issue("Zero").await,
        hub.issue("One").await,
        hub.issue("Two").await,
    );
    let list = "organizations/acme/issues/";
    let merged = hub
        .put(
            &format!("{list}?id={zero}&id={one}&id={two}"),
            json!({"merge": 1}),
        )
        .await;
    assert_eq!(merged.status, StatusCode::OK, "{}", merged.text);
    assert_eq!(merged.json()["merge"]["parent"], zero);
    let issue = hub.get(&format!("{list}{zero}/")).await.json();
    assert_eq!(
        (&issue["count"], &issue["userCount"]),
        (&json!("5"), &json!(3))
    );
    assert_eq!(issue["activity"][0]["type"], "merge");
    assert_eq!(
        issue["metadata"]["type"], "Two",
        "it shows its latest event"
    );
    // Addresses of what was merged lead to what it became.
    for address in [format!("{list}{one}/"), format!("{list}SHOP-{one}/")] {
        assert_eq!(hub.get(&address).await.json()["id"], zero, "{address}");
    }
    let tags = hub
        .get(&format!("{list}{zero}/tags/color/values/"))
        .await
        .json();
    assert_eq!(tags.as_array().unwrap().len(), 3, "{tags}");
    hub.rows_become(0, "SELECT COUNT(*) FROM issue_moves").await;
    let found = hub.get(&format!("{list}?query=color:cy")).await.json();
    assert_eq!(found[0]["id"], zero, "{found}");
    // What comes now goes to what is left.
    hub.digest(6, &error("One", "dan", 5)).await;
    let issue = hub.get(&format!("{list}{zero}/")).await.json();
    assert_eq!(
        (&issue["count"], &issue["userCount"]),
        (&json!("6"), &json!(4))
    );

    let path = format!("projects/acme/shop/events/{:032x}/grouping-info/", 4);
    let hash = hub.get(&path).await.json()["hashes"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let hashes = hub.get(&format!("{list}{zero}/hashes/")).await.json();
    let mut of_one = hashes.as_array().unwrap().iter();
    let of_one = of_one.find(|each| each["id"] == json!(hash)).unwrap();
    assert_eq!(of_one["title"], "One: One went wrong");
    assert_eq!(
        of_one["latestEvent"]["eventID"],
        format!("{:032x}", 6),
        "the latest of its events"
    );
    let apart = hub.delete(&format!("{list}{zero}/hashes/?id={hash}")).await;
    assert_eq!(apart.status, StatusCode::ACCEPTED, "{}", apart.text);
    let new = apart.json()["issues"][0].as_str().unwrap().to_owned();
    assert_eq!(new, "4", "nor are their ids given to others");
    let new_issue = hub.get(&format!("{list}{new}/")).await.json();
    assert_eq!(
        (&new_issue["count"], &new_issue["userCount"]),
        (&json!("2"), &json!(2))
    );
    assert_eq!(new_issue["metadata"]["type"], "One");
    let old = hub.get(&format!("{list}{zero}/")).await.json();
    assert_eq!((&old["count"], &old["userCount"]), (&json!("4"), &json!(3)));
    assert_eq!(old["activity"][0]["type"], "unmerge_source");
    hub.rows_become(0, "SELECT COUNT(*) FROM issue_moves").await;
    let found = hub.get(&format!("{list}?query=color:dan")).await.json();
    assert_eq!(found[0]["id"], json!(new), "{found}");
    hub.digest(7, &error("One", "eve", 1)).await;
    assert_eq!(hub.get(&format!("{list}{new}/")).await.json()["count"], "3");
    let nothing = hub.delete(&format!("{list}{new}/hashes/?id={hash}")).await;
    assert_eq!(
        nothing.status,
        StatusCode::BAD_REQUEST,
        "all of its events have the hash"
    );
}

#[tokio::test]
async fn what_is_moved_while_it_is_indexed_is_indexed_from_the_beginning() {
    let hub = Hub::new().await;
    hub.seed().await;
    let store = &hub.state.store;
    let mut write = store.begin().await.unwrap();
    write.note_move(1).await.unwrap();
    assert!(write.moved_upto(1, 0, Some(2)).await.unwrap());
    write.note_move(1).await.unwrap();
    assert!(!write.moved_upto(1, 2, Some(3)).await.unwrap());
    assert!(!write.moved_upto(1, 3, None).await.unwrap());
    write.commit().await.unwrap();
    assert_eq!(store.issue_moves().await.unwrap(), [(1, -1)]);
}

#[tokio::test]
async fn splits_an_issue_by_a_tag_for_good() {
    let hub = Hub::new().await;
    hub.seed().await;
    let zero = hub.issue("Zero").await;
    let split = format!("vedette/organizations/acme/issues/{zero}/split/");
    let done = hub.post(&split, json!({"tag": "color"})).await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{}", done.text);
    assert_eq!(done.json()["issues"].as_array().unwrap().len(), 2);
    hub.digest(6, &error("Zero", "bob", 1)).await;
    hub.digest(7, &error("Zero", "cy", 1)).await;
    let answer = hub.get("organizations/acme/issues/").await.json();
    let mut counts: Vec<_> = answer
        .as_array()
        .unwrap()
        .iter()
        .filter(|issue| issue["metadata"]["type"] == "Zero")
        .map(|issue| issue["count"].as_str().unwrap().to_owned())
        .collect();
    counts.sort();
    // Nothing is left in the old one; ann has two, bob two, cy one.
    assert_eq!(counts, ["0", "1", "2", "2"]);
    assert_eq!(hub.get(SETTINGS).await.json()["splits"][0]["tag"], "color");
}

#[tokio::test]
async fn what_was_taken_apart_is_put_back_as_it_was() {
    let hub = Hub::new().await;
    hub.seed().await;
    let (zero, one) = (hub.issue("Zero").await, hub.issue("One").await);
    let split = format!("vedette/organizations/acme/issues/{zero}/split/");
    let shown = async || {
        let issue = hub.get(&format!("issues/{zero}/")).await.json();
        let parts = [
            "shortId",
            "count",
            "userCount",
            "firstSeen",
            "lastSeen",
            "title",
        ];
        parts.map(|part| issue[part].clone())
    };
    let before = shown().await;
    let names = |parted: Answer| {
        assert_eq!(parted.status, StatusCode::ACCEPTED, "{}", parted.text);
        let issues = parted.json()["issues"].clone();
        let issues = issues.as_array().unwrap().iter();
        issues
            .map(|id| format!("id={}", id.as_str().unwrap()))
            .collect::<Vec<_>>()
            .join("&")
    };
    // Twice: nothing of the first time is in the way.
    for _ in 0..2 {
        let parted = names(hub.post(&split, json!({ "tag": "color" })).await);
        assert_ne!(shown().await, before);
        let foreign = hub.delete(&format!("{split}?{parted}&id={one}")).await;
        assert_eq!(foreign.json()["field"], "id", "{}", foreign.text);
        let back = hub.delete(&format!("{split}?{parted}")).await;
        assert_eq!(back.status, StatusCode::OK, "{}", back.text);
        assert_eq!(back.json()["parent"], zero);
        assert_eq!(shown().await, before);
        assert_eq!(hub.get(SETTINGS).await.json()["splits"], json!([]));
        assert_eq!(hub.titles("").await.len(), 3);
    }
    let activity = hub.get(&format!("issues/{zero}/")).await.json()["activity"].clone();
    assert_eq!(activity[0]["type"], "merge");
    hub.rows_become(0, "SELECT COUNT(*) FROM issue_moves").await;
    let found = hub.get("organizations/acme/issues/?query=color:bob").await;
    assert!(
        found.text.contains(&format!("\"id\":\"{zero}\"")),
        "{}",
        found.text
    );

    // By hashes, into the one it was taken out of, also where that is the smaller one.
    let list = "organizations/acme/issues/";
    hub.put(&format!("{list}?id={zero}&id={one}"), json!({ "merge": 1 }))
        .await;
    let path = format!("projects/acme/shop/events/{:032x}/grouping-info/", 1);
    let hash = hub.get(&path).await.json()["hashes"][0].clone();
    let hash = hash.as_str().unwrap();
    let before = shown().await;
    let parted = names(hub.delete(&format!("{list}{zero}/hashes/?id={hash}")).await);
    let back = hub.delete(&format!("{split}?{parted}")).await;
    assert_eq!(back.json()["parent"], zero, "{}", back.text);
    assert_eq!(shown().await, before);
    // The next event of either is where it was.
    hub.digest(8, &error("Zero", "ann", 1)).await;
    hub.digest(9, &error("One", "ann", 1)).await;
    assert_eq!(shown().await[1], "6");
    // What was worked on since is no more what was made.
    let parted = names(hub.delete(&format!("{list}{zero}/hashes/?id={hash}")).await);
    let two = hub.issue("Two").await;
    hub.put(&format!("{list}?{parted}&id={two}"), json!({ "merge": 1 }))
        .await;
    let late = hub.delete(&format!("{split}?{parted}")).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST, "{}", late.text);
}

#[tokio::test]
async fn upgrades_without_tearing_an_issue_apart() {
    let hub = Hub::new().await;
    hub.put(SETTINGS, json!({"version": "vedette:1"})).await;
    hub.put(SETTINGS, json!({"previous": null})).await;
    let message = |n: u32| json!({"message": format!("cart {n} waited 5m for /tmp/a{n}/x"), "level": "error"});
    hub.digest(1, &message(1)).await;
    let upgraded = hub
        .put(SETTINGS, json!({"version": "vedette:2"}))
        .await
        .json();
    assert_eq!(upgraded["previous"], "vedette:1");
    // The old way finds the issue, the new way's hash is bound to it, and is enough from then on.
    hub.digest(2, &message(1)).await;
    hub.digest(3, &message(2)).await;
    hub.put(SETTINGS, json!({"previous": null})).await;
    hub.digest(4, &message(3)).await;
    let issues = hub.get("organizations/acme/issues/").await.json();
    assert_eq!(issues.as_array().unwrap().len(), 1, "{issues}");
    assert_eq!(issues[0]["count"], "4");
}

const RULES_BY_CATEGORY: &str = "module:shop.checkout -app category=pay";

#[tokio::test]
async fn rules_about_frames_are_seen_wherever_frames_are() {
    let hub = Hub::new().await;
    hub.put(SETTINGS, json!({"enhancements": RULES_BY_CATEGORY}))
        .await;
    let owners = json!({ "raw": "path:shop/* owner@acme.example" });
    hub.put("projects/acme/shop/ownership/", owners).await;
    hub.digest(1, &error("Zero", "ann", 2)).await;
    let event = hub
        .get(&format!("projects/acme/shop/events/{:032x}/", 1))
        .await
        .json();
    let entries = event["entries"].as_array().unwrap();
    let exception = entries.iter().find(|entry| entry["type"] == "exception");
    let frames = &exception.unwrap()["data"]["values"][0]["stacktrace"]["frames"];
    assert_eq!(frames[0]["inApp"], false);
    assert_eq!(frames[0]["data"], Value::Null, "nothing was changed of it");
    assert_eq!(frames[1]["inApp"], false);
    let changed = json!({ "orig_in_app": 1, "category": "pay" });
    assert_eq!(frames[1]["data"], changed);
    let issue = hub.get("organizations/acme/issues/").await.json()[0].clone();
    assert_eq!(issue["metadata"]["in_app_frame_mix"], "system-only");
    assert_eq!(issue["assignedTo"], Value::Null, "no frame of the owner's");
    assert_eq!(hub.titles("?query=stack.in_app:true").await, [""; 0]);
    assert_eq!(hub.titles("?query=stack.in_app:false").await, ["Zero"]);
    // And taken back, what comes is as the SDK says.
    hub.put(SETTINGS, json!({"enhancements": ""})).await;
    hub.digest(2, &error("One", "ann", 1)).await;
    assert_eq!(hub.titles("?query=stack.in_app:true").await, ["One"]);
}

#[tokio::test]
async fn rules_about_fingerprints_see_those_about_frames_from_the_third_way_on() {
    let hub = Hub::new().await;
    let second = json!({
        "version": "vedette:2",
        "enhancements": RULES_BY_CATEGORY,
        "fingerprints": "category:pay app:no -> paid",
    });
    hub.put(SETTINGS, second).await;
    hub.put(SETTINGS, json!({"previous": null})).await;
    hub.digest(1, &error("Zero", "ann", 4)).await;
    hub.put(SETTINGS, json!({"version": "vedette:3"})).await;
    // The way before finds the issue; the rule's fingerprint is bound to it.
    hub.digest(2, &error("Zero", "ann", 3)).await;
    hub.put(SETTINGS, json!({"previous": null})).await;
    hub.digest(3, &error("Zero", "ann", 2)).await;
    hub.digest(4, &error("One", "ann", 1)).await;
    let issues = hub.get("organizations/acme/issues/").await.json();
    assert_eq!(issues.as_array().unwrap().len(), 1, "{issues}");
    assert_eq!(issues[0]["count"], "4");
}
