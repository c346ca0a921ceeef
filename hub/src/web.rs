//! The hub's HTTP surface around the API: the dashboard, health, metrics, security headers.
//!
//! What always holds: every answer carries the headers that keep a browser from running what is not
//! ours; hashed assets are cached for good, the page that names them never; an address that is no
//! file is the dashboard's to show; a path prefix comes from the public address, not from the
//! build. Health is open; metrics are open to this host alone, others show an API token.
//!
//! What it never does: know the API. It is handed the API's router and puts it under `/api/`.

mod assets;
mod metrics;
mod serve;
mod stall;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts as RequestHead;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;

use crate::access::{Access, Scope};
use crate::clock;
use crate::store::Store;

pub use metrics::Source;
pub use serve::serve;

/// What the dashboard may load: its own files, and nothing from anywhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; \
     object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/// How long browsers remember to use TLS, in seconds.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// What the app gives this room.
#[derive(Clone)]
pub struct Parts {
    /// Where browsers reach the hub: its path is the dashboard's prefix.
    pub public_url: String,
    /// Whether the hub takes work.
    pub ready: watch::Receiver<bool>,
    /// For the metrics that are kept in it.
    pub store: Store,
    /// For those who ask for metrics from elsewhere.
    pub access: Access,
    /// Further metrics, each written as Prometheus text.
    pub metrics: Vec<Source>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Web {
    parts: Arc<Parts>,
    base: Arc<str>,
    is_https: bool,
    counts: Arc<metrics::Requests>,
}

/// Everything the hub serves over HTTP; [`serve`] serves it.
pub fn router(parts: Parts, api: Router) -> Router {
    let base = base_of(&parts.public_url);
    let web = Web {
        is_https: parts.public_url.starts_with("https://"),
        base: base.clone().into(),
        parts: Arc::new(parts),
        counts: Arc::default(),
    };
    let inner = Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(prometheus))
        .route_service("/api/{*path}", api)
        .fallback(dashboard)
        .with_state(web.clone());
    let router = match base.trim_end_matches('/') {
        "" => inner,
        // A proxy may hand the prefix on or take it away.
        prefix => Router::new()
            .nest(prefix, inner.clone())
            .fallback_service(inner),
    };
    router
        .layer(CompressionLayer::new().gzip(true).zstd(true))
        .layer(middleware::from_fn_with_state(web, finish))
}

/// The path of the public address, with a slash on both ends.
fn base_of(public_url: &str) -> String {
    let rest = public_url
        .split_once("://")
        .map_or(public_url, |(_, rest)| rest);
    let path = rest
        .split_once('/')
        .map_or("", |(_, path)| path)
        .trim_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if path.is_empty() || !path.chars().all(is_plain) {
        "/".to_owned()
    } else {
        format!("/{path}/")
    }
}

async fn live() -> &'static str {
    std::future::ready("ok\n").await
}

async fn ready(State(web): State<Web>) -> Response {
    let is_ready = *web.parts.ready.borrow();
    let answer = if is_ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    };
    std::future::ready(answer.into_response()).await
}

async fn prometheus(State(web): State<Web>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if !may_see_metrics(&web, &parts).await {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let text = metrics::text(&web.parts, &web.counts).await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// This host itself, unless it speaks for another, or whoever shows a token that reads.
async fn may_see_metrics(web: &Web, parts: &RequestHead) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_local = peer.is_none_or(|peer| peer.0.ip().is_loopback());
    let is_proxied = ["x-forwarded-for", "forwarded", "via", "x-real-ip"]
        .into_iter()
        .any(|name| parts.headers.contains_key(name));
    if is_local && !is_proxied {
        return true;
    }
    let token = parts.headers.get(header::AUTHORIZATION);
    let token = token.and_then(|value| value.to_str().ok()?.split_once(' '));
    let Some((_, token)) = token else {
        return false;
    };
    let identity = web.parts.access.by_token(clock::now(), token.trim()).await;
    identity.is_ok_and(|found| found.is_some_and(|who| who.scopes().has(Scope::OrgRead)))
}

async fn dashboard(State(web): State<Web>, request: Request) -> Response {
    let answer = assets::answer(
        request.method(),
        request.uri().path(),
        request.headers(),
        &web.base,
    );
    std::future::ready(answer).await
}

/// Counts the answer and gives it the headers that all share.
async fn finish(State(web): State<Web>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().contains("/api/");
    let mut response = next.run(request).await;
    web.counts.note(response.status());
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    // Not even what is shared by a link is for search engines.
    set(HeaderName::from_static("x-robots-tag"), "noindex, nofollow");
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if is_api {
        set(header::CACHE_CONTROL, "no-store");
    }
    if web.is_https {
        set(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    response
}

#[cfg(test)]
mod tests;
