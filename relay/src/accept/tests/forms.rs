//! Forms and crash dumps that are too large to be held, however they come; and files that people's
//! rules look at.

use std::io::Read as _;

use protocol::privacy::Scrubber;
use protocol::roster::PrivacySettings;

use super::files::{MIB, check_parts, dump, event_of, file, spooled};
use super::harness::*;

const FORM: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=xyz");
const CHUNKED: (&str, &str) = ("Transfer-Encoding", "chunked");

/// A form of these fields; those with a file's name are files.
fn form(fields: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, data) in fields {
        let filename = match *filename {
            "" => String::new(),
            name => format!("; filename=\"{name}\"\r\nContent-Type: text/x-log"),
        };
        let head =
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--xyz--\r\n");
    body
}

async fn attach(relay: &Relay, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let path = format!(
        "/api/1/events/{}/attachments/?sentry_key={KEY}",
        "9".repeat(32)
    );
    relay.send("POST", &path, headers, body).await
}

async fn crash(relay: &Relay, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let path = format!("/api/1/minidump/?sentry_key={KEY}");
    relay.send("POST", &path, headers, body).await
}

#[tokio::test]
async fn a_large_file_of_a_form_goes_through_however_it_is_sent() {
    let file = file(12 * MIB);
    let body = form(&[
        ("none", "none.log", b""),
        ("small", "small.log", b"small"),
        ("large", "C:\\logs\\a.log", &file),
        ("note", "", b"no file"),
    ]);
    type Pack = fn(&[u8]) -> Vec<u8>;
    let plain: Pack = <[u8]>::to_vec;
    let ways: [(&str, Pack, bool); 7] = [
        ("identity", plain, false),
        ("identity", plain, true),
        ("gzip", gzip, false),
        ("deflate", zlib, false),
        ("deflate", deflate, true),
        ("br", br, false),
        ("zstd", zstd, true),
    ];
    for (encoding, pack, is_chunked) in ways {
        let relay = start().await;
        let mut headers = vec![FORM, ("Content-Encoding", encoding)];
        headers.extend(is_chunked.then_some(CHUNKED));
        let sent = attach(&relay, &headers, &pack(&body)).await;
        assert_eq!(sent.status, 201, "{encoding} {}", sent.text());
        let (parts, wholes) = spooled(&relay).await;
        assert_eq!(wholes.len(), 1, "{encoding}");
        check_parts(&parts, &wholes[0], &file);
        let header: serde_json::Value =
            serde_json::from_slice(&wholes[0].items.items[0].header).unwrap();
        assert_eq!(
            (&header["filename"], &header["content_type"]),
            (&"a.log".into(), &"text/x-log".into())
        );
        let kept = relay.kept().await;
        let payloads: Vec<_> = kept.iter().flat_map(|(_, items)| &items.items).collect();
        assert!(payloads.len() == 2 && payloads[1].payload == "small");
        assert_eq!(relay.count("accepted", ""), 3);
    }
}

#[tokio::test]
async fn an_envelope_may_be_large_once_it_is_unpacked_or_tell_no_length() {
    let file = file(12 * MIB);
    let head = format!(
        "{{\"event_id\":\"{}\"}}\n{{\"type\":\"attachment\",\"length\":{}}}\n",
        "9".repeat(32),
        file.len()
    );
    let body = [head.as_bytes(), &file].concat();
    let path = format!("/api/1/envelope/?sentry_key={KEY}");
    for (encoding, body, header) in [
        ("identity", body.clone(), CHUNKED),
        ("br", br(&body), CHUNKED),
        ("zstd", zstd(&body), FORM),
    ] {
        let relay = start().await;
        let headers = [("Content-Encoding", encoding), header];
        let sent = relay.send("POST", &path, &headers, &body).await;
        assert_eq!(sent.status, 200, "{encoding} {}", sent.text());
        let (parts, wholes) = spooled(&relay).await;
        check_parts(&parts, &wholes[0], &file);
    }
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reader = bzip2::read::BzEncoder::new(data, bzip2::Compression::fast());
    reader.read_to_end(&mut out).unwrap();
    out
}

