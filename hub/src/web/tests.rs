//! What browsers and scrapers see.

use axum::body::Body;
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::*;

async fn web(public_url: &str) -> (Router, watch::Sender<bool>, tempfile::TempDir) {
    let (store, dir) = Store::temporary().await;
    let (ready, watched) = watch::channel(false);
    let parts = Parts {
        public_url: public_url.to_owned(),
        ready: watched,
        access: Access::new(store.clone(), TaskTracker::new()).unwrap(),
        store,
        metrics: vec![Arc::new(|text| text.push_str("vedette_hub_test 1\n"))],
    };
    let api = Router::new().route("/api/0/", get(|| async { "api" }));
    (router(parts, api), ready, dir)
}

async fn ask(web: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = web.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    (parts.status, parts.headers, body)
}

#[tokio::test]
async fn every_answer_forbids_foreign_code() {
    let (web, _ready, _dir) = web("https://hub.example.org").await;
    for path in [
        "/",
        "/organizations/a/issues",
        "/api/0/",
        "/health/live",
        "/assets/no.js",
    ] {
        let (_, headers, _) = ask(&web, path).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'self'"), "{path}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "same-origin", "{path}");
        assert!(
            headers.contains_key(header::STRICT_TRANSPORT_SECURITY),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_no_file_is_the_dashboards() {
    let (web, _ready, _dir) = web("http://localhost:4800").await;
    let (status, headers, page) = ask(&web, "/organizations/a/issues/1").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert!(page.contains("<title>Vedette</title>"), "{page}");
    assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    let (status, ..) = ask(&web, "/assets/gone-123.js").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _, body) = ask(&web, "/api/0/").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "api"));
}

#[tokio::test]
async fn a_prefix_is_served_with_and_without_it() {
    let (web, _ready, _dir) = web("https://example.org/errors/").await;
    for path in ["/errors/health/live", "/health/live"] {
        assert_eq!(ask(&web, path).await.0, StatusCode::OK, "{path}");
    }
    let (status, _, body) = ask(&web, "/errors/api/0/").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "api"));
    assert_eq!(base_of("https://example.org/errors/"), "/errors/");
    assert_eq!(base_of("https://example.org/a\"b"), "/");
    assert_eq!(base_of("http://localhost:4800"), "/");
}

#[tokio::test]
async fn it_is_ready_when_the_app_says_so() {
    let (web, ready, _dir) = web("http://localhost:4800").await;
    assert_eq!(
        ask(&web, "/health/ready").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(ask(&web, "/health/live").await.0, StatusCode::OK);
    ready.send(true).unwrap();
    assert_eq!(ask(&web, "/health/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_for_this_host_and_token_holders() {
    let (web, _ready, _dir) = web("http://localhost:4800").await;
    let (status, _, text) = ask(&web, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("vedette_hub_ready 0\n"), "{text}");
    assert!(text.contains("vedette_hub_events 0\n"), "{text}");
    assert!(text.contains("vedette_hub_test 1\n"), "{text}");

    let request = Request::get("/metrics").header("x-forwarded-for", "203.0.113.9");
    let request = request.body(Body::empty()).unwrap();
    let response = web.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
