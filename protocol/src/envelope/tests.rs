//! Corners of the format as a table, and properties.

use proptest::prelude::*;

use super::*;
use crate::ids::EventId;
use crate::timestamp::Timestamp;

const ID: &str = "9ec79c33ec9942ab8353589fcb2e04dc";

fn parse(text: &str) -> Result<Envelope, EnvelopeError> {
    Envelope::parse(&Bytes::from(text.to_owned()))
}

/// Items as `kind:payload`.
fn check(text: &str, expected: Result<&[&str], EnvelopeError>) {
    let found = parse(text).map(|envelope| {
        let items = envelope.items.iter();
        let shown = items.map(|i| format!("{}:{}", i.kind, String::from_utf8_lossy(&i.payload)));
        shown.collect::<Vec<_>>()
    });
    let expected = expected.map(|e| e.iter().map(|s| (*s).to_owned()).collect());
    assert_eq!(found, expected, "{text:?}");
}

#[test]
fn cuts_items_with_and_without_length() {
    check("{}", Ok(&[]));
    check("{}\n", Ok(&[]));
    check("{}\n\n", Ok(&[]));
    check("{}\n{\"type\":\"event\"}\n{}\n", Ok(&["event:{}"]));
    check("{}\n{\"type\":\"event\"}\n{}", Ok(&["event:{}"]));
    check(
        "{}\n{\"type\":\"event\",\"length\":2}\n{}",
        Ok(&["event:{}"]),
    );
    check(
        "{}\n{\"type\":\"event\",\"length\":null}\n{}",
        Ok(&["event:{}"]),
    );
    check(
        "{}\n{\"type\":\"attachment\",\"length\":5}\na\nb\r\n\n{\"type\":\"session\"}\n{}\n\n\n",
        Ok(&["attachment:a\nb\r\n", "session:{}"]),
    );
    check(
        "{}\r\n{\"type\":\"event\"}\r\n{\"a\":1}\r\n",
        Ok(&["event:{\"a\":1}\r"]),
    );
    check(
        "{}\n{\"type\":\"x\",\"length\":0}\n\n{\"type\":\"y\"}\n\n{\"type\":\"z\"}",
        Ok(&["x:", "y:", "z:"]),
    );
    check("{}\n{\"type\":\"x\",\"length\":0}", Ok(&["x:"]));
    check(
        "{}\n{\"type\":\"profile_chunk_ui\"}\n1",
        Ok(&["profile_chunk:1"]),
    );
}

#[test]
fn says_what_is_wrong() {
    check("", Err(EnvelopeError::Empty));
    check("\n", Err(EnvelopeError::Header));
    check("[]\n", Err(EnvelopeError::Header));
    check("{\"a\":", Err(EnvelopeError::Header));
    check("{} x", Err(EnvelopeError::Header));
    check("{\"event_id\":\"abc\"}", Err(EnvelopeError::EventId));
    check("{\"event_id\":5}", Err(EnvelopeError::EventId));
    check("{\"dsn\":\"nonsense\"}", Err(EnvelopeError::Dsn));
    check("{}\nnonsense\n", Err(EnvelopeError::ItemHeader { item: 0 }));
    check("{}\n{}\n{}", Err(EnvelopeError::NoType { item: 0 }));
    check(
        "{}\n{\"type\":5}\n{}",
        Err(EnvelopeError::NoType { item: 0 }),
    );
    check(
        "{}\n{\"type\":\"x\",\"length\":-1}\n{}",
        Err(EnvelopeError::Length { item: 0 }),
    );
    check(
        "{}\n{\"type\":\"x\",\"length\":3}\n{}",
        Err(EnvelopeError::LengthBeyondEnd {
            item: 0,
            length: 3,
            left: 2,
        }),
    );
    check(
        "{}\n{\"type\":\"y\"}\n\n{\"type\":\"x\",\"length\":1}\n{}",
        Err(EnvelopeError::NoNewline { item: 1 }),
    );
    check(
        &format!("{{}}\n{}", "{\"type\":\"x\"}\n\n".repeat(501)),
        Err(EnvelopeError::TooManyItems),
    );
    check(
        &format!("{{\"a\":\"{}\"}}", "x".repeat(ENVELOPE_HEADER_BYTES_MAX)),
        Err(EnvelopeError::HeaderTooLong),
    );
    check(
        &format!(
            "{{}}\n{{\"type\":\"{}\"}}",
            "x".repeat(ITEM_HEADER_BYTES_MAX)
        ),
        Err(EnvelopeError::ItemHeaderTooLong { item: 0 }),
    );
    let many_keys: Vec<_> = (0..1000).map(|n| format!("\"k{n}\":1")).collect();
    check(
        &format!("{{{}}}", many_keys.join(",")),
        Err(EnvelopeError::Header),
    );
    check(&"[".repeat(60_000), Err(EnvelopeError::Header));
    check(
        &format!("{{\"a\":{}", "[".repeat(60_000)),
        Err(EnvelopeError::Header),
    );
}

#[test]
fn accepts_five_hundred_items() {
    let text = format!("{{}}\n{}", "{\"type\":\"x\"}\n\n".repeat(500));
    assert_eq!(parse(&text).unwrap().items.len(), 500);
}

