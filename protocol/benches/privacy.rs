//! How long scrubbing an event of 28 KB takes: a recording of Flask, its stack made longer.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use protocol::privacy::{CustomRules, Payload, Scrubber, rules_of};
use protocol::roster::PrivacySettings;
use serde_json::Value;

const RECORDING: &str = include_str!("../fixtures/privacy/python-0086-event.json");
const EVENT_BYTES: usize = 28 * 1024;

fn main() {
    divan::main();
}

fn settings(all: bool) -> PrivacySettings {
    PrivacySettings {
        scrub_emails: all,
        scrub_ip_addresses: all,
        ..PrivacySettings::default()
    }
}

fn clean(payload: &Bytes) -> Bytes {
    let scrubbed = Scrubber::new(&settings(true)).scrub_json(payload, Payload::Event);
    scrubbed.map_or_else(|_| Bytes::new(), |scrubbed| scrubbed.payload)
}

/// The recording with frames of its libraries repeated.
fn event(is_clean: bool) -> Bytes {
    let recording = Bytes::from_static(RECORDING.as_bytes());
    let read = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let libraries = read(&clean(&recording));
    let mut event = if is_clean {
        libraries.clone()
    } else {
        read(&recording)
    };
    if let Some(map) = event.as_object_mut() {
        map.remove("_meta");
    }
    let frames = "/exception/values/0/stacktrace/frames";
    let library = libraries
        .pointer(frames)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    for frame in library.iter().take(3).cycle() {
        if event.to_string().len() >= EVENT_BYTES {
            break;
        }
        if let Some(frames) = event.pointer_mut(frames).and_then(Value::as_array_mut) {
            frames.insert(0, frame.clone());
        }
    }
    Bytes::from(event.to_string())
}

fn scrub(bencher: Bencher<'_, '_>, is_clean: bool, all: bool) {
    let scrubber = Scrubber::new(&settings(all));
    let payload = event(is_clean);
    let bencher = bencher.counter(BytesCount::new(payload.len()));
    bencher.bench(|| scrubber.scrub_json(divan::black_box(&payload), Payload::Event));
}

#[divan::bench]
fn nothing_matches(bencher: Bencher<'_, '_>) {
    scrub(bencher, true, false);
}

#[divan::bench]
fn nothing_matches_with_all_switches(bencher: Bencher<'_, '_>) {
    scrub(bencher, true, true);
}

#[divan::bench]
fn secrets_everywhere(bencher: Bencher<'_, '_>) {
    scrub(bencher, false, false);
}

#[divan::bench]
fn secrets_everywhere_with_all_switches(bencher: Bencher<'_, '_>) {
    scrub(bencher, false, true);
}

/// The rules that the settings stand for, instead of their own matchers.
fn run_rules_of_settings(bencher: Bencher<'_, '_>, is_clean: bool) {
    let rules = CustomRules::compile(&[rules_of(&settings(true))], None).unwrap_or_default();
    assert!(!rules.is_empty());
    let payload = event(is_clean);
    let bencher = bencher.counter(BytesCount::new(payload.len()));
    bencher.bench(|| rules.apply(divan::black_box(&payload), Payload::Event));
}

#[divan::bench]
fn nothing_matches_with_all_switches_as_rules(bencher: Bencher<'_, '_>) {
    run_rules_of_settings(bencher, true);
}

#[divan::bench]
fn secrets_everywhere_with_all_switches_as_rules(bencher: Bencher<'_, '_>) {
    run_rules_of_settings(bencher, false);
}

/// Twenty rules over everything that users wrote: built-in ones, patterns, keys.
fn twenty_rules() -> String {
    let patterns = [
        "ACME-\\\\d{6}",
        "cust_[a-z0-9]{12}",
        "(?i)order #\\\\d+",
        "sk_live_\\\\w+",
        "ghp_[A-Za-z0-9]{36}",
        "AKIA[0-9A-Z]{16}",
        "\\\\b\\\\d{4}/\\\\d{6}\\\\b",
        "xox[bp]-\\\\w+",
    ];
    let mut rules: Vec<String> = Vec::new();
    for (n, pattern) in patterns.iter().enumerate() {
        rules.push(format!(
            "\"p{n}\":{{\"type\":\"pattern\",\"pattern\":\"{pattern}\"}}"
        ));
    }
    for (n, key) in ["customer", "invoice", "birthday", "surname"]
        .iter()
        .enumerate()
    {
        rules.push(format!(
            "\"k{n}\":{{\"type\":\"redact_pair\",\"keyPattern\":\"(?i){key}\"}}"
        ));
    }
    let names = "\"p0\",\"p1\",\"p2\",\"p3\",\"p4\",\"p5\",\"p6\",\"p7\",\"k0\",\"k1\",\"k2\",\"k3\",\
                 \"@email\",\"@creditcard\",\"@iban\",\"@imei\",\"@mac\",\"@usssn\",\"@id-de-idnr\",\"@pemkey\"";
    format!(
        "{{\"rules\":{{{}}},\"applications\":{{\"$string && !$frame.filename\":[{names}],\
         \"extra.**.note\":[\"@anything\"]}}}}",
        rules.join(",")
    )
}

fn scrub_with_rules(bencher: Bencher<'_, '_>, is_clean: bool) {
    let settings = PrivacySettings {
        rules: vec![twenty_rules().into()],
        ..settings(false)
    };
    let compiled = CustomRules::compile(&settings.rules, None);
    assert!(compiled.is_ok(), "{compiled:?}");
    let scrubber = Scrubber::new(&settings);
    let payload = event(is_clean);
    let bencher = bencher.counter(BytesCount::new(payload.len()));
    bencher.bench(|| scrubber.scrub_json(divan::black_box(&payload), Payload::Event));
}

#[divan::bench]
fn nothing_matches_with_twenty_rules(bencher: Bencher<'_, '_>) {
    scrub_with_rules(bencher, true);
}

#[divan::bench]
fn secrets_everywhere_with_twenty_rules(bencher: Bencher<'_, '_>) {
    scrub_with_rules(bencher, false);
}
