//! Settings are rules: what the rules that they stand for change, their own matchers change.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

/// Words of keys, sensitive fields and safe ones among them. Not `author`, nor counts of tokens: those no rule can tell.
const KEYS: &[&str] = &[
    "a",
    "note",
    "order",
    "kunde_nr",
    "Ärzte",
    "password",
    "x_token",
    "API-Key",
    "otp",
    "data",
    "session",
    "su",
    "http.request.header.cookie.sessionid",
    "cookies",
    "headers",
    "REMOTE_ADDR",
];
const FIELDS: &[&str] = &["kunde", "Ärzte", "a.c", "rde"];
const SAFE: &[&str] = &[
    "order",
    "'note'",
    "extra.a",
    "password",
    "$http.headers.note",
    "od d",
    "http.request.header.cookie.sessionid",
];

/// Values with and without something private. None speaks of passwords without one.
const VALUES: &[&str] = &[
    "",
    "nothing",
    "true",
    "null",
    "4571234567890111",
    "card 4111111111111111 end",
    "amex 378282246310005",
    "078-05-1120",
    "DE89370400440532013000.",
    "no iban DE00370400440532013000",
    "Bearer abc.def-ghi",
    "j@example.org",
    "from 203.0.113.42:80",
    "fe80::1 is here",
    "https://bob:hunter2@host/x",
    "/home/bob/x",
    "C:\\Users\\Bob\\x",
    "kunde 12",
    "the order a.c",
    "-----BEGIN EC PRIVATE KEY-----\nMIHbAgEBBEFtjA\n-----END EC PRIVATE KEY-----",
    "sessionid=23; theme=dark",
    "ärzte hier",
    "größe 4571234567890111 für j@example.org",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => prop::sample::select(VALUES).prop_map(Value::from),
        1 => any::<u32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(KEYS).prop_map(str::to_owned)
}

fn map_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(key(), inner, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// What users put into an event.
fn own() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner.clone()), 0..3).prop_map(|pairs| json!(pairs)),
            map_of(inner),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    let texts = prop::collection::vec(leaf(), 8);
    let objects = prop::collection::vec(map_of(own()), 8);
    (texts, objects).prop_map(|(texts, objects)| {
        let mut text = texts.into_iter();
        let mut text = || text.next().unwrap_or_default();
        let mut object = objects.into_iter();
        let mut object = || object.next().unwrap_or_default();
        json!({
            "logentry": {"formatted": text(), "params": [text()]},
            "exception": {"values": [{"value": text(), "stacktrace": {"frames": [{"vars": object(), "function": "f"}]}}]},
            "breadcrumbs": {"values": [{"message": text(), "data": object()}]},
            "request": {"url": text(), "headers": object(), "cookies": object(), "data": object(), "env": object(), "query_string": text()},
            "user": {"ip_address": text(), "email": text(), "id": "7"},
            "extra": object(),
            "contexts": {"mine": object()},
            "server_name": text(),
        })
    })
}

fn settings() -> impl Strategy<Value = PrivacySettings> {
    let some = |of| prop::collection::vec(prop::sample::select(of).prop_map(str::to_owned), 0..3);
    (any::<bool>(), any::<bool>(), some(FIELDS), some(SAFE)).prop_map(
        |(scrub_ip_addresses, scrub_emails, sensitive_fields, safe_fields)| PrivacySettings {
            scrub_ip_addresses,
            scrub_emails,
            sensitive_fields,
            safe_fields,
            ..PrivacySettings::default()
        },
    )
}

/// Every value with its path; lists and objects that became something else have no place in what was.
fn leaves(value: &Value, at: &str, out: &mut Map<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .for_each(|(key, inner)| leaves(inner, &format!("{at}/{key}"), out)),
        Value::Array(list) if !list.is_empty() => list
            .iter()
            .enumerate()
            .for_each(|(n, inner)| leaves(inner, &format!("{at}/{n}"), out)),
        value => {
            out.insert(at.to_owned(), value.clone());
        }
    }
}

fn leaves_of(payload: &[u8]) -> Map<String, Value> {
    let mut value: Value = serde_json::from_slice(payload).unwrap();
    value.as_object_mut().unwrap().remove("_meta");
    let mut out = Map::new();
    leaves(&value, "", &mut out);
    out
}

proptest! {
    #[test]
    fn what_the_rules_of_settings_change_the_settings_change(settings in settings(), event in event()) {
        let payload = Bytes::from(event.to_string());
        let document = rules_of(&settings);
        let rules = CustomRules::compile(&[&document], None).unwrap();
        let (by_rules, _) = rules.apply(&payload, Payload::Event).unwrap();
        let by_settings = scrubbed(&settings, Payload::Event, &event.to_string()).payload;
        let (before, by_rules, by_settings) = (leaves_of(&payload), leaves_of(&by_rules), leaves_of(&by_settings));
        // What says nothing is never private.
        let says_something = |value: &&Value| match value {
            Value::String(text) => !matches!(text.as_str(), "" | "true" | "null"),
            value => value.is_number(),
        };
        for (path, was) in before.iter().filter(|(_, was)| says_something(was)) {
            let stays_by_rules = by_rules.get(path) == Some(was);
            let stays_by_settings = by_settings.get(path) == Some(was);
            prop_assert!(stays_by_rules || !stays_by_settings, "{} of {} stays: {}", path, event, document);
        }
    }
}

#[test]
fn settings_can_be_read_as_rules() {
    let settings = PrivacySettings {
        scrub_ip_addresses: true,
        sensitive_fields: vec!["foo".to_owned(), "b.r".to_owned()],
        safe_fields: vec!["safe".to_owned(), "od d".to_owned(), "extra.x".to_owned()],
        ..PrivacySettings::default()
    };
    let document: Value = serde_json::from_str(&rules_of(&settings)).unwrap();
    assert_eq!(
        document["rules"]["sensitive-fields"]["keyPattern"],
        r"(?i)foo|b\.r"
    );
    let safe =
        " && !('safe'.** || 'safe' || 'od d'.** || 'od d' || 'extra.x'.** || 'extra.x' || extra.x)";
    let applications = document["applications"].as_object().unwrap();
    assert!(applications.keys().all(|selector| selector.ends_with(safe)));
    let rules = |selector: &str| &applications[&format!("({selector}){safe}")];
    let addresses = format!(
        "{} || {}",
        "$user.ip_address || $sdk.client_ip || $http.env.REMOTE_ADDR || $span.tags.'user.ip'",
        [
            "$span.data",
            "$span.attributes",
            "$log.attributes",
            "contexts.trace.data"
        ]
        .map(|at| format!("{at}.'client.address' || {at}.'user.ip_address'"))
        .join(" || ")
    );
    assert_eq!(rules(&addresses), &json!(["@anything:remove"]));
}
