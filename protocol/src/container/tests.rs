//! What is cut, what is not, and what always holds of it.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::envelope::Envelope;

/// An item of a kind, with these fields in its header.
fn item(kind: &str, fields: &str, payload: &str) -> EnvelopeItem {
    let comma = if fields.is_empty() { "" } else { "," };
    let n = payload.len();
    let text = format!("{{}}\n{{\"type\":\"{kind}\",\"length\":{n}{comma}{fields}}}\n{payload}\n");
    let envelope = Envelope::parse(&Bytes::from(text)).unwrap();
    envelope.items.into_iter().next().unwrap()
}

/// The payloads of the entries; `None` for what is no container.
#[track_caller]
fn check(item: &EnvelopeItem, expected: Result<Option<&[&str]>, ContainerError>) {
    let found = cut(item).map(|parts| {
        let texts = |part: EnvelopeItem| String::from_utf8(part.payload.to_vec()).unwrap();
        parts.map(|parts| parts.into_iter().map(texts).collect::<Vec<_>>())
    });
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(found, expected.map(|parts| parts.map(owned)));
}

#[test]
fn each_entry_gets_a_container_of_its_own_with_what_they_shared() {
    let payload = "{ \"version\": 2, \"items\": [ {\"a\" : 1.50, \"b\":\"\\u00e9\\n\"} , 7 ],\n\
                   \"ingest_settings\":{\"infer_ip\":\"never\"} }";
    let log = item(
        "log",
        "\"item_count\":2,\"content_type\":\"application/vnd.sentry.items.log+json\",\"x\":[1]",
        payload,
    );
    let shared = "{\"version\":2,\"ingest_settings\":{\"infer_ip\":\"never\"},\"items\":[";
    let first = format!("{shared}{{\"a\" : 1.50, \"b\":\"\\u00e9\\n\"}}]}}");
    let second = format!("{shared}7]}}");
    check(&log, Ok(Some(&[&first, &second])));
    let parts = cut(&log).unwrap().unwrap();
    let header = "{\"type\":\"log\",\"item_count\":1,\
                  \"content_type\":\"application/vnd.sentry.items.log+json\",\"x\":[1]}";
    for part in &parts {
        assert_eq!(part.header_json(), header);
        check(
            part,
            Ok(Some(&[std::str::from_utf8(&part.payload).unwrap()])),
        );
    }
}

#[test]
fn what_was_noted_of_an_entry_stays_with_it() {
    let payload =
        r#"{"_meta":{"items":{"1":{"body":{"":{"len":9}}}},"x":1},"items":[{},{"body":"a"}]}"#;
    check(
        &item("log", "", payload),
        Ok(Some(&[
            r#"{"items":[{}]}"#,
            r#"{"_meta":{"items":{"0":{"body":{"":{"len":9}}}}},"items":[{"body":"a"}]}"#,
        ])),
    );
    for meta in ["7", "null", "{\"items\":[]}", "{\"items\":{\"a\":1}}"] {
        let payload = format!("{{\"items\":[{{}}],\"_meta\":{meta}}}");
        check(&item("log", "", &payload), Ok(Some(&["{\"items\":[{}]}"])));
    }
}

#[test]
fn one_span_of_an_older_client_is_one_already() {
    check(&item("span", "", "{\"description\":\"a\"}"), Ok(None));
    check(&item("span", "", "not json"), Ok(None));
    check(
        &item("event", "\"item_count\":2", "{\"items\":[1]}"),
        Ok(None),
    );
    let one = Ok(Some(&["{\"items\":[1]}"][..]));
    check(&item("span", "", "{\"items\":[1]}"), one.clone());
    check(
        &item("span", "\"item_count\":1", "{\"items\":[1]}"),
        one.clone(),
    );
    let says_so = "\"content_type\":\"application/vnd.sentry.items.span.v2+json\"";
    check(&item("span", says_so, "{\"items\":[1]}"), one);
    check(
        &item("span", says_so, "{}"),
        Err(ContainerError::Unreadable),
    );
}