#[tokio::test]
async fn a_large_dump_tells_its_event_in_every_form() {
    let dump = dump(9 * MIB);
    let told = ("sentry", "", &b"{\"message\":\"told\"}"[..]);
    let within = |dump: &[u8]| form(&[("upload_file_minidump", "crash.dmp", dump), told]);
    for (name, headers, body) in [
        ("form", vec![FORM], within(&dump)),
        ("chunked form", vec![FORM, CHUNKED], within(&dump)),
        ("gzip in a form", vec![FORM], within(&gzip(&dump))),
        ("bzip2 in a form", vec![FORM], within(&bzip2(&dump))),
        ("zstd in a form", vec![FORM, CHUNKED], within(&zstd(&dump))),
        ("form in gzip", vec![], gzip(&within(&dump))),
        ("raw", vec![], dump.clone()),
        ("raw in zstd", vec![], zstd(&dump)),
        (
            "raw in gzip, sent in brotli",
            vec![("Content-Encoding", "br")],
            br(&gzip(&dump)),
        ),
    ] {
        let relay = start().await;
        let sent = crash(&relay, &headers, &body).await;
        assert_eq!(sent.status, 200, "{name}: {}", sent.text());
        let event = event_of(&relay).await;
        let exception = &event["exception"]["values"][0];
        assert_eq!(exception["type"], "SIGSEGV / SEGV_MAPERR", "{name}");
        assert_eq!(event["errors"], serde_json::Value::Null, "{name}");
        let is_told = event["message"] == "told";
        assert_eq!(is_told, name.contains("form"), "{name}");
        let (parts, wholes) = spooled(&relay).await;
        let bytes: usize = parts.iter().map(|part| part.bytes.len()).sum();
        assert_eq!((wholes.len(), bytes), (1, dump.len()), "{name}");
        let header = String::from_utf8_lossy(&wholes[0].items.items[0].header).into_owned();
        assert!(header.contains("event.minidump"), "{name}: {header}");
    }
}

#[tokio::test]
async fn of_a_form_that_is_wrong_nothing_is_kept_and_the_reason_is_said() {
    let large = vec![b'x'; 9 * MIB];
    let no_dump = form(&[("upload_file_minidump", "a.dmp", &large)]);
    let packed = form(&[("upload_file_minidump", "a.dmp", &gzip(&large))]);
    let field = form(&[("field", "", &[&large[..], &large, &large].concat())]);
    let broken_off = &form(&[("a", "a.log", &large)])[..8 * MIB + MIB / 2];
    let unending = format!("--xyz\r\nX: {}", "x".repeat(9 * MIB)).into_bytes();
    for (body, status, why) in [
        (&no_dump[..], 400, "invalid_minidump"),
        (&packed, 400, "invalid_minidump"),
        (&field, 413, "too_large"),
        (broken_off, 400, "invalid_multipart"),
        (&unending, 400, "invalid_multipart"),
        (&large, 400, "invalid_multipart"),
    ] {
        let relay = start().await;
        let sent = crash(&relay, &[FORM], body).await;
        assert_eq!(sent.status, status, "{why} {}", sent.text());
        assert_eq!(relay.count("refused", why), 1, "{:?}", relay.counts());
        assert!(spooled(&relay).await.1.is_empty() && relay.kept().await.is_empty());
    }
    let raw = [&[0x1f, 0x8b][..], &large].concat();
    let relay = start().await;
    assert_eq!(crash(&relay, &[], &raw).await.status, 400);
    assert_eq!(relay.count("refused", "invalid_compression"), 1);
}

#[tokio::test]
async fn a_playstation_is_told_what_is_wanted_and_its_crash_is_an_event() {
    let relay = start().await;
    let path = format!("/api/1/playstation/?sentry_key={KEY}");
    let asks = [(
        "Content-Type",
        "application/vnd.sce.crs.datareq-request+json",
    )];
    let wanted = relay.send("POST", &path, &asks, b"{}").await;
    assert_eq!(wanted.status, 200);
    assert!(wanted.text().contains("corefile"), "{}", wanted.text());
    for length in [100, 9 * MIB] {
        let relay = start().await;
        let dump = [&b"\x7fELF"[..], &vec![b'x'; length]].concat();
        let body = form(&[("corefile", "a.prosperodmp", &dump), ("s", "b.png", b"png")]);
        let sent = relay.send("POST", &path, &[FORM], &body).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        let event = event_of(&relay).await;
        let exception = &event["exception"]["values"][0];
        assert_eq!(exception["type"], "PlayStationCrash");
        assert_eq!(event["errors"][0]["name"], "a.prosperodmp");
    }
    let relay = start().await;
    for (body, why) in [
        (
            form(&[("a", "a.prosperodmp", b"none")]),
            "invalid_prosperodump",
        ),
        (
            form(&[("a", "a.png", b"png")]),
            "missing_prosperodump_upload",
        ),
    ] {
        assert_eq!(relay.send("POST", &path, &[FORM], &body).await.status, 400);
        assert_eq!(relay.count("refused", why), 1, "{:?}", relay.counts());
    }
}

/// Rules that people wrote for project 1.
fn ruled(applications: &str) -> PrivacySettings {
    let rules = format!(
        "{{\"rules\":{{\"n\":{{\"type\":\"pattern\",\"pattern\":\"[0-9]+ nothing\",\
         \"redaction\":{{\"method\":\"mask\"}}}}}},\"applications\":{applications}}}"
    );
    PrivacySettings {
        rules: vec![rules.into()],
        ..PrivacySettings::default()
    }
}

async fn start_ruled(settings: &PrivacySettings) -> Relay {
    let mut bundle = projects();
    bundle.projects[0].privacy = settings.clone();
    start_with(super::super::Config::default(), Some(bundle)).await
}

