//! What people wrote, with the events and issues that it is about.

use super::*;

const EVENT: &str = "00000000000000000000000000000001";

/// Feedback of the new kind, written a moment ago.
fn feedback(words: &str, seconds_ago: i64) -> Value {
    let at = clock::now().plus_millis(-seconds_ago * 1000);
    json!({
        "platform": "javascript",
        "timestamp": at.to_rfc3339(),
        "contexts": { "feedback": {
            "message": words, "name": "Jo", "contact_email": "jo@a.test",
            "url": "https://shop.example.org/pay", "associated_event_id": EVENT,
        } },
    })
}

#[tokio::test]
async fn what_people_wrote_is_one_list_and_leads_to_issues() {
    let hub = Hub::new().await;
    hub.seed().await;
    hub.digest_item(
        9,
        "feedback",
        &json!({}),
        &feedback("Too slow", 5).to_string(),
    )
    .await;
    let report = json!({ "event_id": EVENT, "name": "Jane", "email": "j@a.test",
        "comments": "It broke" });
    let made = hub.post("projects/acme/shop/user-feedback/", report).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);

    let path = "organizations/acme/vedette/feedback/";
    let answer = hub.get(path).await;
    assert_shape!("feedback", answer);
    let comments = |answer: &Answer| -> Vec<String> {
        let all = answer.json();
        let all = all.as_array().unwrap().iter();
        all.map(|one| one["comments"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(comments(&answer), ["It broke", "Too slow"]);

    // By pages there and back again.
    let first = hub.get(&format!("{path}?limit=1")).await;
    assert_eq!(comments(&first), ["It broke"]);
    let next = first.cursor("next").unwrap();
    let second = hub.get(&format!("{path}?limit=1&cursor={next}")).await;
    assert_eq!(comments(&second), ["Too slow"]);
    assert_eq!(second.cursor("next"), None);
    let back = second.cursor("previous").unwrap();
    let again = hub.get(&format!("{path}?limit=1&cursor={back}")).await;
    assert_eq!(comments(&again), ["It broke"]);

    let issue = hub.issue("Zero").await;
    let about = hub.get(&format!("{path}?issue={issue}")).await;
    assert_eq!(comments(&about), ["It broke", "Too slow"]);
    let other = hub.issue("One").await;
    assert_eq!(hub.get(&format!("{path}?issue={other}")).await.text, "[]");
    let old = hub.get(&format!("{path}?end=2020-01-01T00:00:00Z")).await;
    assert_eq!(old.text, "[]");
}

#[tokio::test]
async fn what_people_write_at_the_hub_is_scrubbed_by_the_settings_of_all_projects_too() {
    let hub = Hub::new().await;
    hub.seed().await;
    let rules = r#"{"applications": {"name": ["@anything:mask"]}}"#;
    let settings = json!({ "scrubEmails": true, "relayPiiConfig": rules });
    let set = hub.put("organizations/acme/", settings).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.text);
    let report = json!({ "event_id": EVENT, "name": "Jane", "email": "j@a.test",
        "comments": "Write to j@a.test" });
    let made = hub.post("projects/acme/shop/user-feedback/", report).await;
    let made = made.json();
    assert_eq!(made["comments"], "Write to [email]", "{made}");
    assert_eq!(
        (&made["name"], &made["email"]),
        (&json!("****"), &json!("[email]"))
    );
}

#[tokio::test]
async fn an_event_and_its_issue_say_what_was_written_about_them() {
    let hub = Hub::new().await;
    hub.seed().await;
    for words in ["It broke", "It broke again"] {
        let report = json!({ "event_id": EVENT, "name": "Jane", "comments": words });
        hub.post("projects/acme/shop/user-feedback/", report).await;
    }
    let issue = hub.issue("Zero").await;
    let event = format!("organizations/acme/issues/{issue}/events/{EVENT}/");
    let event = hub.get(&event).await.json();
    assert_eq!(event["userReport"]["comments"], "It broke again");
    let detail = hub.get(&format!("issues/{issue}/")).await.json();
    assert_eq!(detail["userReportCount"], 2);
    let latest = format!("organizations/acme/issues/{issue}/events/latest/");
    assert_eq!(hub.get(&latest).await.json()["userReport"], Value::Null);
}

#[tokio::test]
async fn feedback_that_is_an_event_stands_at_the_event_and_the_issue_it_is_about() {
    let hub = Hub::new().await;
    hub.seed().await;
    let issue = hub.issue("Zero").await;
    let path = format!("organizations/acme/issues/{issue}/events/{EVENT}/");
    let none = hub.get(&path).await.json();
    assert_eq!(
        (&none["userReport"], &none["userReportCount"]),
        (&Value::Null, &json!(0))
    );
    let report = json!({ "event_id": EVENT, "name": "Jane", "comments": "It broke" });
    let say = async |n: u128, words: &str, ago: i64| {
        let words = feedback(words, ago).to_string();
        hub.digest_item(n, "feedback", &json!({}), &words).await;
    };
    say(9, "Too slow", 5).await;
    let event = hub.get(&path).await.json();
    assert_eq!(event["userReport"]["comments"], "Too slow", "{event}");
    assert_eq!(event["userReport"]["email"], "jo@a.test");
    assert_eq!(event["userReport"]["eventID"], EVENT);
    // The latest of either kind is shown, and all are counted.
    hub.post("projects/acme/shop/user-feedback/", report).await;
    let event = hub.get(&path).await.json();
    assert_eq!(event["userReport"]["comments"], "It broke");
    say(10, "And again", -60).await;
    let event = hub.get(&path).await.json();
    assert_eq!(event["userReport"]["comments"], "And again");
    assert_eq!(event["userReportCount"], 3);
    let detail = hub.get(&format!("issues/{issue}/")).await.json();
    assert_eq!(detail["userReportCount"], 3);
    let about = format!("organizations/acme/vedette/feedback/?issue={issue}");
    assert_eq!(hub.get(&about).await.json().as_array().unwrap().len(), 3);
    let reports = format!("organizations/acme/issues/{issue}/user-reports/");
    let first = hub.get(&format!("{reports}?per_page=2")).await;
    let of = |answer: &Answer| {
        let all = answer.json();
        let all = all.as_array().unwrap().iter();
        all.map(|one| (one["comments"].clone(), one["eventID"].clone()))
            .collect::<Vec<_>>()
    };
    let said = |words: &str| (json!(words), json!(EVENT));
    assert_eq!(of(&first), [said("And again"), said("It broke")]);
    let next = first.cursor("next").unwrap();
    let second = hub.get(&format!("{reports}?cursor={next}")).await;
    assert_eq!(of(&second), [said("Too slow")]);
    let other = hub.issue("One").await;
    let about = format!("organizations/acme/vedette/feedback/?issue={other}");
    assert_eq!(hub.get(&about).await.text, "[]");
    // With the feedback goes what it is about.
    hub.state
        .store
        .execute("DELETE FROM events WHERE id > 5")
        .await;
    let detail = hub.get(&format!("issues/{issue}/")).await.json();
    assert_eq!(detail["userReportCount"], 1);
}

#[tokio::test]
async fn an_issue_that_a_person_wrote_is_feedback() {
    let hub = Hub::new().await;
    hub.digest_item(
        9,
        "feedback",
        &json!({}),
        &feedback("Too slow", 5).to_string(),
    )
    .await;
    hub.digest(1, &error("Zero", "ann", 50)).await;
    let list = hub.get("organizations/acme/issues/?query=").await.json();
    let issues = list.as_array().unwrap().iter();
    let categories: Vec<_> = issues
        .map(|issue| (&issue["issueCategory"], &issue["issueType"]))
        .collect();
    let (feedback, error) = (json!("feedback"), json!("error"));
    assert_eq!(categories, [(&feedback, &feedback), (&error, &error)]);
}
