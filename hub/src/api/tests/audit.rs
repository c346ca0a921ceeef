//! Who changed what: every change leaves an entry, and who may read it.

use std::collections::BTreeSet;

use super::super::audit::deeds;
use super::*;

impl Hub {
    async fn n_entries(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM audit_log";
        self.state.store.number(sql).await
    }

    /// The entries that a query finds, the latest first.
    async fn entries(&self, query: &str) -> Vec<Value> {
        let answer = self
            .get(&format!("organizations/acme/audit-logs/?{query}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["rows"].as_array().unwrap().clone()
    }
}

fn changing() -> Vec<(Method, String, String)> {
    let all = access::documented().into_iter();
    let mut changing: Vec<_> = all.filter(|(method, ..)| *method != Method::GET).collect();
    // What is removed is removed last.
    changing.sort_by_key(|(method, ..)| *method == Method::DELETE);
    changing
}

#[test]
fn every_route_that_changes_something_has_a_name_or_a_reason() {
    let routed: BTreeSet<(String, String)> = changing()
        .into_iter()
        .map(|(method, _, template)| (method.to_string(), template))
        .collect();
    let listed: BTreeSet<(String, String)> = deeds::listed()
        .into_iter()
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    let nameless: Vec<_> = routed.difference(&listed).collect();
    assert!(
        nameless.is_empty(),
        "say what these are called: {nameless:?}"
    );
    // The forms of older clients are routed, and not documented.
    let is_old = |path: &str| path.starts_with("/api/0/issues/") || path.contains("/comments/");
    let gone: Vec<_> = listed
        .difference(&routed)
        .filter(|(_, path)| !is_old(path))
        .collect();
    assert!(gone.is_empty(), "these are no routes: {gone:?}");
}

#[tokio::test]
async fn every_change_leaves_an_entry_in_its_own_name() {
    let hub = Hub::new().await;
    hub.seed().await;
    let mut lines = Vec::new();
    for (method, path, template) in changing() {
        let path = access::relative(&path);
        let before = hub.n_entries().await;
        let body = Some(access::complete_body(path));
        let answer = hub.ask(&hub.owner, method.clone(), path, body).await;
        let n = hub.n_entries().await - before;
        let name = deeds::name_of(method.as_str(), &template);
        if !answer.status.is_success() {
            continue;
        }
        let Some(name) = name else {
            assert_eq!(n, 0, "{method} {template}");
            continue;
        };
        assert!(
            n >= 1,
            "{method} {template} changed something without a trace"
        );
        let latest = &hub.entries("per_page=1").await[0];
        assert_eq!(latest["event"], name.as_str(), "{method} {template}");
        assert_eq!(latest["actor"]["email"], "owner@acme.example");
        assert_eq!(latest["token"]["name"], "test");
        assert_eq!(latest["ipAddress"], "0.0.0.0");
        let note = latest["note"].as_str().unwrap();
        lines.push(format!("{method} {template}: {note}"));
    }
    insta::assert_snapshot!("audit_of_every_route", lines.join("\n"));
    let verified = hub.state.store.verify_audit().await.unwrap();
    verified.unwrap();
}

#[tokio::test]
async fn a_deed_has_the_same_name_inside_the_whole_web_server() {
    let hub = Hub::new().await;
    let whole = Router::<u8>::new()
        .route_service("/api/{*path}", hub.router.clone())
        .with_state(0);
    let request = Request::put("/api/0/organizations/acme/")
        .header(header::AUTHORIZATION, format!("Bearer {}", hub.owner))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(r#"{"name":"Acme 2"}"#));
    let answer = whole.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(hub.entries("").await[0]["event"], "org.edit");
}

#[tokio::test]
async fn an_entry_says_how_it_was_and_how_it_is() {
    let hub = Hub::new().await;
    hub.seed().await;
    let change = json!({ "name": "Web Shop", "scrubEmails": true });
    hub.put("projects/acme/shop/", change).await;
    let answer = hub.get("organizations/acme/audit-logs/").await;
    assert_shape!("audit_log", answer);
    let entry = &answer.json()["rows"][0];
    assert_eq!(entry["event"], "project.edit");
    assert_eq!(entry["targetLabel"], "shop", "as it was called then");
    assert_eq!(
        entry["data"]["changes"]["name"],
        json!(["Shop", "Web Shop"])
    );

    hub.put("issues/1/", json!({ "status": "resolved" })).await;
    let entry = &hub.entries("event=issue.edit").await[0];
    let status = json!(["unresolved", "resolved"]);
    assert_eq!(entry["data"]["changes"]["status"], status);
    let name = entry["targetLabel"].as_str().unwrap().to_owned();
    assert!(name.starts_with("SHOP-1: "), "{name}");

    hub.delete("issues/1/").await;
    let entry = &hub.entries("event=issue.delete").await[0];
    assert_eq!(entry["targetLabel"], name.as_str(), "it left its trace");

    let ids = "projects/acme/shop/issues/?id=2&id=3";
    hub.put(ids, json!({ "priority": "high" })).await;
    let many = &hub.entries("target=issue&per_page=1").await[0];
    assert_eq!(many["data"]["count"], 2, "{many}");
    assert_eq!(many["data"]["targets"][0]["id"], "2");

    hub.put(ids, json!({ "discard": true })).await;
    let discarded = &hub.entries("event=issue.discard").await[0];
    assert_eq!(discarded["targetLabel"], "2 issues", "{discarded}");
}

#[tokio::test]
async fn what_is_somebodys_own_leaves_no_entry() {
    let hub = Hub::new().await;
    hub.seed().await;
    let before = hub.n_entries().await;
    let seen = hub.put("issues/1/", json!({ "hasSeen": true })).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    hub.put("issues/1/", json!({ "isBookmarked": true })).await;
    assert_eq!(hub.n_entries().await, before);
    let refused = hub.put("projects/acme/shop/", json!({ "name": "" })).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(hub.n_entries().await, before, "nothing was changed");
}

#[tokio::test]
async fn logins_and_those_that_failed_are_told() {
    let hub = Hub::new().await;
    for (email, password) in [
        ("member@acme.example", "wrong password"),
        ("nobody@acme.example", "a password in the wrong field"),
        ("member@acme.example", PASSWORD),
    ] {
        access::login(&hub, email, password).await;
    }
    let entries = hub.entries("").await;
    let [login, failed] = entries.as_slice() else {
        panic!("{entries:?}");
    };
    assert_eq!(login["event"], "auth.login");
    assert_eq!(login["actor"]["email"], "member@acme.example");
    assert_eq!(failed["event"], "auth.login-failed");
    assert_eq!(
        failed["actor"],
        Value::Null,
        "nobody has shown who they are"
    );
    assert_eq!(failed["targetLabel"], "member@acme.example");
    let all = hub.state.store.audit_behind(0).await.unwrap();
    let texts = format!("{all:?}");
    assert_eq!(all.len(), 3);
    assert!(!texts.contains("nobody@") && !texts.contains("password in"));
}

#[tokio::test]
async fn owners_and_managers_read_it_page_by_page_and_filtered() {
    let hub = Hub::new().await;
    for n in 0..5 {
        let body = json!({ "slug": format!("team-{n}") });
        hub.post("organizations/acme/teams/", body).await;
    }
    let own = json!({ "name": "mine", "query": "" });
    let path = "organizations/acme/searches/";
    hub.ask(&hub.member, Method::POST, path, Some(own)).await;

    let names = |rows: &[Value]| -> Vec<String> {
        let names = rows.iter().map(|row| row["targetLabel"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    let first = "organizations/acme/audit-logs/?event=team.create&per_page=2";
    let page = hub.get(first).await;
    assert_eq!(
        names(page.json()["rows"].as_array().unwrap()),
        ["team-4", "team-3"]
    );
    let next = page.cursor("next").unwrap();
    // What is new meanwhile moves nothing.
    hub.post("organizations/acme/teams/", json!({ "slug": "team-5" }))
        .await;
    let page = hub.get(&format!("{first}&cursor={next}")).await;
    assert_eq!(
        names(page.json()["rows"].as_array().unwrap()),
        ["team-2", "team-1"]
    );
    let back = page.cursor("previous").unwrap();
    let page = hub.get(&format!("{first}&cursor={back}")).await;
    assert_eq!(
        names(page.json()["rows"].as_array().unwrap()),
        ["team-4", "team-3"]
    );

    assert_eq!(names(&hub.entries("actor=2").await), ["mine"]);
    assert_eq!(names(&hub.entries("target=TEAM-3").await), ["team-3"]);
    assert_eq!(hub.entries("target=saved-search").await.len(), 1);
    assert!(hub.entries("end=2020-01-01T00:00:00Z").await.is_empty());
    assert_eq!(hub.entries("start=2020-01-01T00:00:00Z").await.len(), 7);
    let wrong = hub.get("organizations/acme/audit-logs/?actor=ada").await;
    assert_eq!(wrong.json()["field"], "actor");

    let path = "organizations/acme/audit-logs/";
    let refused = hub.ask(&hub.member, Method::GET, path, None).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let foreign = "organizations/other/audit-logs/";
    let empty = hub.ask(&hub.stranger, Method::GET, foreign, None).await;
    assert_eq!(
        empty.json()["rows"],
        json!([]),
        "nothing of another organization"
    );
}

#[tokio::test]
async fn secrets_do_not_come_into_the_log() {
    let hub = Hub::new().await;
    let rule = json!({
        "name": "tell", "triggers": ["new_issue"],
        "actions": [{ "type": "webhook", "url": "https://hooks.example/T0KEN" }],
    });
    let made = hub.post("projects/acme/shop/rules/", rule).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let keys = hub.get("projects/acme/shop/keys/").await.json();
    let id = keys[0]["id"].as_str().unwrap();
    let secret = keys[0]["secret"].as_str().unwrap();
    let path = format!("projects/acme/shop/keys/{id}/");
    hub.put(&path, json!({ "name": "renamed" })).await;
    let entries = hub.entries("").await;
    let texts = json!(entries).to_string();
    assert!(
        texts.contains("renamed") && texts.contains("webhook"),
        "{texts}"
    );
    assert!(
        !texts.contains("T0KEN") && !texts.contains(secret),
        "{texts}"
    );
}
