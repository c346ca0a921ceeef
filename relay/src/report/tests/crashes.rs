//! Crashes whose files say what happened, and those that cannot be read.

use serde_json::{Value, json};

use super::super::*;
use super::payload;

pub(super) fn file(kind: Option<&str>, name: &str, payload: impl Into<Bytes>) -> EnvelopeItem {
    let mut one = item(ItemKind::Attachment, payload.into());
    one.header.set_text("filename", name);
    if let Some(kind) = kind {
        one.header.set_text("attachment_type", kind);
    }
    one
}

/// What becomes of an envelope with these items.
pub(super) fn completed(items: Vec<EnvelopeItem>) -> Envelope {
    let mut envelope = Envelope {
        header: EnvelopeHeader::default(),
        items,
    };
    complete(&mut envelope, |_| Dump::Here);
    let once = envelope.clone();
    complete(&mut envelope, |_| Dump::Here);
    assert_eq!(envelope, once, "twice is not once");
    envelope
}

pub(super) fn errors(event: &Value) -> Vec<(&str, &str)> {
    let errors = event["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let text =
        |error: &'_ Value, name: &str| error[name].as_str().map(str::len).unwrap_or_default();
    assert!(errors.iter().all(|error| text(error, "value") > 0));
    errors
        .iter()
        .map(|error| {
            (
                error["type"].as_str().unwrap(),
                error["name"].as_str().unwrap(),
            )
        })
        .collect()
}

fn msgpack(value: &Value) -> Vec<u8> {
    protocol::wire::encode_msgpack(value).unwrap()
}

#[test]
fn files_that_cannot_be_read_are_kept_and_noted() {
    let n = 3 * 1024 * 1024_u32;
    let hostile = [
        b"\x81\xa1a\xdd",
        n.to_be_bytes().as_slice(),
        &vec![0xc0; n as usize],
    ]
    .concat();
    let cut_off = &msgpack(&json!([{"message": "one"}]))[..5];
    let crumbs = [msgpack(&json!({"message": "two"})), cut_off.to_vec()].concat();
    let made = completed(vec![
        file(Some("event.payload"), "__sentry-event", hostile),
        file(Some("event.breadcrumbs"), "__sentry-breadcrumb1", crumbs),
        file(
            Some("event.breadcrumbs"),
            "__sentry-breadcrumb2",
            &b"\xc1"[..],
        ),
        file(Some("event.minidump"), "a.dmp", &b"MDMP"[..]),
    ]);
    let event = payload(&made, &ItemKind::Event);
    assert_eq!(event["exception"]["values"][0]["type"], "Minidump");
    assert_eq!(event["breadcrumbs"], json!([{"message": "two"}]));
    let expected = [
        ("invalid_minidump", "a.dmp"),
        ("invalid_msgpack", "__sentry-event"),
        ("invalid_msgpack", "__sentry-breadcrumb1"),
        ("invalid_msgpack", "__sentry-breadcrumb2"),
    ];
    assert_eq!(errors(&event), expected);
    assert_eq!(made.items.len(), 4, "what says nothing is kept");
}

#[test]
fn deep_events_of_native_clients_are_read() {
    let deep = (0..60).fold(json!("end"), |inner, _| json!({"a": inner}));
    let made = completed(vec![file(
        Some("event.payload"),
        "__sentry-event",
        msgpack(&json!({"extra": deep})),
    )]);
    assert_eq!(payload(&made, &ItemKind::Event)["extra"], deep);
    assert_eq!(made.items.len(), 1);
}

/// A dying message of these bytes.
fn dying_message(encoding: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [b"sntr\0", &[encoding][..], &length, data].concat()
}

const DYING: &str = "{\"type\":\"event\"}\n{\"level\":\"fatal\",\"tags\":{\"b\":\"2\"},\"exception\":[{\"type\":\"Abort\"}]}\n\
    {\"type\":\"attachment\",\"length\":2,\"filename\":\"last.txt\"}\nhi\n";

#[test]
fn a_dying_message_is_put_into_its_envelope() {
    let packed = zstd::encode_all(DYING.as_bytes(), 1).unwrap();
    let own = || {
        item(
            ItemKind::Event,
            Bytes::from(r#"{"message":"x","level":"error","tags":{"a":"1"}}"#),
        )
    };
    for message in [
        dying_message(0, DYING.as_bytes()),
        dying_message(0x10, &packed),
    ] {
        for kind in [Some("nswitch.dying_message"), None] {
            let of = || file(kind, "dying_message.dat", message.clone());
            let joined = completed(vec![own(), of()]);
            let event = payload(&joined, &ItemKind::Event);
            let expected = json!({"message": "x", "level": "fatal", "tags": {"a": "1", "b": "2"},
                "exception": [{"type": "Abort"}]});
            assert_eq!(event, expected);
            assert_eq!(joined.items[1].payload, "hi");
            assert_eq!(joined.items.len(), 2);
            let alone = completed(vec![of()]);
            assert_eq!(
                payload(&alone, &ItemKind::Event)["exception"][0]["type"],
                "Abort"
            );
            assert_eq!(alone.items.len(), 2);
        }
    }
}

#[test]
fn a_dying_message_that_cannot_be_read_is_a_crash_all_the_same() {
    let event = "{\"type\":\"event\"}\n7";
    let check = |message: Vec<u8>| {
        let of = || {
            file(
                Some("nswitch.dying_message"),
                "dying_message.dat",
                message.clone(),
            )
        };
        let alone = completed(vec![of()]);
        let event = payload(&alone, &ItemKind::Event);
        let crash = &event["exception"]["values"][0];
        assert_eq!(
            (&crash["type"], &event["level"]),
            (&json!("SwitchCrash"), &json!("fatal"))
        );
        assert_eq!(
            errors(&event),
            [("invalid_dying_message", "dying_message.dat")]
        );
        assert_eq!(alone.items.len(), 2);
        let own = item(ItemKind::Event, Bytes::from(r#"{"message":"x"}"#));
        let beside = completed(vec![own, of()]);
        let event = payload(&beside, &ItemKind::Event);
        assert_eq!(event["message"], "x");
        assert_eq!(
            errors(&event),
            [("invalid_dying_message", "dying_message.dat")]
        );
    };
    check(b"sn".to_vec());
    check(b"sntr".to_vec());
    check(b"sntr\x01\0\0\0".to_vec());
    check(b"sntr\0\0\0\x09x".to_vec());
    check(dying_message(0x11, b""));
    check(dying_message(0x10, b"no zstd"));
    check(dying_message(0, b"{\"type\":\"event\",\"length\":99}\n"));
    let beside = completed(vec![
        item(ItemKind::Event, Bytes::from("{}")),
        file(
            Some("nswitch.dying_message"),
            "d",
            dying_message(0, event.as_bytes()),
        ),
    ]);
    assert_eq!(errors(&payload(&beside, &ItemKind::Event)).len(), 1);
}

#[test]
fn a_dying_message_that_holds_another_is_kept_whole() {
    let inner = dying_message(0, DYING.as_bytes());
    let header = json!({"type": "attachment", "length": inner.len(),
        "attachment_type": "nswitch.dying_message", "filename": "inner"});
    let outer = [header.to_string().as_bytes(), b"\n", &inner, b"\n"].concat();
    let whole = dying_message(0, &outer);
    let made = completed(vec![file(
        Some("nswitch.dying_message"),
        "outer",
        whole.clone(),
    )]);
    let event = payload(&made, &ItemKind::Event);
    assert_eq!(event["exception"]["values"][0]["type"], "SwitchCrash");
    assert_eq!(errors(&event), [("invalid_dying_message", "outer")]);
    assert_eq!(made.items[1].payload, whole);
    assert_eq!(made.items.len(), 2);
}

#[test]
fn a_dump_of_a_playstation_is_a_crash_whose_dump_is_kept() {
    let of = || {
        file(
            Some("playstation.prosperodump"),
            "a.prosperodmp",
            &b"\x7fELF"[..],
        )
    };
    let alone = completed(vec![of()]);
    let event = payload(&alone, &ItemKind::Event);
    assert_eq!(event["exception"]["values"][0]["type"], "PlayStationCrash");
    assert_eq!(errors(&event), [("unread_prosperodump", "a.prosperodmp")]);
    assert_eq!(alone.items[1], of());
    let own = item(ItemKind::Event, Bytes::from(r#"{"message":"x"}"#));
    let beside = completed(vec![own, of()]);
    let event = payload(&beside, &ItemKind::Event);
    assert_eq!(
        (&event["message"], &event["exception"]),
        (&json!("x"), &Value::Null)
    );
    assert_eq!(errors(&event).len(), 1);
}

#[test]
fn what_a_form_says_and_nobody_can_read_is_kept() {
    let form = Form::Minidump {
        boundary: Some("xyz".to_owned()),
    };
    let body = super::multipart(&[
        ("sentry", "", b"{\"release\":"),
        ("upload_file_minidump", "a.dmp", b"MDMP"),
    ]);
    let made = super::made(&form, body);
    assert_eq!(
        payload(&made[0], &ItemKind::Event)["extra"],
        json!({"sentry": "{\"release\":"})
    );
}