#[test]
fn reads_the_header_and_forgives_what_does_not_matter() {
    let text = format!(
        "{{\"event_id\":\"{ID}\",\"sent_at\":\"2026-01-02T03:04:05.678Z\",\
         \"dsn\":\"https://{ID}@example.com/1\",\"sdk\":{{\"name\":\"x\"}},\
         \"trace\":{{\"trace_id\":\"1\"}},\"retention\":[1, 2]}}"
    );
    let header = parse(&text).unwrap().header;
    assert_eq!(header.event_id, ID.parse().ok());
    assert_eq!(
        header.sent_at,
        Some(Timestamp::from_millis(1_767_323_045_678))
    );
    assert_eq!(header.dsn.unwrap().project.get(), 1);
    assert_eq!(header.trace.unwrap(), "{\"trace_id\":\"1\"}");
    assert_eq!(
        header.other,
        [("retention".to_owned(), Bytes::from("[1, 2]"))]
    );

    let odd = "{\"event_id\":null,\"sent_at\":\"soon\",\"dsn\":null,\"trace\":7}";
    assert_eq!(parse(odd).unwrap().header, EnvelopeHeader::default());
    let nil = "{\"event_id\":\"00000000-0000-0000-0000-000000000000\"}";
    assert_eq!(parse(nil).unwrap().header.event_id, None);
}

#[test]
fn reads_item_headers_and_leaves_the_length_out() {
    let text = "{}\n{\"length\":1,\"type\":\"attachment\",\"filename\":\"a\\\"b.txt\",\
                \"item_count\":3,\"odd\":{\"a\":[1]}}\nx";
    let item = &parse(text).unwrap().items[0];
    assert_eq!(item.header.filename().as_deref(), Some("a\"b.txt"));
    assert_eq!(item.header.item_count(), Some(3));
    assert_eq!(
        item.header_json(),
        "{\"type\":\"attachment\",\"filename\":\"a\\\"b.txt\",\"item_count\":3,\
         \"odd\":{\"a\":[1]}}"
    );
    let mut header = item.header.clone();
    header.set_text("filename", "[Filtered]");
    assert_eq!(header.filename().as_deref(), Some("[Filtered]"));
}

#[test]
fn payloads_are_slices_of_the_body() {
    let body = Bytes::from("{}\n{\"type\":\"event\"}\n{\"a\":1}\n");
    let item = Envelope::parse(&body).unwrap().items.remove(0);
    let start = item.payload.as_ptr() as usize - body.as_ptr() as usize;
    assert_eq!(start, 20);
}

fn field_name() -> impl Strategy<Value = String> {
    "[a-z_\"\\\\é]{1,12}".prop_filter("known names are fields", |name| {
        !matches!(
            name.as_str(),
            "type" | "length" | "dsn" | "event_id" | "sent_at" | "sdk" | "trace"
        )
    })
}

fn json() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just("{\"a\":[1,\"x\\n\"]}"),
        Just("\"text\""),
        Just("-1.5e3"),
        Just("[]"),
        Just("true"),
    ]
    .prop_map(Bytes::from)
}

fn fields() -> impl Strategy<Value = Vec<(String, Bytes)>> {
    prop::collection::btree_map(field_name(), json(), 0..4)
        .prop_map(|map| map.into_iter().collect())
}

prop_compose! {
    fn item()(
        kind in "[a-z_]{1,20}",
        fields in fields(),
        payload in prop::collection::vec(any::<u8>(), 0..60),
    ) -> EnvelopeItem {
        let mut line = format!("{{}}\n{{\"type\":\"{kind}\"");
        for (name, value) in &fields {
            line += &format!(",{}:", serde_json::Value::from(name.as_str()));
            line += std::str::from_utf8(value).unwrap();
        }
        let mut item = parse(&format!("{line}}}\n")).unwrap().items.remove(0);
        item.payload = payload.into();
        item
    }
}

prop_compose! {
    fn envelope()(
        id in prop::option::of(prop::array::uniform16(1_u8..)),
        sent_at in prop::option::of(0_i64..4_000_000_000_000),
        dsn in prop::option::of(Just("https://a1b2c3d4e5f60718293a4b5c6d7e8f90@h:1/p/2")),
        trace in prop::option::of(Just(Bytes::from("{\"trace_id\":\"x\"}"))),
        other in fields(),
        items in prop::collection::vec(item(), 0..6),
    ) -> Envelope {
        let header = EnvelopeHeader {
            event_id: id.map(EventId::from_bytes),
            dsn: dsn.map(|d| d.parse().unwrap()),
            sent_at: sent_at.map(Timestamp::from_millis),
            sdk: trace.clone(),
            trace,
            other,
        };
        Envelope { header, items }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(envelope in envelope()) {
        let bytes = Bytes::from(envelope.write());
        prop_assert_eq!(Envelope::parse(&bytes), Ok(envelope));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(Envelope::parse(&Bytes::from(bytes)));
    }

    #[test]
    fn broken_envelopes_never_panic(
        envelope in envelope(),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = envelope.write();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        drop(Envelope::parse(&Bytes::from(bytes)));
    }
}
