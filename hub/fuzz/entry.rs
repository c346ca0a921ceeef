//! What the fuzzer calls: each function takes any bytes, and panics when a promise is broken.
//!
//! The same functions run over recorded events and damaged copies of them in ordinary tests.
//! With the fuzzer: `cargo +nightly fuzz run normalise` in `hub`.
#![allow(
    dead_code,
    reason = "each fuzz target calls one of them, and their promises are assertions"
)]

use hub::normalise::{self, CORRECTIONS_MAX, Receipt};
use hub::query;
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;

const AT: Timestamp = Timestamp::from_millis(1_767_323_045_000);

/// How a relay may have had it.
fn receipt(kind: ItemKind) -> Receipt<'static> {
    Receipt {
        event_id: EventId::from_bytes([1; 16]),
        kind,
        received_at: AT,
        relay_offset_millis: -7,
        sent_at: Some(AT.plus_millis(90_000)),
        client: Some("sentry.python/2.75.0"),
        remote_addr: Some("192.0.2.1"),
        place: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        header: b"{}",
    }
}

/// Whatever a payload holds is brought into shape or refused, and what was corrected is bounded.
pub(crate) fn normalise(data: &[u8]) {
    for kind in [ItemKind::Event, ItemKind::Feedback, ItemKind::RawSecurity] {
        if let Ok(event) = normalise::normalise(data, &receipt(kind)) {
            assert!(event.corrections.len() <= CORRECTIONS_MAX);
        }
    }
    drop(normalise::transaction(
        data,
        &receipt(ItemKind::Transaction),
    ));
    if let Ok(json) = serde_json::from_slice(data) {
        drop(normalise::entry(&json, &receipt(ItemKind::Log)));
    }
}

/// A search is read, or what is wrong with it is found within it.
pub(crate) fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Err(error) = query::parse(&text, AT) {
        assert!(error.span.start <= error.span.end && error.span.end <= text.len());
        assert!(!error.message.is_empty());
    }
    drop(query::canonical(&text));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Searches of every form.
    const SEARCHES: &[&str] = &[
        "is:unresolved level:[error, fatal] !user.id:\"a b\"",
        "(times_seen:>=10 OR has:release) AND tags[browser.name]:Fire*",
        "timestamp:>2026-01-02T03:04:05 age:-24h lastSeen:+2d",
        "flags[\"new pay\"]:true \"no connection\" title:*\\\"*",
    ];

    /// The whole, what is left of it, and a copy with one bit turned.
    fn damaged(whole: &[u8]) -> Vec<Vec<u8>> {
        let mut samples = vec![whole.to_vec()];
        for part in 0..8 {
            let at = whole.len() * part / 8;
            let mut turned = whole.to_vec();
            if let Some(byte) = turned.get_mut(at) {
                *byte ^= 1 << part;
            }
            samples.extend([whole.get(..at).unwrap_or_default().to_vec(), turned]);
        }
        samples
    }

    #[test]
    fn no_event_whole_or_damaged_breaks_a_promise() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
        let mut n_samples = 0;
        for path in std::fs::read_dir(dir)
            .unwrap()
            .map(|file| file.unwrap().path())
        {
            for sample in damaged(&std::fs::read(path).unwrap()) {
                normalise(&sample);
                n_samples += 1;
            }
        }
        assert!(n_samples > 200);
    }

    #[test]
    fn no_search_whole_or_damaged_breaks_a_promise() {
        for search in SEARCHES {
            damaged(search.as_bytes())
                .iter()
                .for_each(|sample| query(sample));
        }
    }
}
