//! One's own account: name, password, sessions.

use super::access::login;
use super::*;

/// A browser that is logged in.
struct Browser<'a> {
    hub: &'a Hub,
    cookie: String,
    csrf: String,
}

impl<'a> Browser<'a> {
    fn of(hub: &'a Hub, answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        Self {
            hub,
            cookie: cookie.split(';').next().unwrap().to_owned(),
            csrf: answer.json()["csrfToken"].as_str().unwrap().to_owned(),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/0/{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "Firefox")
            .header(header::COOKIE, &self.cookie)
            .header("x-csrf-token", &self.csrf)
            .body(Body::from(body.to_string()));
        self.hub.send(request.unwrap()).await
    }

    async fn sessions(&self) -> Answer {
        self.ask(Method::GET, "users/me/sessions/", json!({})).await
    }
}

async fn browser(hub: &Hub) -> Browser<'_> {
    Browser::of(hub, &login(hub, "member@acme.example", PASSWORD).await)
}

#[tokio::test]
async fn a_new_password_needs_the_one_before_and_ends_the_other_sessions() {
    let hub = Hub::new().await;
    let (mine, other) = (browser(&hub).await, browser(&hub).await);
    let change = async |before: &str, password: &str| {
        let body = json!({ "currentPassword": before, "password": password });
        mine.ask(Method::PUT, "users/me/", body).await
    };
    let wrong = change("wrong password", "battery staple").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.text);
    assert_eq!(wrong.json()["field"], "currentPassword");
    assert_eq!(mine.sessions().await.status, StatusCode::OK);
    let short = change(PASSWORD, "short").await;
    assert_eq!(short.json()["field"], "password");

    let fresh = Browser::of(&hub, &change(PASSWORD, "battery staple").await);
    assert_eq!(fresh.sessions().await.status, StatusCode::OK);
    for ended in [&mine, &other] {
        assert_eq!(ended.sessions().await.status, StatusCode::UNAUTHORIZED);
    }
    let old = login(&hub, "member@acme.example", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    let new = login(&hub, "member@acme.example", "battery staple").await;
    assert_eq!(new.status, StatusCode::OK);
}

#[tokio::test]
async fn a_name_is_changed_and_the_audit_log_says_so() {
    let hub = Hub::new().await;
    let mine = browser(&hub).await;
    let answer = mine
        .ask(Method::PUT, "users/me/", json!({ "name": " Ann " }))
        .await;
    assert_eq!(answer.json()["name"], "Ann");
    let me = mine.ask(Method::GET, "users/me/", json!({})).await;
    assert_eq!(me.json()["name"], "Ann");
    let empty = mine
        .ask(Method::PUT, "users/me/", json!({ "name": " " }))
        .await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
    let sql = "SELECT COUNT(*) FROM audit_log WHERE action = 'account.edit'
               AND data LIKE '%Ann%'";
    assert_eq!(hub.state.store.number(sql).await, 1);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner() {
    let hub = Hub::new().await;
    let (other, mine) = (browser(&hub).await, browser(&hub).await);
    let stranger = Browser::of(&hub, &login(&hub, "owner@acme.example", PASSWORD).await);
    let listed = mine.sessions().await;
    let sessions = listed.json();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let theirs = sessions.iter().find(|one| one["isCurrent"] == false);
    let path = format!(
        "users/me/sessions/{}/",
        theirs.unwrap()["id"].as_str().unwrap()
    );
    let foreign = stranger.ask(Method::DELETE, &path, json!({})).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let ended = mine.ask(Method::DELETE, &path, json!({})).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT, "{}", ended.text);
    assert_eq!(other.sessions().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(mine.sessions().await.json().as_array().unwrap().len(), 1);
    let sql = "SELECT COUNT(*) FROM audit_log WHERE action = 'account.end-session'";
    assert_eq!(hub.state.store.number(sql).await, 1);
}

#[tokio::test]
async fn a_token_cannot_touch_the_account() {
    let hub = Hub::new().await;
    let forbidden = StatusCode::FORBIDDEN;
    let change = hub.put("users/me/", json!({ "name": "x" })).await;
    assert_eq!(change.status, forbidden);
    assert_eq!(hub.get("users/me/sessions/").await.status, forbidden);
    let end = hub.delete("users/me/sessions/1/").await;
    assert_eq!(end.status, forbidden);
}
