//! Who gets in, and how far.

use super::*;

/// Every documented operation, its path filled with what exists.
fn operations() -> Vec<(Method, String)> {
    let all = documented().into_iter();
    all.map(|(method, path, _)| (method, path)).collect()
}

/// The same, with the path as it is documented.
pub(super) fn documented() -> Vec<(Method, String, String)> {
    let document: Value = serde_json::from_str(&openapi()).unwrap();
    let mut operations = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        let path = template
            .replace("{organization}", "acme")
            .replace("{project}", "shop")
            .replace("{issue}", "1")
            .replace("{event}", "00000000000000000000000000000001")
            .replace("{short_id}", "SHOP-1");
        let path: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for method in item.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>()
                && matches!(method.as_str(), "GET" | "POST" | "PUT" | "DELETE")
            {
                operations.push((method, path.clone(), template.clone()));
            }
        }
    }
    operations
}

pub(super) fn relative(path: &str) -> &str {
    path.trim_start_matches("/api/0/")
}

#[tokio::test]
async fn every_route_refuses_who_shows_nothing() {
    let hub = Hub::new().await;
    let mut n = 0;
    for (method, path) in operations() {
        let request = Request::builder().method(&method).uri(&path);
        let answer = hub.send(request.body(Body::from("{}")).unwrap()).await;
        if caller::is_open(&method, &path) {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            continue;
        }
        n += 1;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert!(answer.json()["detail"].is_string(), "{method} {path}");
    }
    assert!(n > 60, "only {n} operations");
    for path in [
        "issues/1/",
        "issues/1/events/latest/",
        "issues/1/notes/",
        "issues/1/tags/",
    ] {
        let answer = hub.ask("sntryu_wrong", Method::GET, path, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_foreign_organization_does_not_exist() {
    let hub = Hub::new().await;
    hub.seed().await;
    for (method, path) in operations()
        .into_iter()
        .filter(|(_, path)| path.contains("acme"))
    {
        let path = relative(&path);
        let body = (method != Method::GET).then(|| complete_body(path));
        let answer = hub.ask(&hub.stranger, method.clone(), path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{method} {path}: {}",
            answer.text
        );
    }
    let answer = hub.ask(&hub.stranger, Method::GET, "issues/1/", None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let all = hub
        .ask(&hub.stranger, Method::GET, "organizations/", None)
        .await
        .json();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_without_the_scope_is_refused_everywhere() {
    let hub = Hub::new().await;
    hub.seed().await;
    for (method, path) in operations()
        .into_iter()
        .filter(|(_, path)| needs_scope(path))
    {
        let path = relative(&path);
        let body = (method != Method::GET).then(|| complete_body(path));
        let answer = hub.ask(&hub.narrow, method.clone(), path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::FORBIDDEN,
            "{method} {path}: {}",
            answer.text
        );
    }
}

/// Whether what a path is about belongs to an organization or to the whole hub.
pub(super) fn needs_scope(path: &str) -> bool {
    path.contains("acme") || path.contains("/vedette/")
}

/// A body with every field that any of the forms needs.
pub(super) fn complete_body(path: &str) -> Value {
    // All of it may be left out, and nothing else is taken.
    if path.ends_with("/link/") {
        return json!({});
    }
    if path.ends_with("/user-feedback/") {
        return json!({ "event_id": "00000000000000000000000000000001", "comments": "x" });
    }
    json!({
        "name": "x", "text": "x", "triggers": [], "actions": [], "uses": 1, "quotas": [],
        "version": "x", "environment": "x", "projects": ["shop"],
        "rules": "{}", "raw": "", "query": "x", "email": "x@acme.example", "isHidden": false,
        "priority": "high",
    })
}

#[tokio::test]
async fn a_member_works_with_issues_but_not_with_settings() {
    let hub = Hub::new().await;
    hub.seed().await;
    let check = async |method: Method, path: &str, body: Value, expected: StatusCode| {
        let answer = hub.ask(&hub.member, method, path, Some(body)).await;
        assert_eq!(answer.status, expected, "{path}: {}", answer.text);
    };
    let forbidden = StatusCode::FORBIDDEN;
    let resolved = json!({ "status": "resolved" });
    check(Method::PUT, "issues/1/", resolved, StatusCode::OK).await;
    check(Method::PUT, "projects/acme/shop/", json!({}), forbidden).await;
    check(
        Method::POST,
        "projects/acme/shop/keys/",
        json!({}),
        forbidden,
    )
    .await;
    check(Method::PUT, "organizations/acme/", json!({}), forbidden).await;
    check(Method::POST, "vedette/join-tokens/", json!({}), forbidden).await;
}

pub(super) async fn login(hub: &Hub, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password }).to_string();
    let request = Request::post("/api/0/auth/login/")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body));
    hub.send(request.unwrap()).await
}

#[tokio::test]
async fn a_session_needs_its_csrf_token_for_changes() {
    let hub = Hub::new().await;
    let answer = login(&hub, "Owner@acme.example", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let csrf = answer.json()["csrfToken"].as_str().unwrap().to_owned();
    assert_shape!("login", answer);

    let change = async |headers: &[(&str, &str)]| {
        let mut request = Request::put("/api/0/organizations/acme/")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, &cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(r#"{"name":"Acme 2"}"#)).unwrap();
        hub.send(request).await.status
    };
    assert_eq!(change(&[]).await, StatusCode::FORBIDDEN);
    assert_eq!(
        change(&[("x-csrf-token", "wrong")]).await,
        StatusCode::FORBIDDEN
    );
    let token = ("x-csrf-token", csrf.as_str());
    assert_eq!(change(&[token]).await, StatusCode::OK);
    let foreign = ("origin", "https://evil.example");
    assert_eq!(change(&[token, foreign]).await, StatusCode::FORBIDDEN);
    let cross = ("sec-fetch-site", "cross-site");
    assert_eq!(change(&[token, cross]).await, StatusCode::FORBIDDEN);
    let own = [("origin", "http://127.0.0.1:4800"), token];
    assert_eq!(change(&own).await, StatusCode::OK);

    let request = Request::delete("/api/0/auth/").header(header::COOKIE, &cookie);
    let request = request
        .header("x-csrf-token", &csrf)
        .body(Body::empty())
        .unwrap();
    assert_eq!(hub.send(request).await.status, StatusCode::NO_CONTENT);
    assert_eq!(change(&[token]).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_says_nothing() {
    let hub = Hub::new().await;
    for email in ["owner@acme.example", "nobody@acme.example"] {
        for _ in 0..5 {
            let answer = login(&hub, email, "wrong password").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            let detail = "The e-mail address or the password is wrong.";
            assert_eq!(answer.json()["detail"], detail);
        }
        let answer = login(&hub, email, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
    }
}

#[tokio::test]
async fn tokens_are_shown_once_listed_and_removed() {
    let hub = Hub::new().await;
    let wish = json!({ "name": "ci", "scopes": ["event:read"] });
    let answer = hub.post("api-tokens/", wish.clone()).await;
    assert_eq!(
        answer.status,
        StatusCode::FORBIDDEN,
        "a token makes no tokens"
    );

    let session = login(&hub, "member@acme.example", PASSWORD).await;
    let cookie = session.headers[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    let cookie = cookie.split(';').next().unwrap();
    let csrf = session.json()["csrfToken"].as_str().unwrap().to_owned();
    let request = Request::post("/api/0/api-tokens/")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, cookie)
        .header("x-csrf-token", csrf)
        .body(Body::from(wish.to_string()));
    let made = hub.send(request.unwrap()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_shape!("api_token_made", made);
    let listed = hub.ask(&token, Method::GET, "api-tokens/", None).await;
    assert!(!listed.text.contains(&token));
    let answer = hub
        .ask(&token, Method::PUT, "issues/1/", Some(json!({})))
        .await;
    assert!(answer.status.is_client_error());
    let path = format!("api-tokens/?tokenId={id}");
    let removed = hub.ask(&token, Method::DELETE, &path, None).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    let gone = hub.ask(&token, Method::GET, "auth/", None).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_root_and_unknown_paths_answer_in_json() {
    let hub = Hub::new().await;
    assert_shape!("root_with_token", hub.get("").await);
    let request = Request::get("/api/0/").body(Body::empty()).unwrap();
    assert_shape!("root_without_token", hub.send(request).await);

    let answer = hub.get("no/such/path/").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.json()["detail"],
        "The requested resource does not exist"
    );
    let answer = hub.get("organizations/acme/issues?query=is:resolved").await;
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    let location = "/api/0/organizations/acme/issues/?query=is:resolved";
    assert_eq!(answer.headers[header::LOCATION], location);
    let answer = hub
        .post("organizations/acme/environments/", json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.json()["detail"].is_string());
    for name in [
        "limit",
        "remaining",
        "reset",
        "concurrentlimit",
        "concurrentremaining",
    ] {
        let name = format!("x-sentry-rate-limit-{name}");
        assert!(answer.headers.contains_key(&name), "{name}");
    }
}