#[test]
fn what_cannot_be_cut_is_one_that_counts_what_it_claims() {
    let unreadable = Err(ContainerError::Unreadable);
    for payload in [
        "",
        "[]",
        "{}",
        "7",
        "{\"items\":{}}",
        "{\"items\":[1],\"items\":[2]}",
        "{\"items\":[1,]}",
        "{\"items\":[1]}x",
    ] {
        check(&item("log", "", payload), unreadable.clone());
    }
    let three = item("trace_metric", "\"item_count\":3", "{\"items\":[1,2]}");
    check(
        &three,
        Err(ContainerError::Count {
            claimed: 3,
            found: 2,
        }),
    );
    let error = cut(&three).unwrap_err();
    assert_eq!(error.reason(&three.kind), "invalid_trace_metric");
    assert_eq!(claimed(&three), 3);
    check(
        &item("log", "\"item_count\":0", "{\"items\":[]}"),
        Ok(Some(&[])),
    );
    for (fields, n) in [
        ("", 1),
        ("\"item_count\":0", 1),
        ("\"item_count\":-1", 1),
        (
            "\"item_count\":18446744073709551615",
            CONTAINER_ENTRIES_MAX as u64,
        ),
    ] {
        assert_eq!(claimed(&item("log", fields, "{}")), n, "{fields}");
    }
    assert_eq!(claimed(&item("event", "\"item_count\":9", "{}")), 1);
}

#[test]
fn number_and_bytes_are_bounded() {
    let of = |n: usize| format!("{{\"items\":[{}]}}", vec!["{}"; n].join(","));
    let most = item("log", "", &of(CONTAINER_ENTRIES_MAX));
    assert_eq!(cut(&most).unwrap().unwrap().len(), CONTAINER_ENTRIES_MAX);
    let found = CONTAINER_ENTRIES_MAX + 1;
    check(
        &item("log", "", &of(found)),
        Err(ContainerError::TooMany { found }),
    );
    let long = "x".repeat(CONTAINER_SHARED_BYTES_MAX);
    let len = long.len() + "\"y\"".len() + "n".len() - 1;
    let beside = format!("{{\"n\":\"{long}\",\"items\":[1]}}");
    check(
        &item("log", "", &beside),
        Err(ContainerError::Shared { what: "rest", len }),
    );
    let header = item("log", &format!("\"n\":\"{long}\""), "{\"items\":[1]}");
    check(
        &header,
        Err(ContainerError::Shared {
            what: "header",
            len,
        }),
    );
    assert_eq!(cut(&header).unwrap_err().reason(&header.kind), "too_large");
}

#[test]
fn an_entry_is_read_wherever_it_is() {
    let check = |payload: &str, name: &str, expected: Option<&str>| {
        let entry = Entry::parse(payload.as_bytes());
        let found = entry.as_ref().and_then(|entry| entry.attribute_text(name));
        assert_eq!(found.as_deref(), expected, "{payload} {name}");
    };
    let one = r#"{"items":[{"attributes":{"a.b":{"value":"c","type":"string"},"n":{"value":7},"o":{"value":{}}}}]}"#;
    check(one, "a.b", Some("c"));
    check(one, "n", Some("7"));
    check(one, "o", None);
    check(one, "none", None);
    check(r#"{"data":{"http.url":"/x"}}"#, "http.url", Some("/x"));
    for payload in [
        "",
        "[",
        "7",
        "{\"items\":[1]}",
        "{\"items\":[{},{}]}",
        "{\"items\":[]}",
    ] {
        assert_eq!(Entry::parse(payload.as_bytes()), None, "{payload}");
    }
    let zeros = format!("{{\"trace_id\":\"{}\"}}", "0".repeat(32));
    assert_eq!(Entry::parse(zeros.as_bytes()).unwrap().trace_id(), None);
}

fn entry() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\\]\\[{},:é]{0,9}".prop_map(|text| format!("{{\"items\":\"{text}\"}}")),
        "-?[1-9][0-9]{0,4}(\\.[0-9]{1,3})?",
        Just("[ {\"items\":[null] } ]".to_owned()),
    ]
}

proptest! {
    #[test]
    fn entries_keep_their_order_and_every_byte(
        entries in prop::collection::vec(entry(), 0..20),
        space in "[ \\n\\t]{0,3}",
    ) {
        let list = entries.join(&format!("{space},{space}"));
        let fields = format!("\"item_count\":{}", entries.len());
        let payload = format!("{{{space}\"items\":{space}[{space}{list}{space}]{space}}}{space}");
        let parts = cut(&item("log", &fields, &payload)).unwrap().unwrap();
        let found: Vec<_> = parts.iter().map(|part| only(&part.payload).unwrap().get()).collect();
        prop_assert_eq!(found, entries);
    }

    #[test]
    fn no_bytes_make_it_panic(payload in prop::collection::vec(any::<u8>(), 0..200), n in any::<u64>()) {
        let mut log = item("log", "", "{}");
        log.header.set_number("item_count", n);
        log.payload = Bytes::from(payload);
        if let Ok(Some(parts)) = cut(&log) {
            prop_assert_eq!(parts.len() as u64, claimed(&log));
        }
        drop(Entry::parse(&log.payload));
    }
}
