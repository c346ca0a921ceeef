//! Examples of what is removed and what stays.

mod corpus;
mod payloads;
mod properties;
mod settings;
mod texts;

use bytes::Bytes;
use serde_json::Value;

use super::*;

fn all_switches() -> PrivacySettings {
    PrivacySettings {
        scrub_ip_addresses: true,
        scrub_emails: true,
        ..PrivacySettings::default()
    }
}

fn scrubbed(settings: &PrivacySettings, kind: Payload, payload: &str) -> Scrubbed {
    let scrubber = Scrubber::new(settings);
    let payload = Bytes::from(payload.to_owned());
    let once = scrubber.scrub_json(&payload, kind).unwrap();
    assert_eq!(once.changed, once.payload.as_ptr() != payload.as_ptr());
    assert_eq!(once.changed, once.hits.total() > 0);
    let twice = scrubber.scrub_json(&once.payload, kind).unwrap();
    assert!(
        !twice.changed,
        "not idempotent:\n{}\n{}",
        String::from_utf8_lossy(&once.payload),
        String::from_utf8_lossy(&twice.payload)
    );
    once
}

/// The scrubbed payload without the notes in `_meta`.
fn scrub_with(settings: &PrivacySettings, kind: Payload, payload: &str) -> Value {
    let once = scrubbed(settings, kind, payload);
    let mut value: Value = serde_json::from_slice(&once.payload).unwrap();
    if let Some(map) = value.as_object_mut() {
        map.remove("_meta");
    }
    value
}

/// Scrubs an event by the default rules and compares; `_meta` is left out.
fn check(before: &str, after: &str) {
    let expected: Value = serde_json::from_str(after).unwrap();
    assert_eq!(
        scrub_with(&PrivacySettings::default(), Payload::Event, before),
        expected,
        "{before}"
    );
}

/// The notes about an event.
fn meta(settings: &PrivacySettings, payload: &str) -> Value {
    let once = scrubbed(settings, Payload::Event, payload);
    let mut value: Value = serde_json::from_slice(&once.payload).unwrap();
    value
        .as_object_mut()
        .unwrap()
        .remove("_meta")
        .unwrap_or_default()
}
