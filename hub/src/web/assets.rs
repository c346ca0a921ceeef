//! The built dashboard, carried in the binary.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// Browsers keep these for good: their names change with their content.
const HASHED: &str = "assets/";
/// The page.
const INDEX: &str = "index.html";
/// What stands in the page for the prefix.
const BASE: &str = "<base href=\"/\" />";

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/ui/dist"]
struct Dist;

/// A file of the dashboard, or its page for every other address.
pub(super) fn answer(method: &Method, path: &str, headers: &HeaderMap, base: &str) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = path.trim_start_matches('/');
    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
    if path == INDEX || path.is_empty() || is_hidden {
        return page(base);
    }
    match Dist::get(path) {
        Some(file) => asset(path, file, headers),
        None if path.starts_with(HASHED) => StatusCode::NOT_FOUND.into_response(),
        None => page(base),
    }
}

fn page(base: &str) -> Response {
    let Some(file) = Dist::get(INDEX) else {
        return (
            StatusCode::NOT_FOUND,
            "the dashboard is not part of this build\n",
        )
            .into_response();
    };
    let html = String::from_utf8_lossy(&file.data);
    let html = html.replacen(BASE, &format!("<base href=\"{base}\" />"), 1);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, html).into_response()
}

fn asset(path: &str, file: rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let cache = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value == etag.as_str());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind_of(path))], file.data).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// The content type of a file name.
fn kind_of(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
