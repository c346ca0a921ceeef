//! What was done to an issue: read page by page, and notes that are written anew.

use super::*;

const ISSUE: &str = "organizations/acme/issues/1/";

#[tokio::test]
async fn whatever_was_done_is_read_page_by_page() {
    const NOTES: usize = 120;
    let hub = Hub::new().await;
    hub.seed().await;
    for n in 0..NOTES {
        let note = json!({ "text": format!("note {n}") });
        hub.post(&format!("{ISSUE}notes/"), note).await;
        if n % 40 == 0 {
            let priority = if n == 40 { "low" } else { "medium" };
            hub.put(ISSUE, json!({ "priority": priority })).await;
        }
    }
    let all = async |path: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = hub.get(&format!("{ISSUE}{path}/?limit=50{cursor}")).await;
            let body = answer.json();
            let rows = body.get("activity").unwrap_or(&body).as_array().unwrap();
            found.extend(rows.clone());
            match answer.cursor("next") {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    };
    let notes = all("notes").await;
    let text = |n: usize| notes[n]["data"]["text"].as_str().unwrap().to_owned();
    assert_eq!(notes.len(), NOTES);
    assert_eq!(
        (text(0), text(NOTES - 1)),
        ("note 119".to_owned(), "note 0".to_owned())
    );
    // Three changes of the priority, and that it was first seen.
    assert_eq!(all("activities").await.len(), NOTES + 4);
    let shown = hub.get(ISSUE).await.json();
    assert_eq!(shown["activity"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_note_is_changed_and_removed_by_who_wrote_it() {
    let hub = Hub::new().await;
    hub.seed().await;
    let note = json!({ "text": "first" });
    let note = hub.post(&format!("{ISSUE}notes/"), note).await.json();
    let id = note["id"].as_str().unwrap();
    let path = format!("{ISSUE}notes/{id}/");
    let second = json!({ "text": " second " });
    let refused = hub
        .ask(&hub.member, Method::PUT, &path, Some(second.clone()))
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    let changed = hub.put(&path, second).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert_eq!(changed.json()["data"]["text"], "second");
    assert_eq!(changed.json()["dateCreated"], note["dateCreated"]);
    let listed = hub.get(&format!("{ISSUE}notes/")).await.json();
    assert_eq!(listed[0]["data"]["text"], "second");
    let empty = hub.put(&path, json!({ "text": " " })).await;
    assert_eq!(empty.json()["field"], "text");
    let log = hub.get("organizations/acme/audit-logs/").await.json();
    assert_eq!(log["rows"][0]["event"], "issue.edit-comment");
    let words = json!(["first", "second"]);
    assert_eq!(log["rows"][0]["data"]["changes"]["text"], words);

    let of_other = format!("organizations/acme/issues/2/notes/{id}/");
    assert_eq!(hub.delete(&of_other).await.status, StatusCode::NOT_FOUND);
    let refused = hub.ask(&hub.member, Method::DELETE, &path, None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let old = format!("issues/1/comments/{id}/");
    assert_eq!(hub.delete(&old).await.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.get(&format!("{ISSUE}notes/")).await.text, "[]");
    assert_eq!(hub.delete(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_activity_tells_to_whom_until_when_and_in_which_release() {
    let hub = Hub::new().await;
    hub.seed().await;
    let latest = async |change: Value| {
        let answer = hub.put(ISSUE, change).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let latest = answer.json()["activity"][0].clone();
        (latest["type"].clone(), latest["data"].clone())
    };
    let (kind, data) = latest(json!({ "assignedTo": "member@acme.example" })).await;
    assert_eq!(kind, "assigned");
    assert_eq!(data["assigneeType"], "user");
    assert_eq!(data["assigneeEmail"], "member@acme.example");
    assert_eq!(data["assigneeName"], "Some One");
    let next = json!({ "status": "resolved", "statusDetails": { "inNextRelease": true } });
    let (kind, data) = latest(next).await;
    assert_eq!(kind, "set_resolved_in_release");
    assert_eq!(data["inNextRelease"], true);
    assert_eq!(data["current_release_version"], "shop@1.0.0");
    let upcoming = json!({ "status": "resolvedInUpcomingRelease" });
    let (kind, data) = latest(upcoming).await;
    assert_eq!(
        (kind, &data["inUpcomingRelease"]),
        (json!("set_resolved_in_release"), &json!(true))
    );
    let this = json!({ "status": "resolved", "statusDetails": { "inRelease": "latest" } });
    assert_eq!(latest(this).await.1, json!({ "version": "shop@1.0.0" }));
    let hour = json!({ "status": "ignored", "statusDetails": { "ignoreDuration": 60 } });
    let (kind, data) = latest(hour).await;
    assert_eq!(kind, "set_ignored");
    assert!(data["ignoreUntil"].is_string(), "{data}");
    let escalating = json!({ "status": "ignored", "substatus": "archived_until_escalating" });
    assert_eq!(
        latest(escalating).await.1,
        json!({ "ignoreUntilEscalating": true })
    );
}
