//! The simple settings, written in the language: what Sentry's scrubber makes of them.
//!
//! Our own built-in rules remove more (`crate::privacy`). This is for comparing, and for showing what a setting means.

use serde_json::{Map, Value, json};

use crate::roster::PrivacySettings;

use super::selector::Selector;

const COOKIE_PLACES: [&str; 3] = [
    "*.cookies.NAME",
    "*.'http.request.header.cookie.NAME'",
    "*.'http.response.header.set-cookie.NAME'",
];
const COOKIES: &[&str] = &[
    "sentrysid",
    "sudo",
    "su",
    "session",
    "__session",
    "sessionid",
    "user_session",
    "symfony",
    "phpsessid",
    "fasthttpsessionid",
    "mysession",
    "irissessionid",
    "_vercel_jwt",
    "csrf",
    "xsrf",
    "_xsrf",
    "_csrf",
    "csrf-token",
    "csrf_token",
    "xsrf-token",
    "xsrf_token",
    "fastcsrf",
    "_iris_csrf",
];
const VALUES: &str = "($string || $number || $array || $object) && !(debug_meta.** || $frame.filename || $frame.abs_path || $logentry.formatted || $error.value || $http.headers.user-agent)";
const ADDRESSES: &str = "$http.env.REMOTE_ADDR || $user.ip_address || $sdk.client_ip || $span.sentry_tags.'user.ip' || attributes.'client.address'";
const COOKIE_STRINGS: &str = "*.'http.request.header.cookie'.* || *.'http.request.header.cookie' || *.'http.response.header.set-cookie'.* || *.'http.response.header.set-cookie'";

/// The document that means the same as the settings, to Sentry's scrubber.
#[must_use]
pub fn rules_of(settings: &PrivacySettings) -> String {
    let mut rules = Map::new();
    let mut applied = vec!["@common:filter"];
    if settings.scrub_ip_addresses {
        applied.push("@ip:replace");
    }
    if settings.scrub_emails {
        applied.push("@email:replace");
    }
    let fields: Vec<&str> = settings
        .sensitive_fields
        .iter()
        .map(|field| field.trim())
        .collect();
    if !fields.is_empty() {
        let pattern: Vec<String> = fields.iter().map(|field| regex::escape(field)).collect();
        let redaction = json!({"method": "replace", "text": "[Filtered]"});
        let rule = json!({
            "type": "redact_pair",
            "keyPattern": format!("(?i){}", pattern.join("|")),
            "redaction": redaction,
        });
        rules.insert("strip-fields".to_owned(), rule);
        applied.push("strip-fields");
    }
    let mut selector = VALUES.to_owned();
    for field in &settings.safe_fields {
        selector += " && !";
        selector += &safe(field.trim());
    }
    let mut applications = Map::new();
    applications.insert(selector, json!(applied));
    if settings.scrub_ip_addresses {
        applications.insert(ADDRESSES.to_owned(), json!(["@anything:remove"]));
    }
    applications.insert(
        "$logentry.formatted || $log.body".to_owned(),
        json!([
            "@bearer:replace",
            "@creditcard:replace",
            "@email:replace",
            "@iban:replace",
            "@usssn:replace"
        ]),
    );
    let places = COOKIES
        .iter()
        .flat_map(|name| COOKIE_PLACES.map(|place| place.replace("NAME", name)));
    let places: Vec<String> = places.collect();
    applications.insert(places.join(" || "), json!(["@anything:filter"]));
    applications.insert(COOKIE_STRINGS.to_owned(), json!(["@cookies:filter"]));
    let document =
        json!({"dialect": "reference", "rules": rules, "applications": Value::from(applications)});
    document.to_string()
}

/// A selector as it is written, or a key in quotes.
fn safe(field: &str) -> String {
    match Selector::parse(field) {
        Ok(Selector::Path(_)) => field.to_owned(),
        Ok(_) => format!("({field})"),
        Err(_) => format!("'{}'", field.replace('\'', "''")),
    }
}
