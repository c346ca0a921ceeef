//! What callers see of the API.

use super::*;

/// Where the copy of the OpenAPI document lies.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_openapi_document_is_what_the_code_says() {
    let document = openapi() + "\n";
    #[expect(
        clippy::disallowed_methods,
        reason = "writes the copy anew when asked to"
    )]
    if std::env::var("UPDATE_OPENAPI").is_ok() {
        std::fs::write(DOCUMENT, &document).unwrap();
    }
    let copy = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(
        copy == document,
        "hub/openapi.json is old: run UPDATE_OPENAPI=1 cargo test --workspace --lib openapi"
    );
}