#[tokio::test]
async fn peoples_rules_are_applied_to_a_large_file_while_it_comes() {
    let settings = ruled("{\"$attachments.'a.log'\":[\"n\"]}");
    let relay = start_ruled(&settings).await;
    let file = file(9 * MIB);
    let body = form(&[("a", "a.log", &file)]);
    let sent = attach(&relay, &[FORM], &body).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let (parts, _) = spooled(&relay).await;
    let joined: Vec<u8> = parts.iter().flat_map(|part| part.bytes.to_vec()).collect();
    let whole = Scrubber::new(&settings).scrub_attachment("a.log", &file.into(), false);
    assert!(joined == whole.unwrap().payload, "another file");
    assert!(!String::from_utf8_lossy(&joined).contains("nothing"));
}

#[tokio::test]
async fn a_dump_that_rules_have_to_see_whole_is_counted_and_its_event_is_kept() {
    let relay = start_ruled(&ruled("{\"$heap_memory\":[\"n\"]}")).await;
    let body = form(&[
        ("upload_file_minidump", "a.dmp", &dump(9 * MIB)),
        ("sentry", "", b"{\"message\":\"told\"}"),
    ]);
    let sent = crash(&relay, &[FORM], &body).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert_eq!(event_of(&relay).await["message"], "told");
    assert_eq!(relay.count("invalid", "privacy_rules"), 1);
    let (parts, wholes) = spooled(&relay).await;
    assert!(parts.is_empty() && wholes.is_empty());
    relay.assert_counted().await;
}

/// A container of the Unreal engine, packed, with these files.
fn unreal(files: &[(&str, &[u8])]) -> Vec<u8> {
    let text = |out: &mut Vec<u8>, text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(260, 0);
        out.extend_from_slice(&260_u32.to_le_bytes());
        out.extend_from_slice(&bytes);
    };
    let mut body = b"CR1".to_vec();
    text(&mut body, "dir");
    text(&mut body, "file");
    body.extend_from_slice(&0_u32.to_le_bytes());
    body.extend_from_slice(&u32::try_from(files.len()).unwrap().to_le_bytes());
    for (name, data) in files {
        body.extend_from_slice(&0_u32.to_le_bytes());
        text(&mut body, name);
        body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend_from_slice(data);
    }
    zlib(&body)
}

async fn unreal_crash(relay: &Relay, body: &[u8]) -> Reply {
    let path = format!("/api/1/unreal/{KEY}/?UserID=login%7Caccount%7Cmachine");
    relay.send("POST", &path, &[], body).await
}

#[tokio::test]
async fn a_container_of_large_files_tells_its_event_as_a_small_one_does() {
    let (dump, log) = (dump(9 * MIB), file(12 * MIB));
    let context =
        b"<A><B><BuildVersion>7</BuildVersion><ErrorMessage>Assertion</ErrorMessage></B></A>";
    let relay = start().await;
    let body = unreal(&[
        ("UE4Minidump.dmp", &dump),
        ("CrashContext.runtime-xml", context),
        ("empty\".log", b""),
        ("Game.log", &log),
    ]);
    assert!(body.len() < 8 * MIB, "it is packed well");
    let sent = unreal_crash(&relay, &body).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let event = event_of(&relay).await;
    assert_eq!(event["tags"]["unreal.build"], "7");
    assert_eq!(event["user"]["id"], "account");
    let threads = event["threads"]["values"].as_array().unwrap();
    assert!(threads.iter().any(|thread| thread["crashed"] == true));
    let (parts, wholes) = spooled(&relay).await;
    let headers: Vec<_> = wholes
        .iter()
        .map(|whole| String::from_utf8_lossy(&whole.items.items[0].header).into_owned())
        .collect();
    assert_eq!(headers.len(), 2, "{headers:?}");
    assert!(headers[0].contains("UE4Minidump.dmp") && headers[0].contains("event.minidump"));
    assert!(headers[1].contains("Game.log") && headers[1].contains("unreal.logs"));
    let of_log: Vec<_> = parts
        .into_iter()
        .filter(|part| part.whole == wholes[1].sum.whole)
        .collect();
    check_parts(&of_log, &wholes[1], &log);
    relay.assert_counted().await;
}

#[tokio::test]
async fn of_a_large_container_that_is_wrong_nothing_is_kept_and_the_reason_is_said() {
    let noise = file(9 * MIB);
    let mut many = unreal(&[("a.log", &noise)]);
    many.truncate(many.len() / 2);
    let cut = zlib(&[&b"CR1"[..], &[255; 8], &noise].concat());
    for (body, status, why) in [
        (zlib(&noise), 400, "invalid_unreal_report"),
        (cut, 400, "invalid_unreal_report"),
        (many, 400, "invalid_compression"),
    ] {
        let relay = start().await;
        let sent = unreal_crash(&relay, &body).await;
        assert_eq!(sent.status, status, "{why} {}", sent.text());
        assert_eq!(relay.count("refused", why), 1, "{:?}", relay.counts());
        assert!(relay.kept().await.is_empty());
    }
}
