//! Whatever surrounds a secret and however it is written, it goes; nothing makes the scrubber panic.

use proptest::prelude::*;

use super::*;

const PLANTED: &[&str] = &[
    "4111111111111111",
    "4111-1111-1111-1111",
    "5555 5555 5555 4444",
    "078-05-1120",
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
    "Bearer PLACEHOLDER_TOKEN_abcdef0123456789",
    "https://bob:s3cretpw-PLACEHOLDER@db.example.com/app",
    "-----BEGIN PRIVATE KEY-----\nPLACEHOLDERPLACEHOLDER\n-----END PRIVATE KEY-----",
    "password=hunter2-PLACEHOLDER",
    "{\"api_key\": \"hunter2-PLACEHOLDER\"}",
    "'token': 'hunter2-PLACEHOLDER'",
];

/// What may not be left of each.
const CORES: &[&str] = &[
    "4111",
    "5555 5555",
    "078-05",
    "0532013",
    "WEST 1234",
    "PLACEHOLDER",
];

fn hex_escaped(text: &str, mask: u64) -> String {
    let mut out = String::new();
    for (n, letter) in text.chars().enumerate() {
        let plain = serde_json::to_string(&letter.to_string()).unwrap();
        let mut units = [0; 2];
        match mask >> (n % 64) & 1 {
            1 => letter
                .encode_utf16(&mut units)
                .iter()
                .for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
            _ => out.push_str(&plain[1..plain.len() - 1]),
        }
    }
    out
}

/// Text that may stand around a secret without becoming a part of it.
fn surroundings() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ -~\u{e4}\u{20ac}\u{1F600}\n\t]{0,24}[ ,;(){}<>!?\n\t\u{e4}\u{1F600}]",
        "([a-z]{1,8}=[0-9a-f]{0,8}&){0,3}",
        "(\\[[a-z]{1,5}\\] )?",
    ]
}

fn endings() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ ,;)}>!?\n\t\u{e4}\u{1F600}][ -~\u{e4}\u{20ac}\u{1F600}\n\t]{0,24}",
        "(&[a-z]{1,8}=[0-9a-f]{0,8}){0,3}"
    ]
}

fn payload_around(place: usize, text: &str) -> String {
    match place {
        0 => format!(r#"{{"message":"{text}"}}"#),
        1 => format!(r#"{{"exception":{{"values":[{{"value":"{text}"}}]}}}}"#),
        2 => format!(r#"{{"extra":{{"a":[1,{{"b":"{text}"}}]}},"event_id":"x"}}"#),
        3 => format!(r#"{{"tags":[["a","{text}"],["b","c"]]}}"#),
        4 => format!(r#"{{"breadcrumbs":[{{"data":{{"url":"{text}"}}}}]}}"#),
        _ => format!(r#"{{"unknown":{{"x":{{"y":"{text}"}}}}}}"#),
    }
}

proptest! {
    #[test]
    fn no_planted_secret_stays(
        secret in prop::sample::select(PLANTED), head in surroundings(), tail in endings(), mask in any::<u64>(), place in 0..6_usize, is_escaped in any::<bool>(),
    ) {
        let text = hex_escaped(&format!("{head}{secret}{tail}"), if is_escaped { mask } else { 0 });
        let once = scrubbed(&PrivacySettings::default(), Payload::Event, &payload_around(place, &text));
        let value: Value = serde_json::from_slice(&once.payload).unwrap();
        let after = value.to_string();
        for core in CORES.iter().filter(|core| secret.contains(**core)) {
            prop_assert!(!after.contains(core), "{}", after);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let scrubber = Scrubber::new(&all_switches());
        let _outcome = scrubber.scrub_json(&Bytes::from(bytes.clone()), Payload::Event);
        let _text = scrubber.scrub_text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_scrubbed_once_and_for_all(text in "[-=:@/\\\\\"'a-cA-C0-9 .%&{}\\[\\],+]{0,60}") {
        let scrubber = Scrubber::new(&all_switches());
        let once = scrubber.scrub_text(&text).unwrap_or(text);
        prop_assert_eq!(scrubber.scrub_text(&once), None, "{}", once);
    }

    #[test]
    fn texts_of_secret_words_are_scrubbed_once_and_for_all(
        words in prop::collection::vec(prop::sample::select(&[
            "password", "token", "=", ":", " ", "\"", "'", "\\\"", "{", "}", "[", "]", "&", ",", ";", "Bearer ", "basic ", "4111111111111111", "-",
            "078-05-1120", "//", "a:b@h", "/home/", "jane", "--", "x", "[Filtered]", "DE89370400440532013000", "203.0.113.42", "j@e.org", "\n", "\\n",
            "-----BEGIN PRIVATE KEY-----", "-----END", "session", "%40", "::1", "+", "=>", "None", "***",
        ][..]), 0..16),
    ) {
        let scrubber = Scrubber::new(&all_switches());
        let text = words.concat();
        let once = scrubber.scrub_text(&text).unwrap_or_else(|| text.clone());
        prop_assert_eq!(scrubber.scrub_text(&once), None, "{} became {}", text, once);
    }

    #[test]
    fn json_stays_json(text in r#"[\[\]{}",:0-9a-c\\ ]{0,40}"#) {
        let reads = serde_json::from_str::<Value>(&text).is_ok();
        let outcome = Scrubber::new(&all_switches()).scrub_json(&Bytes::from(text.clone()), Payload::Event);
        prop_assert!(!reads || outcome.is_ok(), "{}", text);
    }
}
