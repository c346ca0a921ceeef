//! How long scrubbing an event of 28 KB takes: a recording of Flask, its stack made longer.

use bytes::Bytes;
use divan::Bencher;
use divan::counter::BytesCount;
use protocol::privacy::{Payload, Scrubber};
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
