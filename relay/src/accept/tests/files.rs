//! Files that are too large to be held: in pieces, and within their envelope.

use bytes::Bytes;
use protocol::block::{Chain, Part, Record, Whole};
use protocol::roster::{Quota, QuotaScope, RateLimit};

use super::harness::*;

pub(super) const MIB: usize = 1024 * 1024;
const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
const PIECE: (&str, &str) = ("Content-Type", "application/offset+octet-stream");

/// Text of lines, some of which hold a card's number.
pub(super) fn file(len: usize) -> Vec<u8> {
    let lines = (0_u64..).flat_map(|n| {
        let line = if n % 1000 == 7 {
            format!("{n} paid with 4111 1111 1111 1111\n")
        } else {
            format!("{n} nothing to see\n")
        };
        line.into_bytes()
    });
    lines.take(len).collect()
}

fn path(rest: &str) -> String {
    format!("/api/1/upload/{rest}?sentry_key={KEY}")
}

async fn create(relay: &Relay, length: usize) -> String {
    let length = length.to_string();
    let headers = [TUS, ("Upload-Length", length.as_str())];
    let reply = relay.send("POST", &path(""), &headers, b"").await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.header("tus-resumable"), "1.0.0");
    let location = reply.header("location").to_owned();
    let id = location.trim_end_matches('/').rsplit('/').next().unwrap();
    id.to_owned()
}

async fn patch(relay: &Relay, id: &str, offset: usize, bytes: &[u8]) -> Reply {
    let offset = offset.to_string();
    let headers = [TUS, PIECE, ("Upload-Offset", offset.as_str())];
    relay
        .send("PATCH", &path(&format!("{id}/")), &headers, bytes)
        .await
}

fn offset(reply: &Reply) -> usize {
    reply.header("upload-offset").parse().unwrap()
}

/// The parts and the items with parts that the spool holds.
pub(super) async fn spooled(relay: &Relay) -> (Vec<Part>, Vec<Whole>) {
    let (mut parts, mut wholes) = (Vec::new(), Vec::new());
    for (_, record) in relay.records().await {
        match record {
            Record::Part(part) => parts.push(part),
            Record::Whole(whole) => wholes.push(whole),
            _ => {}
        }
    }
    (parts, wholes)
}

/// Checks that the parts are the file as it may be kept, and that they come to what is said.
pub(super) fn check_parts(parts: &[Part], whole: &Whole, file: &[u8]) {
    let mut chain = Chain::default();
    let mut joined = Vec::new();
    for (nth, part) in (0..).zip(parts) {
        chain = chain.with(&part.bytes);
        assert_eq!(
            (part.nth, part.chain, part.whole),
            (nth, chain, whole.sum.whole)
        );
        joined.extend_from_slice(&part.bytes);
    }
    let scrubber = protocol::privacy::Scrubber::new(&protocol::roster::PrivacySettings::default());
    let expected = scrubber.scrub_bytes_same_length(&Bytes::copy_from_slice(file));
    assert!(joined == expected, "the parts are not the file");
    assert!(joined != file, "nothing was removed");
    let bytes = Bytes::copy_from_slice(file);
    let hits = scrubber.scrub_attachment("", &bytes, false).unwrap().hits;
    let header = &whole.items.items[0].header;
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    let n_cards = hits.of(protocol::privacy::Rule::CreditCard);
    assert_eq!(header["server_removed"]["@creditcard"], n_cards);
    let sum = whole.sum;
    assert_eq!(
        (sum.parts as usize, sum.bytes, sum.chain),
        (parts.len(), file.len() as u64, chain)
    );
}

fn envelope_with(id: &str, length: usize) -> String {
    let reference =
        format!("{{\"location\":\"/api/1/upload/{id}/?x=1\",\"content_type\":\"text/plain\"}}");
    format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{\"message\":\"x\"}}\n\
         {{\"type\":\"attachment\",\"length\":{},\"filename\":\"a.log\",\"attachment_length\":{length},\
         \"content_type\":\"application/vnd.sentry.attachment-ref+json\"}}\n{reference}\n",
        "9".repeat(32),
        reference.len()
    )
}

