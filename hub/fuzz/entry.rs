//! What the fuzzer calls: each function takes any bytes, and panics when a promise is broken.
//!
//! The same functions run over recorded events and damaged copies of them in ordinary tests.
//! With the fuzzer: `cargo +nightly fuzz run normalise` in `hub`.
#![allow(
    dead_code,
    reason = "each fuzz target calls one of them, and their promises are assertions"
)]

use hub::group::{self, Enhancements, FingerprintRules, Rules};
use hub::normalise::{self, CORRECTIONS_MAX, Receipt};
use hub::{owner, query};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;

const AT: Timestamp = Timestamp::from_millis(1_767_323_045_000);

/// What rules are asked of.
const EVENT: &[u8] = br#"{"platform":"python","transaction":"/pay","tags":{"area":"payment"},
    "exception":{"values":[{"type":"ValueError","value":"no card","stacktrace":{"frames":[
    {"module":"app.pay","function":"charge","filename":"src/pay.py","in_app":true},
    {"module":"lib.net","function":"send","abs_path":"/usr/lib/net.py","in_app":false}]}}]}}"#;

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

/// Rules of grouping are read and asked of an event, or what is wrong with them is found within
/// them.
pub(crate) fn grouping(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let fingerprints = FingerprintRules::parse(&text);
    let enhancements = Enhancements::parse(&text);
    let errors = [fingerprints.as_ref().err(), enhancements.as_ref().err()];
    for error in errors.into_iter().flatten() {
        let [from, to] = error.span;
        assert!(from <= to && to <= text.len() && error.line > 0 && !error.message.is_empty());
    }
    let rules = Rules {
        fingerprints: fingerprints.unwrap_or_default(),
        enhancements: enhancements.unwrap_or_default(),
        ..Rules::default()
    };
    let event = normalise::normalise(EVENT, &receipt(ItemKind::Event));
    assert!(event.is_ok_and(|event| !group::group_by(&event, &rules).hashes.is_empty()));
}

/// Rules of ownership and CODEOWNERS files are read and asked of an event, or what is wrong with
/// them is found within them.
pub(crate) fn owner(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let facts = owner::Facts::new(
        [(Some("/app/src/pay.py"), Some("app.pay"))].into_iter(),
        Some("https://example.com/checkout"),
        [("area", "payment")].into_iter(),
    );
    for read in [
        owner::Rules::parse(&text),
        owner::Rules::parse_codeowners(&text),
    ] {
        match read {
            Ok(rules) => drop(rules.decide(&facts).cloned()),
            Err(error) => {
                assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                assert!(!error.message.is_empty());
            }
        }
    }
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

    /// Rules of grouping and of ownership, of every form.
    const RULES: &[&str] = &[
        "type:ValueError message:\"no *\" -> pay-{{ transaction }}, {{ default }} title=\"Pay\"",
        "stack.abs_path:**/lib/** -app ^-group v-group max-frames=3\nfamily:native,javascript +app",
        "# a file\nerror.type:A | error.type:B -> x\n!path:**.js -> y",
        "path:src/* #payments ann@example.com\nurl:https://example.com/* #web\ntags.area:pay* a@b.c",
        "# owners\n*.py @acme/payments\n/src/ @ann # who\n[Section][2] @b\ndocs\\ x/ c@d.e",
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
    fn no_rules_whole_or_damaged_break_a_promise() {
        for rules in RULES {
            damaged(rules.as_bytes()).iter().for_each(|sample| {
                grouping(sample);
                owner(sample);
            });
        }
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
