//! What is kept beside events.

use super::*;

const EVENT: &str = "00000000000000000000000000000001";

#[tokio::test]
async fn files_are_listed_with_their_event_and_downloaded_as_they_came() {
    let hub = Hub::new().await;
    let header = json!({"filename": "../a<b>.log", "content_type": "text/html"});
    hub.digest_item(1, "attachment", &header, "<script>").await;
    hub.digest_item(2, "attachment", &json!({"filename": "other"}), "x")
        .await;
    let list = format!("projects/acme/shop/events/{EVENT}/attachments/");
    let files = hub.get(&list).await.json();
    assert_eq!(files.as_array().unwrap().len(), 1);
    let file = &files[0];
    assert_eq!(
        (
            &file["event_id"],
            &file["name"],
            &file["type"],
            &file["mimetype"],
            &file["size"]
        ),
        (
            &json!(EVENT),
            &json!("../a<b>.log"),
            &json!("event.attachment"),
            &json!("text/html"),
            &json!(8)
        )
    );
    let one = format!("{list}{}/", file["id"].as_str().unwrap());
    assert_eq!(hub.get(&one).await.json(), *file);
    let answer = hub.get(&format!("{one}?download=1")).await;
    assert_eq!(answer.text, "<script>");
    assert_eq!(answer.headers["content-type"], "application/octet-stream");
    assert_eq!(
        answer.headers["content-disposition"],
        "attachment; filename=\"..ab.log\""
    );
    for path in [
        format!("{list}999/"),
        format!(
            "projects/acme/shop/events/{}/attachments/{}/",
            "0".repeat(31) + "2",
            file["id"].as_str().unwrap()
        ),
        "projects/acme/shop/events/nonsense/attachments/".to_owned(),
    ] {
        assert_eq!(hub.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn items_are_found_by_kind_event_trace_and_name_by_pages() {
    let hub = Hub::new().await;
    let trace = "d1901c4e6b5d6d4cb962dc071d7b7f9e";
    for n in 1..=3 {
        let check_in = json!({"monitor_slug": format!("job-{n}"), "status": "ok",
            "contexts": {"trace": {"trace_id": trace}}});
        hub.digest_item(n, "check_in", &json!({}), &check_in.to_string())
            .await;
    }
    hub.digest_item(
        4,
        "log",
        &json!({}),
        &json!({"items": [{"body": "a"}]}).to_string(),
    )
    .await;
    let find = async |query: &str| {
        let found = hub
            .get(&format!("projects/acme/shop/vedette/items/?{query}"))
            .await
            .json();
        let names = found
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(find("kind=check_in&kind=log").await.len(), 4);
    assert_eq!(find("kind=log").await, ["a"]);
    assert_eq!(find("name=job-2").await, ["job-2"]);
    assert_eq!(
        find(&format!("trace={trace}&limit=2")).await,
        ["job-3", "job-2"]
    );
    assert_eq!(find(&format!("event={EVENT}")).await, ["job-1"]);
    let answer = hub
        .get("projects/acme/shop/vedette/items/?kind=check_in&limit=2")
        .await;
    let next = answer.cursor("next").unwrap();
    assert_eq!(
        find(&format!("kind=check_in&limit=2&cursor={next}")).await,
        ["job-1"]
    );
    let id = answer.json()[0]["id"].as_str().unwrap().to_owned();
    let item = hub
        .get(&format!("projects/acme/shop/vedette/items/{id}/"))
        .await
        .json();
    assert_eq!(item["payload"]["monitor_slug"], "job-3");
    assert_eq!(item["facts"]["status"], "ok");
    let bad = hub.get("projects/acme/shop/vedette/items/?trace=x").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn items_of_all_projects_are_found_by_time_environment_and_kind() {
    let hub = Hub::new().await;
    let trace = "d1901c4e6b5d6d4cb962dc071d7b7f9e";
    let log = async |n: u128, body: &str, environment: &str, seconds_ago: i64| {
        let at = clock::now().plus_millis(-seconds_ago * 1000);
        let log = json!({"items": [{"level": "info", "body": body, "trace_id": trace,
            "timestamp": at.to_rfc3339(), "attributes":
                {"sentry.environment": {"value": environment, "type": "string"}}}]});
        hub.digest_item(n, "log", &json!({"item_count": 1}), &log.to_string())
            .await;
    };
    log(1, "now", "production", 0).await;
    log(2, "an hour ago", "staging", 3600).await;
    log(3, "a moment ago", "production", 60).await;
    let check_in = json!({"monitor_slug": "job", "status": "ok"});
    hub.digest_item(4, "check_in", &json!({}), &check_in.to_string())
        .await;
    let path = "organizations/acme/vedette/items/";
    let find = async |query: &str| {
        let found = hub.get(&format!("{path}?{query}")).await;
        let found = found.json();
        let names = found.as_array().unwrap().iter();
        names.map(|item| item["name"].clone()).collect::<Vec<_>>()
    };
    let all = ["now", "a moment ago", "an hour ago"];
    assert_eq!(find("kind=log").await, all);
    assert_eq!(find(&format!("trace={trace}")).await, all);
    assert_eq!(find("kind=log&statsPeriod=10m").await, all[..2]);
    assert_eq!(find("kind=log&environment=staging").await, all[2..]);
    assert_eq!(find("kind=check_in&project=shop").await, ["job"]);
    let first = hub.get(&format!("{path}?kind=log&limit=2")).await;
    let next = first.cursor("next").unwrap();
    let onward = format!("kind=log&limit=2&cursor={next}");
    assert_eq!(find(&onward).await, all[2..]);
    assert_eq!(first.json()[0]["projectID"], hub.project.to_string());
    let kinds = hub
        .get("organizations/acme/vedette/item-kinds/")
        .await
        .json();
    assert_eq!(kinds, json!({ "kinds": ["check_in", "log"] }));
    let unknown = hub.get(&format!("{path}?project=nowhere")).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_log_is_shown_with_its_attributes_of_their_types_and_what_was_put_right() {
    let hub = Hub::new().await;
    let trace = "d1901c4e6b5d6d4cb962dc071d7b7f9e";
    let log = json!({"items": [{"level": "error", "body": "x".repeat(9000), "trace_id": trace,
        "attributes": {"n": {"value": 7, "type": "integer"}, "wrong": {"value": "7", "type": "integer"}}}]});
    hub.digest_item(1, "log", &json!({"item_count": 1}), &log.to_string())
        .await;
    let list = format!("projects/acme/shop/vedette/items/?kind=log&trace={trace}");
    let found = hub.get(&list).await.json();
    assert_eq!(found[0]["facts"]["level"], "error");
    let id = found[0]["id"].as_str().unwrap();
    let path = format!("projects/acme/shop/vedette/items/{id}/");
    let entry = hub.get(&path).await.json()["entry"].clone();
    assert_eq!(
        entry["attributes"]["n"],
        json!({"value": 7, "type": "integer"})
    );
    assert_eq!(entry["attributes"]["wrong"], Value::Null);
    assert_eq!(entry["errors"][0]["name"], "attributes.wrong");
    assert_eq!(entry["_meta"]["body"][""]["len"], 9000);
    assert_eq!(entry["body"].as_str().unwrap().len(), 8192);
}

#[tokio::test]
async fn sessions_are_summed_up_each_by_the_worst_it_came_to() {
    let hub = Hub::new().await;
    let session = async |n: u128, sid: &str, init: bool, status: &str, errors: u64| {
        let body = json!({"sid": sid, "seq": u64::try_from(n).unwrap(), "init": init, "status": status,
            "errors": errors, "attrs": {"release": "r", "environment": "e"}});
        hub.digest_item(n, "session", &json!({}), &body.to_string())
            .await;
    };
    session(1, "a", true, "ok", 0).await;
    session(2, "a", false, "crashed", 1).await;
    session(3, "b", true, "ok", 1).await;
    session(4, "b", false, "exited", 1).await;
    session(5, "c", true, "exited", 0).await;
    let body = json!({"aggregates": [{"exited": 5, "errored": 2}], "attrs": {"release": "r", "environment": "e"}});
    hub.digest_item(6, "sessions", &json!({}), &body.to_string())
        .await;
    let sums = hub.get("projects/acme/shop/vedette/sessions/").await.json();
    let expected = json!({"groups": [{"release": "r", "environment": "e", "sessions": 10,
        "errored": 3, "crashed": 1, "abnormal": 0, "unhandled": 0}], "truncated": false});
    assert_eq!(sums, expected);
    for hours in ["0", "x", "99999"] {
        let path = format!("projects/acme/shop/vedette/sessions/?hours={hours}");
        assert_eq!(hub.get(&path).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn what_a_person_writes_is_cleaned_and_listed() {
    let hub = Hub::new().await;
    let path = "projects/acme/shop/user-feedback/";
    let report = json!({"event_id": EVENT, "name": "Jane", "email": "j@a.test",
        "comments": "my card 4111111111111111 was refused"});
    let made = hub.post(path, report).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let list = hub.get(path).await.json();
    assert_eq!(list[0], made.json());
    assert_eq!(list[0]["comments"], "my card [creditcard] was refused");
    assert_eq!(list[0]["eventID"], EVENT);
    for wrong in [
        json!({"event_id": "x", "comments": "a"}),
        json!({"event_id": EVENT, "comments": " "}),
        json!({"event_id": EVENT, "comments": "x".repeat(5000)}),
    ] {
        assert_eq!(hub.post(path, wrong).await.status, StatusCode::BAD_REQUEST);
    }
}