#[tokio::test]
async fn a_file_comes_in_pieces_and_stands_in_its_envelope_once() {
    let relay = start().await;
    let file = file(3 * MIB + 777);
    let id = create(&relay, file.len()).await;
    let mut at = 0;
    while at < file.len() {
        let end = (at + 3 * MIB / 2).min(file.len());
        let reply = patch(&relay, &id, at, &file[at..end]).await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        let next = offset(&reply);
        assert!(next > at && next <= end, "{at} {next} {end}");
        let headers = [TUS];
        let told = relay.send("HEAD", &path(&id), &headers, b"").await;
        assert_eq!((told.status, offset(&told)), (200, next));
        at = next;
    }
    assert_eq!(relay.count("accepted", ""), 0);

    let sent = relay.post(envelope_with(&id, file.len())).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(relay.count("accepted", ""), 2);
    let (parts, wholes) = spooled(&relay).await;
    check_parts(&parts, &wholes[0], &file);
    let header = String::from_utf8(wholes[0].items.items[0].header.to_vec()).unwrap();
    assert!(
        header.contains("text/plain") && header.contains("a.log"),
        "{header}"
    );

    relay.post(envelope_with(&id, file.len())).await;
    assert_eq!(relay.count("invalid", "invalid_placeholder_attachment"), 1);
}

#[tokio::test]
async fn what_is_wrong_with_an_upload_is_said() {
    let relay = start().await;
    let post = |headers: Vec<(&'static str, &'static str)>| {
        let relay = &relay;
        async move { relay.send("POST", &path(""), &headers, b"").await.status }
    };
    assert_eq!(post(vec![("Upload-Length", "5")]).await, 412);
    assert_eq!(post(vec![TUS]).await, 400);
    assert_eq!(post(vec![TUS, ("Upload-Length", "x")]).await, 400);
    assert_eq!(post(vec![TUS, ("Upload-Length", "1073741825")]).await, 413);
    assert_eq!(post(vec![TUS, ("Upload-Defer-Length", "1")]).await, 201);
    let nobody = relay
        .send(
            "POST",
            "/api/1/upload/",
            &[TUS, ("Upload-Length", "5")],
            b"",
        )
        .await;
    assert_eq!(nobody.status, 401);

    let id = create(&relay, 5).await;
    assert_eq!(patch(&relay, &id, 3, b"lo").await.status, 409);
    assert_eq!(patch(&relay, &id, 0, b"hello world").await.status, 413);
    assert_eq!(
        patch(&relay, &"0".repeat(32), 0, b"hello").await.status,
        404
    );
    assert_eq!(patch(&relay, "nothing", 0, b"hello").await.status, 404);
    let untyped = relay
        .send(
            "PATCH",
            &path(&id),
            &[TUS, ("Upload-Offset", "0")],
            b"hello",
        )
        .await;
    assert_eq!(untyped.status, 415);
    let elsewhere = format!("/api/2/upload/{id}/?sentry_key={LIMITED}");
    let origin = ("Origin", "https://example.com");
    let theirs = relay.send("HEAD", &elsewhere, &[TUS, origin], b"").await;
    assert_eq!(theirs.status, 404);
    assert_eq!(patch(&relay, &id, 0, b"hello").await.status, 204);
    let asked = relay.send("OPTIONS", "/api/1/upload/", &[], b"").await;
    assert_eq!((asked.status, asked.header("tus-version")), (200, "1.0.0"));
    assert_eq!(relay.send("PUT", &path(""), &[TUS], b"").await.status, 405);
}

#[tokio::test]
async fn a_file_is_taken_from_its_limit_when_it_begins_and_once() {
    let relay = start().await;
    let path = |rest: &str| format!("/api/2/upload/{rest}?sentry_key={LIMITED}");
    let origin = ("Origin", "https://example.com");
    let begin = async || {
        let headers = [TUS, ("Upload-Length", "5"), origin];
        relay.send("POST", &path(""), &headers, b"").await
    };
    let first = begin().await;
    assert_eq!((first.status, begin().await.status), (201, 201));
    let third = begin().await;
    assert_eq!(third.status, 429);
    assert!(!third.header("retry-after").is_empty());
    assert_eq!(relay.count("refused", "rate_limited"), 1);

    let location = first.header("location").trim_end_matches('/').to_owned();
    let id = location.rsplit('/').next().unwrap();
    let headers = [TUS, PIECE, ("Upload-Offset", "0"), origin];
    let sent = relay
        .send("PATCH", &path(&format!("{id}/")), &headers, b"hello")
        .await;
    assert_eq!(sent.status, 204, "{}", sent.text());
    let to = format!("/api/2/envelope/?sentry_key={LIMITED}");
    let stands = relay
        .send("POST", &to, &[origin], envelope_with(id, 5).as_bytes())
        .await;
    assert_eq!(stands.status, 200, "{}", stands.text());
    assert_eq!(relay.count("accepted", ""), 2);
}

