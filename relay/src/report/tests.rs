//! Every form, by example, and against bytes that mean nothing.

mod apple;
mod crashes;
mod otlp;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use protocol::timestamp::Timestamp;

const AT: Timestamp = Timestamp::from_millis(1_795_198_754_000);
const DUMP: &[u8] = b"MDMP and so on";

/// Nothing comes apart.
fn here(_: &EnvelopeItem) -> Dump {
    Dump::Here
}

fn made(form: &Form, body: impl Into<Vec<u8>>) -> Vec<Envelope> {
    envelopes(form, &Bytes::from(body.into()), AT, here).unwrap()
}

fn error(form: &Form, body: impl Into<Vec<u8>>) -> ReportError {
    envelopes(form, &Bytes::from(body.into()), AT, here).unwrap_err()
}

fn payload(envelope: &Envelope, kind: &ItemKind) -> Value {
    let item = envelope
        .items
        .iter()
        .find(|item| item.kind == *kind)
        .unwrap();
    serde_json::from_slice(&item.payload).unwrap()
}

fn names(envelope: &Envelope) -> Vec<String> {
    let name = |item: &EnvelopeItem| match item.header.attachment_type() {
        Some(kind) => format!("{} {kind}", item.header.filename().unwrap_or_default()),
        None => item
            .header
            .filename()
            .unwrap_or_else(|| item.kind.name().to_owned()),
    };
    envelope.items.iter().map(name).collect()
}

/// A form of these parts: name, file name or none, data.
fn multipart(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, data) in parts {
        body.extend_from_slice(b"--xyz\r\n");
        let file = if file.is_empty() {
            String::new()
        } else {
            format!("; filename=\"{file}\"")
        };
        let head = format!("Content-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xyz--\r\n");
    body
}

fn form() -> Form {
    Form::Minidump {
        boundary: Some("xyz".to_owned()),
    }
}

fn gzip(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn boundaries_are_read_from_the_content_type() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(boundary(text).as_deref(), expected, "{text}");
    };
    check("multipart/form-data; boundary=xyz", Some("xyz"));
    check(
        "Multipart/Form-Data; charset=utf-8; boundary=\"x y\"; a=b",
        Some("x y"),
    );
    check("multipart/form-data", None);
    check("multipart/form-data; boundary=", None);
    check("application/octet-stream; boundary=x", None);
}

#[test]
fn a_dump_comes_raw_or_packed_or_in_a_form_or_in_a_form_in_a_form() {
    let alone = multipart(&[("upload_file_minidump", "a.dmp", DUMP)]);
    let inner = String::from_utf8(alone.clone())
        .unwrap()
        .replace("xyz", "inner")
        .into_bytes();
    let packed = gzip(DUMP);
    let xz = include_bytes!("../../fixtures/dump.xz");
    for (boundary, body) in [
        (None, DUMP.to_vec()),
        (None, packed.clone()),
        (None, zstd::encode_all(DUMP, 1).unwrap()),
        (None, bzip2(DUMP)),
        (None, xz.to_vec()),
        (None, gzip(&inner)),
        (Some("xyz"), alone),
        (
            Some("xyz"),
            multipart(&[("upload_file_minidump", "a.dmp", &packed)]),
        ),
        (
            Some("xyz"),
            multipart(&[("upload_file_minidump", "a.dmp", &inner)]),
        ),
    ] {
        let form = Form::Minidump {
            boundary: boundary.map(str::to_owned),
        };
        let made = made(&form, body);
        let event = payload(&made[0], &ItemKind::Event);
        assert_eq!(
            (&event["platform"], &event["level"]),
            (&json!("native"), &json!("fatal"))
        );
        let mechanism = &event["exception"]["values"][0]["mechanism"];
        assert_eq!(mechanism["handled"], false);
        assert_eq!(made[0].items[1].payload, DUMP);
        assert_eq!(
            made[0].items[1].header.attachment_type().unwrap(),
            "event.minidump"
        );
    }
}

