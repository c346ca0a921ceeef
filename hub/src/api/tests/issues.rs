//! Lists of issues, one issue, and changes of both.

use super::*;

const LIST: &str = "organizations/acme/issues/";

#[tokio::test]
async fn lists_issues_as_clients_expect_them() {
    let hub = Hub::new().await;
    let empty = hub.get(LIST).await;
    assert_eq!((empty.status, empty.text.as_str()), (StatusCode::OK, "[]"));
    assert_eq!(empty.headers["x-hits"], "0");
    assert_eq!(empty.cursor("next"), None);

    hub.seed().await;
    let answer = hub.get(LIST).await;
    assert_eq!(answer.headers["x-hits"], "3");
    let issues = answer.json();
    let first = &issues[2];
    assert_eq!(first["count"], "3", "count is a text");
    assert_eq!(first["userCount"], 2);
    let total: i64 = first["stats"]["24h"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point[1].as_i64().unwrap())
        .sum();
    assert_eq!(total, 3);
    assert_shape!("issue_list", answer);
    let of_project = hub.get("projects/acme/shop/issues/").await;
    assert_eq!(of_project.json().as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn sorts_by_time_events_and_users() {
    let hub = Hub::new().await;
    hub.seed().await;
    assert_eq!(hub.titles("").await, ["Two", "One", "Zero"]);
    assert_eq!(hub.titles("?sort=new").await, ["Two", "One", "Zero"]);
    assert_eq!(hub.titles("?sort=freq").await, ["Zero", "Two", "One"]);
    assert_eq!(hub.titles("?sort=user").await, ["Zero", "Two", "One"]);
    let answer = hub.get(&format!("{LIST}?sort=colour")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["field"], "sort");
}

#[tokio::test]
async fn sorts_by_what_is_worth_a_look() {
    let hub = Hub::new().await;
    hub.seed().await;
    hub.state.store.measure_trends(clock::now()).await.unwrap();
    assert_eq!(hub.titles("?sort=trends").await, ["Zero", "Two", "One"]);
    // All three are new; what was looked at does not wait any more.
    assert_eq!(hub.titles("?sort=inbox").await, ["Two", "One", "Zero"]);
    let two = hub.issue("Two").await;
    let seen = json!({ "inbox": false });
    let answer = hub.put(&format!("issues/{two}/"), seen).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(hub.titles("?sort=inbox").await, ["One", "Zero", "Two"]);
    // What waits comes before what was seen later by a minute.
    assert_eq!(
        hub.titles("?sort=recommended").await,
        ["One", "Zero", "Two"]
    );
    let one = hub.issue("One").await;
    let low = json!({ "priority": "low" });
    hub.put(&format!("issues/{one}/"), low).await;
    assert_eq!(hub.titles("?sort=recommended").await[0], "Zero");
}

#[tokio::test]
async fn every_order_is_read_page_by_page_without_a_gap() {
    let hub = Hub::new().await;
    hub.seed().await;
    hub.state.store.measure_trends(clock::now()).await.unwrap();
    for sort in ["trends", "inbox", "recommended", "user"] {
        let whole = hub.titles(&format!("?sort={sort}")).await;
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let answer = hub
                .get(&format!("{LIST}?sort={sort}&limit=1{cursor}"))
                .await;
            let title = answer.json()[0]["metadata"]["type"].clone();
            paged.push(title.as_str().unwrap().to_owned());
            match answer.cursor("next") {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(paged, whole, "{sort}");
    }
}

#[tokio::test]
async fn counts_the_events_that_the_search_means() {
    let hub = Hub::new().await;
    hub.seed().await;
    let check = async |query: &str| hub.get(&format!("{LIST}?query={query}")).await.json();
    let found = check("is:unresolved+user.id:ann").await;
    let filtered = &found[0]["filtered"];
    assert_eq!(filtered["count"], "2", "count is a text");
    assert_eq!(filtered["userCount"], 1);
    assert_eq!(found[0]["lifetime"]["count"], "3");
    assert_eq!(found[0]["lifetime"]["userCount"], 2);
    assert!(filtered["lastSeen"].as_str() < found[0]["lastSeen"].as_str());
    let points = filtered["stats"]["24h"].as_array().unwrap();
    let n: i64 = points.iter().map(|point| point[1].as_i64().unwrap()).sum();
    assert_eq!(n, 2);
    // A search for issues means all their events.
    assert!(check("is:unresolved").await[0]["filtered"].is_null());
    let either = check("is:resolved+or+user.id:ann").await;
    assert!(either[0]["filtered"].is_null());
    let left_out = check("user.id:ann&collapse=filtered").await;
    assert!(left_out[0]["filtered"].is_null());
}

#[tokio::test]
async fn pages_stay_where_they_are_while_events_arrive() {
    let hub = Hub::new().await;
    hub.seed().await;
    let first = hub.get(&format!("{LIST}?limit=1")).await;
    assert_eq!(first.cursor("previous"), None);
    let next = first.cursor("next").unwrap();
    hub.digest(6, &error("Three", "ann", 1)).await;
    let second = hub.get(&format!("{LIST}?limit=1&cursor={next}")).await;
    assert_eq!(second.json()[0]["metadata"]["type"], "One");
    let next = second.cursor("next").unwrap();
    let third = hub.get(&format!("{LIST}?limit=1&cursor={next}")).await;
    assert_eq!(third.json()[0]["metadata"]["type"], "Zero");
    assert_eq!(third.cursor("next"), None);
    let back = third.cursor("previous").unwrap();
    let again = hub.get(&format!("{LIST}?limit=1&cursor={back}")).await;
    assert_eq!(again.json()[0]["metadata"]["type"], "One");
    let back = again.cursor("previous").unwrap();
    let before = hub.get(&format!("{LIST}?limit=2&cursor={back}")).await;
    let titles: Vec<Value> = before
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["metadata"]["type"].clone())
        .collect();
    assert_eq!(titles, ["Three", "Two"], "in the order of the list");
    assert_eq!(before.cursor("previous"), None);
    for bad in [
        "limit=0",
        "limit=101",
        "cursor=nonsense",
        "statsPeriod=1y",
        "project=nope",
    ] {
        let answer = hub.get(&format!("{LIST}?{bad}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn filters_by_environment_project_and_time() {
    let hub = Hub::new().await;
    hub.seed().await;
    let mut bare = error("Bare", "ann", 5);
    bare.as_object_mut().unwrap().remove("environment");
    hub.digest(7, &bare).await;
    assert_eq!(
        hub.titles("?environment=production").await,
        ["Two", "One", "Zero"]
    );
    assert_eq!(hub.titles("?environment=staging").await, [""; 0]);
    assert_eq!(hub.titles("?environment=").await, ["Bare"]);
    assert_eq!(hub.titles("?project=-1").await.len(), 4);
    assert_eq!(
        hub.titles(&format!("?project={}", hub.project)).await.len(),
        4
    );
    assert_eq!(hub.titles("?statsPeriod=15s").await, ["Bare", "Two"]);
    assert_eq!(hub.titles("?end=2020-01-01T00:00:00Z").await, [""; 0]);
}

#[tokio::test]
async fn shows_one_issue_by_id_and_short_id() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let answer = hub.get(&format!("organizations/acme/issues/{id}/")).await;
    assert_shape!("issue", answer);
    for path in [
        format!("issues/{id}/"),
        "organizations/acme/issues/SHOP-1/".to_owned(),
        "issues/shop-1/".to_owned(),
    ] {
        assert_eq!(
            hub.get(&path).await.json()["id"],
            Value::from(id.clone()),
            "{path}"
        );
    }
    let answer = hub.get("organizations/acme/shortids/SHOP-1/").await;
    assert_eq!(answer.json()["group"]["id"], Value::from(id.clone()));
    for path in [
        "issues/999/",
        "issues/SHOP-ZZ/",
        "issues/%00/",
        "organizations/acme/issues/x/",
    ] {
        assert_eq!(hub.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let hashes = hub.get(&format!("issues/{id}/hashes/")).await.json();
    assert!(hashes[0]["id"].as_str().unwrap().len() == 32);
    assert_eq!(hashes[0]["latestEvent"]["groupID"], json!(id));
}

#[tokio::test]
async fn resolves_archives_and_reopens() {
    let hub = Hub::new().await;
    hub.seed().await;
    let (zero, one) = (hub.issue("Zero").await, hub.issue("One").await);
    let path = format!("{LIST}?id={zero}&id={one}");
    let answer = hub.put(&path, json!({ "status": "resolved" })).await;
    assert_eq!(
        answer.json(),
        json!({ "status": "resolved", "statusDetails": {} })
    );
    assert_eq!(hub.titles("").await, ["Two"]);
    assert_eq!(hub.titles("?query=is:resolved").await, ["One", "Zero"]);

    hub.digest(8, &error("Zero", "ann", 0)).await;
    assert_eq!(hub.titles("?query=is:regressed").await, ["Zero"]);

    let ignored = json!({ "status": "ignored", "statusDetails": { "ignoreCount": 2 } });
    let answer = hub.put(&format!("issues/{zero}/"), ignored).await;
    assert_eq!(answer.json()["substatus"], "archived_until_condition_met");
    assert_eq!(answer.json()["statusDetails"], json!({ "ignoreCount": 2 }));
    hub.digest(9, &error("Zero", "ann", 0)).await;
    assert_eq!(hub.titles("?query=is:ignored").await, ["Zero"]);
    hub.digest(10, &error("Zero", "ann", 0)).await;
    assert_eq!(hub.titles("").await, ["Zero", "Two"]);

    let forever = json!({ "status": "ignored", "substatus": "archived_forever" });
    let answer = hub.put(&format!("issues/{zero}/"), forever).await;
    assert_eq!(answer.json()["substatus"], "archived_forever");
    let answer = hub
        .put(
            &format!("issues/{zero}/"),
            json!({ "status": "unresolved" }),
        )
        .await;
    assert_eq!(answer.json()["substatus"], "ongoing");
    let kinds: Vec<Value> = answer.json()["activity"]
        .as_array()
        .unwrap()
        .iter()
        .map(|activity| activity["type"].clone())
        .collect();
    assert_eq!(kinds.first().unwrap(), "set_unresolved");
    assert!(kinds.contains(&json!("set_regression")), "{kinds:?}");
    assert!(kinds.contains(&json!("set_resolved")), "{kinds:?}");
}

#[tokio::test]
async fn resolves_in_releases() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let latest = json!({ "status": "resolved", "statusDetails": { "inRelease": "latest" } });
    let answer = hub.put(&path, latest).await;
    assert_eq!(
        answer.json()["statusDetails"],
        json!({ "inRelease": "shop@1.0.0" })
    );
    let next = json!({ "status": "resolvedInNextRelease" });
    let answer = hub.put(&path, next).await;
    assert_eq!(
        answer.json()["statusDetails"],
        json!({ "inNextRelease": true })
    );
    hub.digest(11, &error("Zero", "ann", 0)).await;
    assert_eq!(
        hub.get(&path).await.json()["status"],
        "resolved",
        "the same release"
    );
}

#[tokio::test]
async fn the_upcoming_release_is_the_one_after_what_is_out() {
    let hub = Hub::new().await;
    hub.seed().await;
    // Made already, and of no event yet.
    let two = json!({ "version": "shop@2.0.0", "projects": ["shop"] });
    let made = hub.post("organizations/acme/releases/", two).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let details = json!({ "inUpcomingRelease": true });
    let change = json!({ "status": "resolved", "statusDetails": details });
    let answer = hub.put(&path, change).await.json();
    assert_eq!(answer["statusDetails"], details);
    hub.digest(11, &error("Zero", "ann", 0)).await;
    assert_eq!(hub.get(&path).await.json()["status"], "resolved");
    let mut later = error("Zero", "ann", 0);
    later["release"] = json!("shop@2.0.0");
    hub.digest(12, &later).await;
    assert_eq!(hub.get(&path).await.json()["substatus"], "regressed");
    let other = json!({ "status": "resolvedInUpcomingRelease" });
    let answer = hub.put(&path, other).await.json();
    assert_eq!(answer["statusDetails"], details);
}

#[tokio::test]
async fn a_search_changes_every_issue_that_it_finds() {
    let hub = Hub::new().await;
    for n in 0..130 {
        let event = json!({ "message": format!("step {}", "x".repeat(n + 1)), "level": "warning" });
        hub.digest_item(
            u128::try_from(n).unwrap() + 1,
            "event",
            &json!({}),
            &event.to_string(),
        )
        .await;
    }
    hub.state.index.commit().await.unwrap();
    let found = hub
        .get(&format!("{LIST}?query=level:warning&limit=1"))
        .await;
    assert_eq!(found.headers["x-hits"], "130");
    let resolved = json!({ "status": "resolved" });
    let path = format!("{LIST}?query=level:warning");
    let answer = hub.put(&path, resolved).await;
    assert_eq!(answer.json()["status"], "resolved", "{}", answer.text);
    let left = hub.get(&format!("{LIST}?query=is:unresolved")).await;
    assert_eq!(left.json(), json!([]));
    let named: String = (1..=101).map(|id| format!("&id={id}")).collect();
    let answer = hub.put(&format!("{LIST}?{named}"), json!({})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn assigns_marks_and_notes() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let change = json!({
        "assignedTo": "member@acme.example", "priority": "low", "hasSeen": true,
        "isBookmarked": true,
    });
    let issue = hub.put(&path, change).await.json();
    assert_eq!(issue["assignedTo"]["email"], "member@acme.example");
    assert_eq!(issue["priority"], "low");
    assert_eq!(issue["hasSeen"], true);
    assert_eq!(issue["isBookmarked"], true);
    assert_eq!(issue["seenBy"].as_array().unwrap().len(), 1);
    assert_eq!(hub.titles("?query=is:assigned").await, ["Zero"]);
    let issue = hub.put(&path, json!({ "assignedTo": "" })).await.json();
    assert_eq!(issue["assignedTo"], Value::Null);
    assert_eq!(issue["priority"], "low", "what is left out stays");

    let note = hub
        .post(
            &format!("{path}notes/"),
            json!({ "text": "seen <b>it</b>" }),
        )
        .await;
    assert_eq!(note.status, StatusCode::CREATED);
    assert_shape!("note", note);
    let notes = hub.get(&format!("{path}notes/")).await.json();
    assert_eq!(notes.as_array().unwrap().len(), 1);
    assert_eq!(hub.get(&path).await.json()["numComments"], 1);

    for wrong in [
        json!({ "assignedTo": "owner@other.example" }),
        json!({ "priority": "urgent" }),
        json!({ "status": "gone" }),
        json!({ "merge": 1 }),
        json!({ "status": 7 }),
    ] {
        let answer = hub.put(&path, wrong.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{wrong}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn bulk_changes_follow_ids_or_the_search() {
    let hub = Hub::new().await;
    hub.seed().await;
    let resolved = json!({ "status": "resolved" });
    let nothing = hub
        .put(&format!("{LIST}?query=is:resolved"), resolved.clone())
        .await;
    assert_eq!(nothing.status, StatusCode::NO_CONTENT);
    let answer = hub
        .put(&format!("{LIST}?query=is:unresolved"), resolved.clone())
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(hub.titles("").await, [""; 0]);
    let back = json!({ "status": "unresolved" });
    let answer = hub.put("projects/acme/shop/issues/?id=SHOP-1", back).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(hub.titles("").await, ["Zero"]);
    let many = "&id=1".repeat(101);
    let answer = hub.put(&format!("{LIST}?{many}"), resolved).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_deleted_issue_is_gone_at_once_and_comes_back_as_a_new_one() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let deleted = hub.delete(&path).await;
    assert_eq!(deleted.status, StatusCode::ACCEPTED);
    assert_eq!(hub.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(hub.titles("?query=").await, ["Two", "One"]);
    hub.digest(12, &error("Zero", "ann", 0)).await;
    assert_ne!(hub.issue("Zero").await, id);

    let answer = hub
        .delete(&format!("{LIST}?id={}", hub.issue("One").await))
        .await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    hub.rows_become(3, "SELECT COUNT(*) FROM events").await;
    hub.rows_become(2, "SELECT COUNT(*) FROM issues").await;
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_is_finished() {
    let hub = Hub::new().await;
    hub.seed().await;
    let mut write = hub.state.store.begin().await.unwrap();
    write.hide_issues(&[1]).await.unwrap();
    write.commit().await.unwrap();
    hub.state.resume_deletions().await.unwrap();
    hub.rows_become(2, "SELECT COUNT(*) FROM events").await;
}

#[tokio::test]
async fn hostile_text_comes_back_as_json_text() {
    let hub = Hub::new().await;
    let script = "<script>alert('\u{2028}\"&')</script>";
    let mut event = error("X", "ann", 0);
    event["exception"]["values"][0]["type"] = script.into();
    event["tags"] = json!({ "bad": script });
    hub.digest(13, &event).await;
    let answer = hub.get(&format!("{LIST}?query=")).await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert!(
        answer.json()[0]["title"]
            .as_str()
            .unwrap()
            .starts_with(script)
    );
    let answer = hub
        .get("organizations/acme/issues/SHOP-1/events/latest/")
        .await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert!(answer.text.contains("<script>"));
}

#[tokio::test]
async fn open_pages_hear_of_changes() {
    let hub = Hub::new().await;
    let path = "/api/0/organizations/acme/issues/live/";
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", hub.owner));
    let request = request.body(Body::empty()).unwrap();
    let response = hub.router.clone().oneshot(request).await.unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body();
    hub.seed().await;
    let mut text = String::new();
    while !text.contains("event: issues") {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(10), body.frame());
        let frame = frame.await.unwrap().unwrap().unwrap().into_data().unwrap();
        text.push_str(std::str::from_utf8(&frame).unwrap());
    }
    assert!(text.contains("data: {\"issues\":[\"1\""), "{text}");
    hub.state.cancel.cancel();
    assert!(body.collect().await.is_ok(), "ends with the hub");
}

#[tokio::test]
async fn an_issue_is_shared_by_a_link_that_shows_nothing_of_people_and_is_taken_back() {
    let hub = Hub::new().await;
    let mut event = error("Zero", "ann", 10);
    event["exception"]["values"][0]["mechanism"]["data"] = json!({ "visitor": "ann" });
    event["tags"] = json!({ "account": "ann-7" });
    hub.digest(1, &event).await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    assert_eq!(hub.get(&path).await.json()["isPublic"], false);
    let change = async |is_public: bool| {
        let many = format!("organizations/acme/issues/?id={id}");
        hub.put(&many, json!({ "isPublic": is_public }))
            .await
            .json()
    };
    let shared = change(true).await;
    let share_id = shared["shareId"].as_str().unwrap().to_owned();
    assert_eq!(share_id.len(), 32, "{shared}");
    assert_eq!(
        change(true).await["shareId"],
        share_id.as_str(),
        "there is one link"
    );
    assert_eq!(hub.get(&path).await.json()["shareId"], share_id.as_str());

    let open = async |share_id: &str| {
        let uri = format!("/api/0/shared/issues/{share_id}/");
        hub.send(Request::get(uri).body(Body::empty()).unwrap())
            .await
    };
    let seen = open(&share_id).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    for hidden in [
        "ann",
        "[Filtered]",
        "/srv/shop",
        "shop.example.org",
        "cart",
        "production",
    ] {
        assert!(!seen.text.contains(hidden), "{hidden} in {}", seen.text);
    }
    assert_shape!("shared_issue", seen);
    assert_eq!(open("0123").await.status, StatusCode::NOT_FOUND);

    change(false).await;
    assert_eq!(open(&share_id).await.status, StatusCode::NOT_FOUND);
    let again = change(true).await;
    assert_ne!(
        again["shareId"],
        share_id.as_str(),
        "a link that was taken back stays so"
    );
    let activity = hub.get(&path).await.json()["activity"].clone();
    let kinds: Vec<_> = activity
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["type"].clone())
        .collect();
    assert_eq!(kinds[..3], ["set_public", "set_private", "set_public"]);
    let refused = (0..60).map(|_| open(&share_id));
    let mut last = StatusCode::OK;
    for answer in refused {
        last = answer.await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn bulk_changes_follow_a_status_or_mean_everything_and_deletions_do_not() {
    let hub = Hub::new().await;
    hub.seed().await;
    let path = "projects/acme/shop/issues/";
    let id = hub.issue("One").await;
    hub.put(&format!("issues/{id}/"), json!({ "status": "resolved" }))
        .await;
    let muted = json!({ "status": "muted" });
    hub.put(&format!("{path}?status=resolved"), muted.clone())
        .await;
    assert_eq!(hub.titles("?query=is:ignored").await, ["One"]);
    let wrong = hub.put(&format!("{path}?status=odd"), muted).await;
    assert_eq!(wrong.json()["field"], "status", "{}", wrong.text);
    hub.put(path, json!({ "status": "unresolved" })).await;
    assert_eq!(hub.titles("?query=is:unresolved").await.len(), 3);
    hub.put(&format!("issues/{id}/"), json!({ "status": "resolved" }))
        .await;
    hub.delete(path).await;
    assert_eq!(hub.titles("?query=").await, ["One"], "only what is open");
}

#[tokio::test]
async fn a_look_is_noted_and_time_brings_archived_issues_back() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let reviewed = hub.put(&path, json!({ "inbox": false })).await.json();
    assert_eq!(reviewed["substatus"], "ongoing");
    let archive = json!({ "status": "ignored", "statusDetails": { "ignoreDuration": 60 } });
    let archived = hub.put(&path, archive).await.json();
    assert_eq!(archived["substatus"], "archived_until_condition_met");
    let now = clock::now();
    let store = &hub.state.store;
    assert_eq!(store.wake_issues(now).await.unwrap(), 0);
    let later = now.plus_millis(61 * 60_000);
    assert_eq!(store.wake_issues(later).await.unwrap(), 1);
    let back = hub.get(&path).await.json();
    assert_eq!(
        (&back["status"], &back["substatus"]),
        (&json!("unresolved"), &json!("new"))
    );
    assert_eq!(back["activity"][0]["type"], "set_unresolved");

    let rate = json!({ "ignoreCount": 2, "ignoreWindow": 60 });
    let archive = json!({ "status": "ignored", "statusDetails": rate });
    let archived = hub.put(&path, archive).await.json();
    assert_eq!(archived["statusDetails"], rate);
    let week = 7 * 24 * 60;
    let by_users = json!({ "ignoreUserCount": 2, "ignoreUserWindow": week + 1 });
    let wrong = json!({ "status": "ignored", "statusDetails": by_users });
    let refused = hub.put(&path, wrong).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
}

#[tokio::test]
async fn what_an_archived_issue_waits_for_may_stand_beside_its_status() {
    let hub = Hub::new().await;
    hub.seed().await;
    let path = format!("issues/{}/", hub.issue("Zero").await);
    for wish in [
        json!({ "ignoreCount": 10, "ignoreWindow": 60 }),
        json!({ "ignoreUserCount": 5, "ignoreUserWindow": 90 }),
    ] {
        let mut beside = wish.clone();
        beside["status"] = json!("ignored");
        beside["substatus"] = json!("archived_until_condition_met");
        let archived = hub.put(&path, beside).await;
        assert_eq!(archived.status, StatusCode::OK, "{}", archived.text);
        assert_eq!(archived.json()["statusDetails"], wish);
        hub.put(&path, json!({ "status": "unresolved" })).await;
    }
}

#[tokio::test]
async fn what_is_marked_or_comes_back_is_for_review_until_somebody_looked_or_for_a_week() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let for_review = async || {
        let titles = hub.titles("?query=is:for_review").await;
        titles.contains(&"Zero".to_owned())
    };
    let reviewed = json!({ "inbox": false });
    let mark = json!({ "inbox": true });
    assert!(for_review().await, "it is new");
    hub.put(&path, reviewed.clone()).await;
    assert!(!for_review().await);
    let marked = hub.put(&path, mark.clone()).await.json();
    assert_eq!(marked["substatus"], "ongoing", "as it was");
    assert!(for_review().await);
    hub.put(&path, reviewed.clone()).await;
    assert!(!for_review().await);
    // An old one that comes back from the archive is ongoing, and yet for review.
    let store = &hub.state.store;
    store
        .execute("UPDATE issues SET first_seen = first_seen - 864000000")
        .await;
    let archive = json!({ "status": "ignored", "statusDetails": { "ignoreDuration": 1 } });
    hub.put(&path, archive).await;
    assert!(!for_review().await);
    let later = clock::now().plus_millis(120_000);
    assert_eq!(store.wake_issues(later).await.unwrap(), 1);
    assert_eq!(hub.get(&path).await.json()["substatus"], "ongoing");
    assert!(for_review().await);
    store
        .execute("UPDATE issues SET review_since = review_since - 605000000")
        .await;
    assert!(!for_review().await, "after a week");
    hub.put(&path, mark).await;
    hub.put(&path, json!({ "status": "resolved" })).await;
    hub.put(&path, json!({ "status": "unresolved" })).await;
    assert!(!for_review().await, "it was resolved meanwhile");
}

#[tokio::test]
async fn so_many_users_within_the_window_bring_an_archived_issue_back() {
    let hub = Hub::new().await;
    hub.seed().await;
    let id = hub.issue("Zero").await;
    let path = format!("issues/{id}/");
    let by_users = json!({ "ignoreUserCount": 2, "ignoreUserWindow": 60 });
    let archive = json!({ "status": "ignored", "statusDetails": by_users });
    for round in 0..2_u128 {
        let archived = hub.put(&path, archive.clone()).await.json();
        assert_eq!(archived["statusDetails"], by_users);
        let comes = async |n: u128, user: &str, ago: i64, expected: &str| {
            hub.digest(100 * round + n, &error("Zero", user, ago)).await;
            let shown = hub.get(&path).await.json();
            assert_eq!(shown["status"], expected, "{round} {n}");
        };
        // The same user twice, and one from before it was archived.
        comes(11, "ann", 0, "ignored").await;
        comes(12, "ann", 0, "ignored").await;
        comes(13, "bob", 7200, "ignored").await;
        comes(14, "bob", 0, "unresolved").await;
    }
}

#[tokio::test]
async fn a_priority_is_a_persons_word_until_that_is_taken_back() {
    let hub = Hub::new().await;
    hub.digest(1, &error("Zero", "ann", 50)).await;
    let issue = async || hub.get("issues/1/").await.json();
    let before = issue().await;
    assert_eq!(before["priorityLockedAt"], Value::Null);
    hub.put("issues/1/", json!({ "priority": "low" })).await;
    assert!(issue().await["priorityLockedAt"].is_string());
    let back = json!({ "priority": before["priority"], "priorityLocked": false });
    let answer = hub.put("issues/1/", back).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let after = issue().await;
    assert_eq!(after["priority"], before["priority"]);
    assert_eq!(after["priorityLockedAt"], Value::Null);
}