#[tokio::test]
async fn a_crash_begins_where_there_is_no_room_for_other_files() {
    let relay = start().await;
    let no_files = Quota {
        scope: QuotaScope::Project,
        scope_id: 1,
        categories: vec!["attachment".to_owned()],
        limit: RateLimit::new(0, 60),
        reason: "project_quota".to_owned(),
    };
    let mut bundle = projects();
    bundle.version = 2;
    bundle.projects[0].quotas = vec![no_files];
    relay.tell(&bundle);
    let begin = async |metadata: &str| {
        let headers = [TUS, ("Upload-Length", "5"), ("Upload-Metadata", metadata)];
        let sent = relay.send("POST", &path(""), &headers, b"").await;
        sent.status
    };
    // {"attachment_type":"event.minidump"} and {"attachment_type":"event.attachment"}.
    let dump = "sentry eyJhdHRhY2htZW50X3R5cGUiOiJldmVudC5taW5pZHVtcCJ9";
    let file = "sentry eyJhdHRhY2htZW50X3R5cGUiOiJldmVudC5hdHRhY2htZW50In0=";
    assert_eq!(begin(dump).await, 201);
    assert_eq!(begin(&format!("filename YQ==, {dump}")).await, 201);
    assert_eq!(begin(file).await, 429);
    assert_eq!(begin("filename YQ==").await, 429);
    for wrong in ["sentry", "sentry !", "sentry e30=", "sentry bm90aGluZw=="] {
        assert_eq!(begin(wrong).await, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_piece_may_be_packed_and_is_as_long_as_was_told() {
    let relay = start().await;
    let file = file(3 * MIB);
    let id = create(&relay, file.len()).await;
    let send = async |length: &str, body: &[u8]| {
        let headers = [
            TUS,
            PIECE,
            ("Upload-Offset", "0"),
            ("Content-Encoding", "zstd"),
            ("X-Decoded-Content-Length", length),
        ];
        relay.send("PATCH", &path(&id), &headers, body).await
    };
    let packed = zstd(&file);
    let length = file.len().to_string();
    assert_eq!(send("x", &packed).await.status, 400);
    assert_eq!(send(&length, b"nothing").await.status, 400);
    let sent = send(&length, &packed).await;
    assert_eq!(
        (sent.status, offset(&sent)),
        (204, file.len()),
        "{}",
        sent.text()
    );
    relay.post(envelope_with(&id, file.len())).await;
    let (parts, wholes) = spooled(&relay).await;
    check_parts(&parts, &wholes[0], &file);

    let id = create(&relay, 3).await;
    for length in ["2", "4"] {
        let headers = [
            TUS,
            PIECE,
            ("Upload-Offset", "0"),
            ("X-Decoded-Content-Length", length),
        ];
        let sent = relay.send("PATCH", &path(&id), &headers, b"abc").await;
        assert_eq!(sent.status, 400, "{length}");
    }
}

#[tokio::test]
async fn a_large_file_over_its_limit_is_passed_and_nothing_of_it_is_kept() {
    let relay = start().await;
    let origin = ("Origin", "https://example.com");
    let path = format!("/api/2/upload/?sentry_key={LIMITED}");
    for _ in 0..2 {
        let headers = [TUS, ("Upload-Length", "5"), origin];
        relay.send("POST", &path, &headers, b"").await;
    }
    let file = file(12 * MIB);
    let mut body = format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"event\"}}\n{{\"message\":\"x\"}}\n{{\"type\":\"attachment\",\"length\":{}}}\n",
        "9".repeat(32),
        file.len()
    )
    .into_bytes();
    body.extend_from_slice(&file);
    let to = format!("/api/2/envelope/?sentry_key={LIMITED}");
    let sent = relay.send("POST", &to, &[origin], &body).await;
    assert_eq!(sent.status, 429, "{}", sent.text());
    assert_eq!(
        (
            relay.count("accepted", ""),
            relay.count("refused", "rate_limited")
        ),
        (1, 1)
    );
    let (parts, wholes) = spooled(&relay).await;
    assert!(parts.is_empty() && wholes.is_empty());
}

#[tokio::test]
async fn a_large_file_goes_through_while_its_envelope_comes() {
    let relay = start().await;
    let file = file(40 * MIB);
    let mut body = format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"attachment\",\"length\":{},\"filename\":\"a.log\"}}\n",
        "9".repeat(32),
        file.len()
    )
    .into_bytes();
    body.extend_from_slice(&file);
    body.extend_from_slice(b"\n{\"type\":\"event\"}\n{\"message\":\"x\"}\n{\"type\":\"attachment\",\"length\":5}\nsmall\n\n");
    let sent = relay.post(&body).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(relay.count("accepted", ""), 3);
    let (parts, wholes) = spooled(&relay).await;
    check_parts(&parts, &wholes[0], &file);
    let kept = relay.kept().await;
    assert_eq!(
        kept.iter()
            .map(|(_, items)| items.items.len())
            .sum::<usize>(),
        2
    );
}

#[tokio::test]
async fn of_an_envelope_that_breaks_off_or_is_packed_nothing_half_is_kept() {
    let relay = start().await;
    let file = file(12 * MIB);
    let head = format!(
        "{{}}\n{{\"type\":\"attachment\",\"length\":{}}}\n",
        file.len() + 1
    );
    let mut body = head.into_bytes();
    body.extend_from_slice(&file);
    assert_eq!(relay.post(&body).await.status, 400);
    assert!(spooled(&relay).await.1.is_empty());
    assert_eq!(relay.count("accepted", ""), 0);

    let unknown = format!("/api/1/envelope/?sentry_key={}", "9".repeat(32));
    assert_eq!(relay.send("POST", &unknown, &[], &body).await.status, 403);
}

/// A crash dump with so many bytes of memory behind it.
pub(super) fn dump(len: usize) -> Vec<u8> {
    const DUMP: &[u8] = include_bytes!("../../../../protocol/fixtures/dumps/crash.dmp");
    let mut dump = DUMP.to_vec();
    dump.resize(len, b'x');
    dump
}

/// The event that was kept.
pub(super) async fn event_of(relay: &Relay) -> serde_json::Value {
    let kept = relay.kept().await;
    let mut items = kept.iter().flat_map(|(_, items)| &items.items);
    let event = items.find(|item| item.kind == "event").unwrap();
    serde_json::from_slice(&event.payload).unwrap()
}

#[tokio::test]
async fn a_large_dump_tells_its_event_as_a_small_one_does() {
    let relay = start().await;
    let dump = dump(9 * MIB);
    let mut body = format!(
        "{{}}\n{{\"type\":\"attachment\",\"attachment_type\":\"event.minidump\",\"length\":{}}}\n",
        dump.len()
    )
    .into_bytes();
    body.extend_from_slice(&dump);
    let sent = relay.post(&body).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let event = event_of(&relay).await;
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["type"], "SIGSEGV / SEGV_MAPERR");
    assert_eq!(event["errors"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_dump_that_came_in_pieces_tells_its_event() {
    let relay = start().await;
    let dump = dump(3 * MIB);
    let id = create(&relay, dump.len()).await;
    let first = patch(&relay, &id, 0, &dump[..2 * MIB]).await;
    let at = offset(&first);
    assert_eq!(patch(&relay, &id, at, &dump[at..]).await.status, 204);
    let envelope = envelope_with(&id, dump.len()).replace(
        "\"filename\"",
        "\"attachment_type\":\"event.minidump\",\"filename\"",
    );
    let sent = relay.post(envelope).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let event = event_of(&relay).await;
    assert_eq!(event["message"], "x");
    assert_eq!(
        event["exception"]["values"][0]["type"],
        "SIGSEGV / SEGV_MAPERR"
    );
}

/// A file of a trace as an item, what is told of it before its content.
fn trace_file(told: &str, content: &[u8]) -> Vec<u8> {
    let header = format!(
        "{{\"type\":\"attachment\",\"content_type\":\"application/vnd.sentry.trace-attachment\",\
         \"meta_length\":{},\"length\":{}}}\n",
        told.len(),
        told.len() + content.len()
    );
    [header.as_bytes(), told.as_bytes(), content, b"\n"].concat()
}

const TOLD: &str = "{\"trace_id\":\"d1901c4e6b5d6d4cb962dc071d7b7f9e\",\
    \"attachment_id\":\"019a72d2-9b4f-7b0c-8e1d-0d4f5a3e2c1b\",\"timestamp\":1767323045,\
    \"filename\":\"heap.log\",\"content_type\":\"text/plain\",\n\
    \"attributes\":{\"password\":{\"value\":\"hunter2\",\"type\":\"string\"}}}";

#[tokio::test]
async fn a_file_of_a_trace_is_told_by_its_header_however_large_it_is() {
    let large = file(9 * MIB);
    for content in [&b"text"[..], &large] {
        let relay = start().await;
        let body = [b"{}\n", trace_file(TOLD, content).as_slice()].concat();
        let sent = relay.post(&body).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        let (parts, wholes) = spooled(&relay).await;
        let item = match wholes.first() {
            Some(whole) => {
                check_parts(&parts, whole, content);
                whole.items.items[0].clone()
            }
            None => {
                let item = relay.kept().await[0].1.items[0].clone();
                assert_eq!(item.payload, content);
                item
            }
        };
        let header: serde_json::Value = serde_json::from_slice(&item.header).unwrap();
        assert_eq!(header["filename"], "heap.log");
        assert_eq!(header["content_type"], "text/plain");
        assert_eq!(header["meta_length"], serde_json::Value::Null);
        let told = &header["trace_attachment"];
        assert_eq!(told["trace_id"], "d1901c4e6b5d6d4cb962dc071d7b7f9e");
        assert!(!item.header.windows(7).any(|w| w == b"hunter2"), "{header}");
    }
}

#[tokio::test]
async fn a_file_of_a_trace_that_does_not_say_what_it_is_is_counted() {
    let large = file(9 * MIB);
    let headless = [
        &b"{\"type\":\"attachment\",\"content_type\":\"application/vnd.sentry.trace-attachment\",\"length\":4}\ntext\n"[..],
        b"{\"type\":\"attachment\",\"content_type\":\"application/vnd.sentry.trace-attachment\",\"meta_length\":9,\"length\":4}\ntext\n",
    ];
    for item in [
        headless[0].to_vec(),
        headless[1].to_vec(),
        trace_file("{}", b"text"),
        trace_file("no json", b"text"),
        trace_file(&TOLD.replace("019a72d2-", ""), b"text"),
        trace_file("{}", &large),
    ] {
        let relay = start().await;
        let body = [b"{}\n".as_slice(), &item, b"{\"type\":\"session\"}\n{}\n"].concat();
        let sent = relay.post(&body).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        assert_eq!(
            relay.count("invalid", "invalid_trace_attachment"),
            1,
            "{:?}",
            relay.counts()
        );
        assert_eq!(relay.kept().await.len(), 1);
        assert!(spooled(&relay).await.1.is_empty());
        relay.assert_counted().await;
    }
}

#[tokio::test]
async fn a_mobile_replay_is_kept_in_its_parts_and_its_words_are_scrubbed() {
    const REPLAY: &[u8] = include_bytes!("../../../fixtures/mobile-replay.envelope");
    let relay = start().await;
    let sent = relay.post(REPLAY).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let kept = relay.kept().await;
    let items: Vec<_> = kept.iter().flat_map(|(_, items)| &items.items).collect();
    let kinds: Vec<_> = items.iter().map(|item| item.kind.as_str()).collect();
    assert_eq!(kinds, ["replay_event", "replay_recording", "attachment"]);
    let event: serde_json::Value = serde_json::from_slice(&items[0].payload).unwrap();
    assert_eq!(event["segment_id"], 2);
    let recording = String::from_utf8(items[1].payload.to_vec()).unwrap();
    assert!(recording.contains("paid with [creditcard]"), "{recording}");
    let at = REPLAY.windows(4).position(|w| w == b"ftyp").unwrap() - 4;
    assert_eq!(items[2].payload, REPLAY[at..REPLAY.len() - 1]);
    let header: serde_json::Value = serde_json::from_slice(&items[2].header).unwrap();
    assert_eq!(
        (&header["filename"], &header["attachment_type"]),
        (&"replay-2.mp4".into(), &"replay.video".into())
    );
    relay.assert_counted().await;

    let relay = start().await;
    relay.post("{}\n{\"type\":\"replay_video\"}\nnothing").await;
    assert_eq!(relay.count("invalid", "invalid_replay_video"), 1);
}