#[test]
fn a_form_tells_the_event_in_all_its_ways() {
    let crumbs = |at: u32| {
        let crumb = json!({"timestamp": at, "message": at.to_string()});
        protocol::wire::encode_msgpack(&vec![crumb]).unwrap()
    };
    let told = protocol::wire::encode_msgpack(&json!({"release": "told", "tags": {"a": "1"}}));
    let made = made(
        &form(),
        multipart(&[
            ("guid", "", b"42"),
            (
                "sentry",
                "",
                br#"{"release":"json","tags":{"b":"2"},"environment":"json"}"#,
            ),
            ("sentry__2", "", br#"":"pieces"}"#),
            ("sentry__1", "", br#"{"dist"#),
            ("sentry[environment]", "", b"flat"),
            ("sentry[tags][c]", "", b"3"),
            ("upload_file_minidump", "C:\\crash.dmp", DUMP),
            ("__sentry-event", "__sentry-event", &told.unwrap()),
            ("__sentry-breadcrumb1", "x", &crumbs(2)),
            ("__sentry-breadcrumb2", "x", &crumbs(1)),
            ("some_file", "app.log", b"a line"),
            ("view-hierarchy.json", "view-hierarchy.json", b"{}"),
        ]),
    );
    assert_eq!(
        names(&made[0]),
        [
            "event",
            "crash.dmp event.minidump",
            "app.log",
            "view-hierarchy.json event.view_hierarchy",
        ]
    );
    let event = payload(&made[0], &ItemKind::Event);
    let expected = json!({"release": "json", "environment": "flat", "dist": "pieces",
        "tags": {"a": "1", "b": "2", "c": "3"}, "extra": {"guid": "42"}});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(event[name], *value, "{name}");
    }
    assert_eq!(event["breadcrumbs"][0]["message"], "1");
    assert_eq!(event["breadcrumbs"][1]["message"], "2");
}

#[test]
fn uploads_without_a_dump_say_what_is_missing() {
    assert_eq!(
        error(&form(), multipart(&[("x", "", b"y")])),
        ReportError::NoMinidump
    );
    let text = multipart(&[("upload_file_minidump", "a", b"text")]);
    assert_eq!(error(&form(), text), ReportError::Minidump);
    assert!(matches!(
        error(&form(), "no form"),
        ReportError::Multipart(_)
    ));
    assert_eq!(
        error(&Form::Minidump { boundary: None }, "text"),
        ReportError::Minidump
    );
    let bomb = gzip(&vec![b'M'; 2 * UNPACKED_BYTES_MAX]);
    assert_eq!(
        error(&Form::Minidump { boundary: None }, bomb),
        ReportError::UnpacksTo(UNPACKED_BYTES_MAX)
    );
    let broken = ReportError::Compression("gzip");
    assert_eq!(
        error(&Form::Minidump { boundary: None }, &gzip(DUMP)[..20]),
        broken
    );
}

#[test]
fn crashes_in_envelopes_are_given_an_event_once() {
    let text = "{}\n{\"type\":\"attachment\",\"attachment_type\":\"event.minidump\"}\nMDMP";
    let mut envelope = Envelope::parse(&Bytes::from(text)).unwrap();
    complete(&mut envelope, |_| Dump::Here);
    complete(&mut envelope, |_| Dump::Here);
    let kinds: Vec<_> = envelope.items.iter().map(|item| item.kind.name()).collect();
    assert_eq!(kinds, ["event", "attachment"]);
}

/// Of a program that wrote to address 0.
const CRASH: &[u8] = include_bytes!("../../../protocol/fixtures/dumps/crash.dmp");

#[test]
fn a_dump_tells_the_event_what_the_client_did_not() {
    let told = br#"{"release":"shop@1","contexts":{"os":{"name":"Own"}}}"#;
    let made = made(
        &form(),
        multipart(&[
            ("sentry", "", told),
            ("upload_file_minidump", "a.dmp", CRASH),
        ]),
    );
    let event = payload(&made[0], &ItemKind::Event);
    let own = [&event["release"], &event["contexts"]["os"]["name"]];
    assert_eq!(own, ["shop@1", "Own"]);
    let known = [&event["platform"], &event["level"]];
    assert_eq!(known, ["native", "fatal"]);
    assert_eq!(event["contexts"]["device"]["arch"], "amd64");
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["type"], "SIGSEGV / SEGV_MAPERR");
    assert_eq!(exception["value"], "at 0x0");
    assert_eq!(
        exception["mechanism"],
        json!({"type": "minidump", "handled": false})
    );
    let threads = &event["threads"]["values"];
    assert_eq!(threads[0]["crashed"], true);
    assert_eq!(threads[0]["id"], exception["thread_id"]);
    let frames = exception["stacktrace"]["frames"].as_array().unwrap();
    let image = &event["debug_meta"]["images"][0];
    let last = frames.last().unwrap();
    assert_eq!(last["trust"], "context");
    assert_eq!(last["image_addr"], image["image_addr"]);
    assert_eq!(last["package"], image["code_file"]);
    assert_eq!(image["type"], "elf");
    assert_eq!(event["errors"], Value::Null);
}

