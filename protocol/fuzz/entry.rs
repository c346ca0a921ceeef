//! What the fuzzer calls: each function takes any bytes, and panics when a promise is broken.
//!
//! The same functions run over recorded requests and damaged copies of them in ordinary tests.
//! With the fuzzer: `cargo +nightly fuzz run envelope` in `protocol`.
#![allow(
    dead_code,
    reason = "each fuzz target calls one of them, and their promises are assertions"
)]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use protocol::auth::{self, Sources};
use protocol::block;
use protocol::condition::Condition;
use protocol::container;
use protocol::crash;
use protocol::dsn::Dsn;
use protocol::envelope::{Envelope, EnvelopeItem, ItemHeader};
use protocol::event::Event;
use protocol::facts::{ROOTS, Sender, Subject};
use protocol::item::ItemKind;
use protocol::parcel::{Part, Reader, Receipt};
use protocol::privacy::{Payload, RuleDocument, Scrubber};
use protocol::roster::PrivacySettings;
use protocol::traceback::Collector;
use protocol::wire::Frame;

/// What rules and conditions are tried on.
const EVENT: &[u8] = br#"{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc","level":"error",
    "release":"shop@1.2","user":{"email":"ann@example.com","ip_address":"192.0.2.1"},
    "tags":[["a","b"]],"extra":{"password":"hunter2","list":[1,"4111 1111 1111 1111",null]},
    "request":{"url":"https://example.com/a?b=c","headers":[["Cookie","s=1"]]},
    "exception":{"values":[{"type":"E","value":"no card 4111 1111 1111 1111",
    "stacktrace":{"frames":[{"function":"f","vars":{"token":"abc"}}]}}]}}"#;

/// Most lines of one input that are read as heads.
const LINES_MAX: usize = 100;

/// What was cut and written again is the same; heads are read alone too, as of a large envelope,
/// and containers are cut.
pub(crate) fn envelope(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let line = Bytes::copy_from_slice(line);
        drop(Envelope::parse_header(&line));
        drop(EnvelopeItem::parse_head(&line, 0));
    }
    let Ok(envelope) = Envelope::parse(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let written = Bytes::from(envelope.write());
    assert_eq!(Envelope::parse(&written).as_ref(), Ok(&envelope));
    for item in &envelope.items {
        let entries = container::cut(item).ok().flatten().unwrap_or_default();
        for item in entries.iter().chain([item]) {
            drop(Subject::read(item, Sender::default()));
        }
    }
}

/// Every source is read without panic, and a DSN that is read is written the same.
pub(crate) fn auth(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let alone = Sources::default();
    let sources = [
        Sources {
            x_sentry_auth: Some(text),
            ..alone
        },
        Sources {
            authorization: Some(text),
            ..alone
        },
        Sources {
            query: Some(text),
            ..alone
        },
        Sources {
            path_key: Some(text),
            ..alone
        },
    ];
    for sources in sources {
        drop(auth::from_request(&sources));
    }
    if let Ok(dsn) = text.parse::<Dsn>() {
        assert_eq!(dsn.to_string().parse(), Ok(dsn));
    }
}

/// Frames, blocks, parcels and receipts are refused or read, within their limits.
pub(crate) fn frame(data: &[u8]) {
    drop(Frame::parse(&Bytes::copy_from_slice(data)));
    let mut stream = BytesMut::from(data);
    while let Ok(Some(_)) = Frame::decode(&mut stream) {}
    drop(block::read_head(data));
    drop(block::open(data));
    drop(Receipt::decode(data));
    if let Ok(mut parcel) = Reader::new(data) {
        while let Ok(Part::Block(_) | Part::Gap(_)) = parcel.next_part() {}
    }
}

/// An event is read without panic, and scrubbing twice changes nothing.
pub(crate) fn event(data: &[u8]) {
    drop(Event::parse(data));
    let scrubber = Scrubber::new(&PrivacySettings::default());
    let payload = Bytes::copy_from_slice(data);
    for kind in [Payload::Event, Payload::Items, Payload::Json] {
        if let Ok(once) = scrubber.scrub_json(&payload, kind) {
            let twice = scrubber.scrub_json(&once.payload, kind);
            let twice = twice.map(|twice| twice.payload);
            assert_eq!(twice, Ok(once.payload));
        }
    }
}

