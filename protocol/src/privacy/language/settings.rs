//! The simple settings, written in the language: what relays do by them, as near as rules can say it.
//!
//! Relays do not run these rules. The matchers of the settings (see [`crate::privacy`]) take from a text the secret alone, look also
//! into what rules do not reach by themselves (headers, names of files, files), in the walk that every event needs. So they stand beside the rules,
//! from the same lists, and a property holds the two together: what these rules change, the matchers change. Rules cannot say
//! three things, in which they take more: `author` is not `auth`, counts of tokens are none, and a text that speaks of passwords
//! without one loses nothing.

use serde_json::{Map, Value, json};

use super::builtin::FILTERED;
use crate::privacy::keys::{COOKIES, SESSIONS, sensitive_fields};
use crate::privacy::roles::ADDRESS_ATTRIBUTES;
use crate::privacy::safe::{safe_keys, safe_selectors};
use crate::roster::PrivacySettings;

/// Everything that may be private, where a value that names a sensitive field goes whole.
const VALUES: &str = "$string || $number || $array || $object";
/// What people and programs say: it may speak of a field without its value.
const PROSE: &str = "$logentry.formatted || $error.value || $log.body || $http.headers.user-agent";
/// Likewise, and a path to somebody's home is none in them.
const URLS: &str = "$http.url || $breadcrumb.data.url || $breadcrumb.data.to || $breadcrumb.data.from || $span.description || culprit";
const ADDRESSES: &str =
    "$user.ip_address || $sdk.client_ip || $http.env.REMOTE_ADDR || $span.tags.'user.ip'";
const COOKIE_TEXTS: &str = "$http.cookies || $http.headers.cookie || $http.headers.set-cookie || *.'http.request.header.cookie' || *.'http.response.header.set-cookie'";
const COOKIE_VALUES: &str = "$http.cookies.*";
const ATTRIBUTES: [&str; 4] = [
    "$span.data",
    "$span.attributes",
    "$log.attributes",
    "contexts.trace.data",
];

/// The names of the rules that a document of settings has of its own.
const FIELDS_RULE: &str = "sensitive-fields";
const COOKIES_RULE: &str = "session-cookies";
const COOKIE_ATTRIBUTES_RULE: &str = "session-cookie-attributes";

/// The rules that settings stand for, as a document that people can read and use.
#[must_use]
pub fn rules_of(settings: &PrivacySettings) -> String {
    let mut rules = Map::new();
    let mut whole = vec!["@password:filter"];
    let fields: Vec<String> = sensitive_fields(settings).map(regex::escape).collect();
    if !fields.is_empty() {
        rules.insert(FIELDS_RULE.to_owned(), pair(&fields.join("|")));
        whole.push(FIELDS_RULE);
    }
    let names = [COOKIES, SESSIONS].concat();
    let names: Vec<String> = names.iter().map(|name| regex::escape(name)).collect();
    let names = format!(r"(?:{})(?:__\d+)?$", names.join("|"));
    rules.insert(COOKIES_RULE.to_owned(), pair(&format!("^{names}")));
    let attributes =
        format!(r"^http\.(?:request\.header\.cookie|response\.header\.set-cookie)\.{names}");
    rules.insert(COOKIE_ATTRIBUTES_RULE.to_owned(), pair(&attributes));

    let parts = parts(settings);
    let but = but_safe(settings);
    let texts = [parts.as_slice(), &["@userpath:replace"]].concat();
    let values = format!("({VALUES}) && !({PROSE} || {URLS}){but}");
    let mut applications = Map::new();
    applications.insert(values, json!([whole.as_slice(), &texts].concat()));
    applications.insert(format!("({PROSE}){but}"), json!(texts));
    applications.insert(format!("({URLS}){but}"), json!(parts));
    applications.insert(format!("({COOKIE_VALUES}){but}"), json!([COOKIES_RULE]));
    applications.insert(
        format!("({}){but}", attributes_named(&["*"])),
        json!([COOKIE_ATTRIBUTES_RULE]),
    );
    applications.insert(format!("({COOKIE_TEXTS}){but}"), json!(["@cookies:filter"]));
    if settings.scrub_ip_addresses {
        let attributes = attributes_named(&ADDRESS_ATTRIBUTES.map(|name| format!("'{name}'")));
        applications.insert(
            format!("({ADDRESSES} || {attributes}){but}"),
            json!(["@anything:remove"]),
        );
    }
    let document = json!({"rules": rules, "applications": Value::from(applications)});
    format!("{document:#}")
}

/// The attributes of these names.
fn attributes_named(names: &[impl AsRef<str>]) -> String {
    let of_place = |place| {
        let names = names.iter();
        names.map(move |name| format!("{place}.{}", name.as_ref()))
    };
    let all: Vec<String> = ATTRIBUTES.into_iter().flat_map(of_place).collect();
    all.join(" || ")
}

/// What is taken out of a text, in the order in which it is looked for.
fn parts(settings: &PrivacySettings) -> Vec<&'static str> {
    let mut parts = vec![
        "@pemkey:replace",
        "@urlauth:replace",
        "@bearer:replace",
        "@creditcard:replace",
        "@iban:replace",
        "@usssn:replace",
    ];
    if settings.scrub_emails {
        parts.push("@email:replace");
    }
    if settings.scrub_ip_addresses {
        parts.push("@ip:replace");
    }
    parts
}

/// The whole value of a key, or a value that is named like it.
fn pair(pattern: &str) -> Value {
    json!({
        "type": "redact_pair",
        "keyPattern": format!("(?i){pattern}"),
        "redaction": {"method": "replace", "text": FILTERED},
    })
}

/// The end of a selector that leaves the safe fields alone: a key's name with all below it, a selector as it is.
fn but_safe(settings: &PrivacySettings) -> String {
    let keys = safe_keys(settings).flat_map(|key| {
        let key = format!("'{}'", key.replace('\'', "''"));
        [format!("{key}.**"), key]
    });
    let selectors = safe_selectors(settings).map(str::to_owned);
    let safe: Vec<String> = keys.chain(selectors).collect();
    if safe.is_empty() {
        String::new()
    } else {
        format!(" && !({})", safe.join(" || "))
    }
}