/// An envelope with an event and a dump.
fn with_dump(event: &str, dump: &[u8]) -> Envelope {
    let of = |kind: Option<&str>, payload: &[u8]| {
        let mut one = item(ItemKind::Attachment, Bytes::copy_from_slice(payload));
        one.header.set_text("filename", "a.dmp");
        one.header
            .set_text("attachment_type", kind.unwrap_or_default());
        one
    };
    Envelope {
        header: EnvelopeHeader::default(),
        items: vec![
            of(Some("event.minidump"), dump),
            item(ItemKind::Event, Bytes::copy_from_slice(event.as_bytes())),
        ],
    }
}

#[test]
fn a_dump_completes_the_event_it_came_with() {
    let completed = |event: &str, dump: &[u8]| {
        let mut envelope = with_dump(event, dump);
        complete(&mut envelope, |_| Dump::Here);
        complete(&mut envelope, |_| Dump::Here);
        assert_eq!(envelope.items.len(), 2);
        payload(&envelope, &ItemKind::Event)
    };
    let event = completed(r#"{"message":"x"}"#, CRASH);
    assert_eq!(event["message"], "x");
    assert_eq!(
        event["exception"]["values"][0]["type"],
        "SIGSEGV / SEGV_MAPERR"
    );
    // The client knows better what went wrong, and not where.
    let own = completed(r#"{"exception":[{"type":"Own","value":"v"}]}"#, CRASH);
    let exception = &own["exception"][0];
    assert_eq!(exception["type"], "Own");
    assert!(
        !exception["stacktrace"]["frames"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    // What cannot be read takes nothing from the event, and says why.
    let kept = completed(r#"{"message":"x"}"#, DUMP);
    assert_eq!(kept["message"], "x");
    assert_eq!(kept["exception"], Value::Null);
    assert_eq!(kept["errors"].as_array().unwrap().len(), 1);
    assert_eq!(kept["errors"][0]["type"], "invalid_minidump");
    assert_eq!(kept["errors"][0]["name"], "a.dmp");
}

#[test]
fn an_event_that_cannot_be_read_stays_as_it_came() {
    for event in ["", "7", r#"{"a":NaN}"#] {
        let mut envelope = with_dump(event, CRASH);
        complete(&mut envelope, |_| Dump::Here);
        assert_eq!(envelope.items[1].payload, event);
    }
}

#[test]
fn a_mobile_replay_is_taken_apart() {
    let parts = std::collections::BTreeMap::from([
        (
            "replay_event",
            serde_bytes::ByteBuf::from("{\"segment_id\":0}"),
        ),
        (
            "replay_recording",
            serde_bytes::ByteBuf::from("{\"segment_id\":0}\n[]"),
        ),
        ("replay_video", serde_bytes::ByteBuf::from("mp4")),
    ]);
    let payload = protocol::wire::encode_msgpack(&parts).unwrap();
    let video = |payload: Vec<u8>| Envelope {
        header: EnvelopeHeader::default(),
        items: vec![item(ItemKind::ReplayVideo, Bytes::from(payload))],
    };
    let mut whole = video(payload.clone());
    complete(&mut whole, |_| Dump::Here);
    let kinds: Vec<_> = whole.items.iter().map(|item| item.kind.name()).collect();
    assert_eq!(kinds, ["replay_event", "replay_recording", "attachment"]);
    let file = &whole.items[2];
    assert_eq!(file.payload, "mp4");
    assert_eq!(file.header.filename().unwrap(), "replay-0.mp4");
    assert_eq!(file.header.number("segment_id"), Some(0));
    let mut broken = video(payload[1..].to_vec());
    complete(&mut broken, |_| Dump::Here);
    assert_eq!(broken.items[0].kind, ItemKind::ReplayVideo);
}

#[test]
fn browsers_reports_keep_their_bytes_and_are_told_release_and_environment() {
    let form = Form::Security {
        release: Some("web@1".to_owned()),
        environment: None,
    };
    let one = r#"{"csp-report":{"document-uri":"https://a.test/"}}"#;
    let alone = made(&form, one);
    assert_eq!(alone[0].items[0].payload, one);
    assert_eq!(
        alone[0].items[0].header.text("sentry_release").unwrap(),
        "web@1"
    );
    let list = r#"[{"type":"csp-violation","body":{}}, {"type":"deprecation","body":{}}]"#;
    let two = made(&form, list);
    assert_eq!(two.len(), 2);
    let withdrawn = |at: usize| is_withdrawn(&two[at].items[0].payload);
    assert_eq!((withdrawn(0), withdrawn(1)), (false, true));
    assert!(is_withdrawn(br#"{"expect-ct-report":{}}"#));
    assert!(!is_withdrawn(one.as_bytes()));
    assert!(matches!(error(&form, "7"), ReportError::Json(_)));
    let many = format!("[{}]", vec!["{}"; REPORTS_MAX + 1].join(","));
    assert_eq!(error(&form, many), ReportError::TooMany(REPORTS_MAX));
}

#[test]
fn network_errors_become_logs_at_their_time() {
    let report = json!([{"age": 1000, "type": "network-error", "url": "https://a.test/x",
        "user_agent": "UA", "body": {"type": "tcp.refused", "elapsed_time": 5, "phase": "connection"}}]);
    let made = made(&Form::NetworkErrors, report.to_string());
    let log = &payload(&made[0], &ItemKind::Log)["items"][0];
    assert_eq!(
        (&log["level"], &log["body"]),
        (&json!("warn"), &json!("tcp.refused https://a.test/x"))
    );
    assert_eq!(log["timestamp"], AT.plus_millis(-1000).to_rfc3339());
    assert_eq!(
        log["attributes"]["nel.elapsed_time"],
        json!({"value": 5, "type": "integer"})
    );
    assert_eq!(made[0].items[0].header.item_count(), Some(1));
}

#[test]
fn reports_are_read_by_what_they_are_about_at_either_address() {
    let csp = r#"{"type":"csp-violation","body":{"effectiveDirective":"img-src"}}"#;
    let body = format!("[{csp},{{\"type\":\"network-error\"}},{{\"type\":\"deprecation\"}}]");
    let security = Form::Security {
        release: None,
        environment: None,
    };
    for form in [Form::NetworkErrors, security] {
        let made = made(&form, body.clone());
        let kinds = made.iter().map(|envelope| envelope.items[0].kind.name());
        let kinds: Vec<_> = kinds.collect();
        assert_eq!(kinds, ["log", "raw_security", "raw_security"]);
        assert_eq!(made[1].items[0].payload, csp);
        assert!(is_withdrawn(&made[2].items[0].payload));
    }
}

#[test]
fn a_drains_lines_become_logs() {
    let line =
        r#"{"id":"1","message":"hi","timestamp":1500,"level":"warning","proxy":{"path":"/a"}}"#;
    for body in [format!("[{line}]"), format!("{line}\n{line}\n")] {
        let made = made(&Form::Vercel, body);
        let log = &payload(&made[0], &ItemKind::Log)["items"][0];
        assert_eq!(
            (&log["body"], &log["level"]),
            (&json!("hi"), &json!("warn"))
        );
        assert_eq!(log["timestamp"], 1.5);
        assert_eq!(log["attributes"]["vercel.proxy.path"]["value"], "/a");
    }
    assert!(matches!(error(&Form::Vercel, "[1"), ReportError::Json(_)));
}

#[test]
fn of_a_few_bytes_no_more_is_made_than_there_is_room_for() {
    let many = format!("[{}0]", "{\"\":0},".repeat(ENTRY_BYTES_MAX / 8));
    let nel = format!("[{{\"type\":\"network-error\",\"body\":{{\"a\":{many}}}}}]");
    let logs = format!(
        "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"spanId\":null,\"x\":{many},\"eventName\":null}}]}}]}}]}}"
    );
    for (form, body) in [
        (Form::Vercel, format!("{{\"message\":{many}}}")),
        (Form::NetworkErrors, nel),
        (Form::Otlp(Signal::Logs, Encoding::Json), logs),
    ] {
        let why = error(&form, body);
        assert!(matches!(why, ReportError::UnpacksTo(_)), "{form:?}: {why}");
    }
}

#[test]
fn a_check_in_is_told_by_its_address_and_its_body_counts_more() {
    let form = |query: &str| Form::CheckIn(CheckIn::of("Nightly  job".to_owned(), query));
    let envelope = made(&form("status=ok&duration=1.5&environment=dev"), "");
    let found = payload(&envelope[0], &ItemKind::CheckIn);
    let expected = json!({"monitor_slug": "nightly-job", "status": "ok", "duration": 1.5,
        "environment": "dev", "check_in_id": "00000000000000000000000000000000"});
    assert_eq!(found, expected);
    let body = r#"{"status":"error","monitor_slug":"other"}"#;
    let found = payload(&made(&form("status=ok"), body)[0], &ItemKind::CheckIn);
    assert_eq!(
        (&found["status"], &found["monitor_slug"]),
        (&json!("error"), &json!("nightly-job"))
    );
    assert_eq!(found["environment"], "production");
    let check = |query: &str, expected: ReportError| {
        assert_eq!(error(&form(query), ""), expected, "{query}");
    };
    check("", ReportError::CheckIn(CheckInError::Status));
    check("status=missed", ReportError::CheckIn(CheckInError::Status));
    check("status=ok&duration=x", ReportError::Duration);
    let long = format!("status=ok&environment={}", "x".repeat(65));
    check(&long, ReportError::CheckIn(CheckInError::Environment));
    let nobody = Form::CheckIn(CheckIn::of(" - ".to_owned(), "status=ok"));
    assert_eq!(
        error(&nobody, ""),
        ReportError::CheckIn(CheckInError::Monitor)
    );
}

#[test]
fn a_visitors_words_become_a_user_report() {
    let event_id: EventId = "9ec79c33ec9942ab8353589fcb2e04dc".parse().unwrap();
    let form = Form::Feedback { event_id };
    let made = made(&form, "name=Jane&email=j%40a.test&comments=It+broke");
    let expected = json!({"event_id": event_id.to_string(), "name": "Jane", "email": "j@a.test",
        "comments": "It broke"});
    assert_eq!(payload(&made[0], &ItemKind::UserReport), expected);
    assert_eq!(error(&form, "name=Jane"), ReportError::Feedback("comments"));
}

#[test]
fn an_unreal_container_is_taken_apart() {
    let text = |out: &mut Vec<u8>, text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(260, 0);
        out.extend_from_slice(&260_u32.to_le_bytes());
        out.extend_from_slice(&bytes);
    };
    let files: [(&str, &[u8]); 3] = [
        ("UE4Minidump.dmp", DUMP),
        (
            "CrashContext.runtime-xml",
            b"<A><B><ErrorMessage>Assertion &lt;x&gt;</ErrorMessage><Empty/></B></A>",
        ),
        ("Game.log", b"line"),
    ];
    let mut body = b"CR1".to_vec();
    text(&mut body, "dir");
    text(&mut body, "file");
    body.extend_from_slice(&0_u32.to_le_bytes());
    body.extend_from_slice(&3_u32.to_le_bytes());
    for (name, data) in files {
        body.extend_from_slice(&0_u32.to_le_bytes());
        text(&mut body, name);
        body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend_from_slice(data);
    }
    let form = Form::Unreal {
        user: Some("login|account|machine".to_owned()),
        boundary: None,
    };
    let made = made(&form, zlib(&body));
    assert_eq!(
        names(&made[0]),
        [
            "event",
            "UE4Minidump.dmp event.minidump",
            "CrashContext.runtime-xml unreal.context",
            "Game.log unreal.logs",
        ]
    );
    let event = payload(&made[0], &ItemKind::Event);
    assert_eq!(event["exception"]["values"][0]["value"], "Assertion <x>");
    assert_eq!(event["user"]["id"], "account");
    assert_eq!(
        (&event["platform"], &event["level"]),
        (&json!("native"), &json!("fatal"))
    );
    assert!(matches!(
        error(&form, zlib(&body[..900])),
        ReportError::Unreal(_)
    ));
    assert!(matches!(error(&form, body), ReportError::Compression(_)));
}

#[test]
fn late_files_keep_their_names_and_have_their_event() {
    let event_id: EventId = "9ec79c33ec9942ab8353589fcb2e04dc".parse().unwrap();
    let form = Form::Attachments {
        event_id,
        boundary: "xyz".to_owned(),
    };
    let body = multipart(&[
        ("a", "one.txt", b"1"),
        ("b", "/tmp/two.bin", b"\0"),
        ("c", "", b"no file"),
    ]);
    let made = made(&form, body);
    assert_eq!(made[0].header.event_id, Some(event_id));
    assert_eq!(names(&made[0]), ["one.txt", "two.bin"]);

    let body = "--B\r\nContent-Disposition: form-data; name=a; filename*=UTF-8''gr%C3%B6%C3%9Fe%20a.txt\r\n\r\n1\r\n\
        --B\r\nContent-Disposition: form-data; name=b; filename=\"b.txt\"; filename*=utf-8'de'%E2%82%AC.txt\r\n\r\n2\r\n--B--";
    let form = Form::Attachments {
        event_id,
        boundary: "B".to_owned(),
    };
    let made = self::made(&form, body);
    assert_eq!(names(&made[0]), ["größe a.txt", "€.txt"]);
}

#[test]
fn large_exports_are_cut_into_containers() {
    let line = json!({"message": "x".repeat(1000)}).to_string();
    let made = made(&Form::Vercel, format!("{line}\n").repeat(3000));
    let counts: Vec<_> = made
        .iter()
        .map(|e| e.items[0].header.item_count().unwrap())
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), 3000);
    assert!(made.len() > 2 && made.iter().all(|e| e.items[0].payload.len() < 2 << 20));
}

const fn unreal_crash() -> Form {
    Form::Unreal {
        user: None,
        boundary: None,
    }
}

fn every_form() -> Vec<Form> {
    let event_id = EventId::from_bytes([1; 16]);
    let boundary = "xyz".to_owned();
    let mut forms = vec![
        Form::Security {
            release: None,
            environment: None,
        },
        Form::NetworkErrors,
        Form::Minidump { boundary: None },
        form(),
        Form::Attachments { event_id, boundary },
        unreal_crash(),
        Form::PlayStation {
            boundary: "xyz".to_owned(),
        },
        Form::CheckIn(CheckIn::of("a".to_owned(), "status=ok")),
        Form::Vercel,
        Form::Feedback { event_id },
    ];
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        forms.extend([Encoding::Json, Encoding::Proto].map(|e| Form::Otlp(signal, e)));
    }
    forms
}

proptest! {
    #[test]
    fn no_bytes_break_a_form(
        body in prop::collection::vec(any::<u8>(), 0..300),
        start in prop::sample::select(vec![
            &b""[..], b"{", b"[{\"body\":{", b"--xyz\r\n", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0",
            b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"MDMP", b"\x0a\x40\x12", b"{\"resourceLogs\":[",
        ]),
    ) {
        let body = Bytes::from([start, &body].concat());
        for form in every_form() {
            drop(envelopes(&form, &body, AT, here));
        }
        let packed = Bytes::from(zlib(&[b"CR1", body.as_ref()].concat()));
        drop(envelopes(&unreal_crash(), &packed, AT, here));
    }

    #[test]
    fn what_a_form_holds_comes_out_as_it_went_in(
        files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..6),
    ) {
        let parts: Vec<_> = files.iter().map(|data| ("f", "f.bin", data.as_slice())).collect();
        prop_assume!(files.iter().all(|data| !data.windows(5).any(|w| w == b"--xyz")));
        let form = Form::Attachments {
            event_id: EventId::from_bytes([1; 16]),
            boundary: "xyz".to_owned(),
        };
        if files.is_empty() {
            return Ok(());
        }
        let found = made(&form, multipart(&parts));
        let found: Vec<_> = found[0].items.iter().map(|item| item.payload.to_vec()).collect();
        prop_assert_eq!(found, files);
    }
}