/// A document of privacy rules is refused, or compiled and run; what it left is left by a second run.
pub(crate) fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    drop(RuleDocument::parse(text));
    let settings = PrivacySettings {
        rules: vec![text.into()],
        ..PrivacySettings::default()
    };
    let Ok(scrubber) = Scrubber::try_new(&settings) else {
        return;
    };
    let payload = Bytes::from_static(EVENT);
    let once = scrubber.scrub_json(&payload, Payload::Event);
    let once = once.map(|scrubbed| scrubbed.payload);
    assert!(once.is_ok_and(|payload| Event::parse(&payload).is_ok()));
    drop(scrubber.scrub_attachment("a.log", &payload, false));
}

/// A condition is asked of an event, or what is wrong with it is found within it.
pub(crate) fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Condition::parse(text, ROOTS) {
        Err(error) => assert!(error.at <= text.len() && !error.what.is_empty()),
        Ok(condition) => {
            let item = EnvelopeItem {
                kind: ItemKind::Event,
                header: ItemHeader::default(),
                payload: Bytes::from_static(EVENT),
            };
            black_box(condition.holds(&Subject::read(&item, Sender::default())));
        }
    }
}

/// Lines are taken without panic, and at the end nothing is held back.
pub(crate) fn traceback(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut collector = Collector::default();
    for line in text.lines() {
        drop(collector.push(line.to_owned()));
    }
    drop(collector.end());
    assert_eq!(collector.n_held(), 0);
}

/// A dump is read or refused without panic.
pub(crate) fn crash(data: &[u8]) {
    drop(crash::read(data));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Recorded requests, and copies that are cut or have a byte changed.
    fn samples() -> Vec<Vec<u8>> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dirs = ["../relay/fixtures/recorded", "fixtures/dumps"];
        let files = dirs.map(|dir| std::fs::read_dir(here.join(dir)).unwrap());
        let mut samples = vec![Vec::new(), b"{".to_vec(), vec![0xff; 64]];
        for path in files.into_iter().flatten().map(|file| file.unwrap().path()) {
            let bytes = std::fs::read(path).unwrap();
            if bytes.len() > 30_000 {
                continue;
            }
            for part in 1..4 {
                let at = bytes.len() * part / 4;
                samples.push(bytes.get(..at).unwrap_or_default().to_vec());
                let mut damaged = bytes.clone();
                if let Some(byte) = damaged.get_mut(at) {
                    *byte ^= 1 << part;
                }
                samples.push(damaged);
            }
            samples.push(bytes);
        }
        samples
    }

    /// Documents of rules and conditions of every form, and copies that are cut or have a bit turned.
    #[test]
    fn no_rules_and_no_condition_whole_or_damaged_break_a_promise() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/written");
        let mut n_samples = 0;
        for path in std::fs::read_dir(here)
            .unwrap()
            .map(|file| file.unwrap().path())
        {
            let whole = std::fs::read(&path).unwrap();
            let text = std::str::from_utf8(&whole).unwrap();
            let is_read = match path.file_name().unwrap().to_str().unwrap() {
                name if name.starts_with("rules") => RuleDocument::parse(text).is_ok(),
                _ => Condition::parse(text, ROOTS).is_ok(),
            };
            assert!(is_read, "{}", path.display());
            for at in 0..whole.len() {
                let mut turned = whole.clone();
                if let Some(byte) = turned.get_mut(at) {
                    *byte ^= 1 << (at % 8);
                }
                for sample in [whole.get(..at).unwrap_or_default(), &turned] {
                    rules(sample);
                    condition(sample);
                    n_samples += 1;
                }
            }
            rules(&whole);
            condition(&whole);
        }
        assert!(n_samples > 200);
    }

    #[test]
    fn no_recording_whole_or_damaged_breaks_a_promise() {
        let samples = samples();
        assert!(samples.len() > 200);
        for sample in samples {
            envelope(&sample);
            auth(&sample);
            frame(&sample);
            event(&sample);
            crash(&sample);
            traceback(&sample);
            for line in sample.split(|byte| *byte == b'\n') {
                auth(line);
                event(line);
            }
        }
    }
}
