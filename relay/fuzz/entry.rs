//! What the fuzzer calls: each function takes any bytes, and panics when a promise is broken.
//!
//! The same functions run over recorded requests and damaged copies of them in ordinary tests.
//! With the fuzzer: `cargo +nightly fuzz run report` in `relay`.
#![allow(
    dead_code,
    reason = "each fuzz target calls one of them, and their promises are assertions"
)]

use std::io::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem, ItemHeader};
use protocol::ids::{EventId, Lane, Seq};
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use relay::accept::Head;
use relay::accept::tus::{Creation, Piece};
use relay::report::{self, CheckIn, Dump, Encoding, Form, Signal};
use relay::spool::Keys;
use relay::spool::inspect::{self, Inspector};
use relay::tail::{Entry, Follower, Voices};
use relay::unpack::{Packing, Unpacker};
use tempfile::NamedTempFile;

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Where the recorded segment lay.
const SEGMENT_EPOCH: &str = "6e6adf28df6ecf7b";
const SEGMENT: &str = "0000000000000001-00000001.seg";

/// Every form, with the boundary that the text begins with where it needs one.
fn forms(data: &[u8]) -> Vec<Form> {
    let event_id = EventId::from_bytes([1; 16]);
    let line = data.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let boundary = line.strip_prefix("--").unwrap_or("xyz").to_owned();
    let mut forms = vec![
        Form::Security {
            release: None,
            environment: None,
        },
        Form::NetworkErrors,
        Form::Minidump { boundary: None },
        Form::Minidump {
            boundary: Some(boundary.clone()),
        },
        Form::Attachments {
            event_id,
            boundary: boundary.clone(),
        },
        Form::Unreal {
            user: None,
            boundary: None,
        },
        Form::Unreal {
            user: None,
            boundary: Some(boundary),
        },
        Form::CheckIn(CheckIn::of("a".to_owned(), "status=ok")),
        Form::CheckIn(CheckIn::of("a".to_owned(), &line)),
        Form::Vercel,
        Form::Feedback { event_id },
    ];
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        forms.extend([Encoding::Json, Encoding::Proto].map(|one| Form::Otlp(signal, one)));
    }
    forms
}

/// Every form is read or refused without panic, and what was made can be taken further.
pub(crate) fn report(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    for form in forms(data) {
        for mut envelope in report::envelopes(&form, &body, AT, |_| Dump::Here).unwrap_or_default()
        {
            report::complete(&mut envelope, |_| Dump::Here);
        }
    }
    drop(report::boundary(&String::from_utf8_lossy(data)));
}

/// Whatever an envelope holds is taken apart without panic, and what was made of it can be again.
pub(crate) fn complete(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let mut envelopes: Vec<Envelope> = Envelope::parse(&body).into_iter().collect();
    envelopes.push(holding(ItemKind::ReplayVideo, None, &body));
    envelopes.push(holding(ItemKind::UnrealReport, None, &body));
    for kind in [
        "event.minidump",
        "event.applecrashreport",
        "event.payload",
        "event.breadcrumbs",
    ] {
        envelopes.push(holding(ItemKind::Attachment, Some(kind), &body));
    }
    for mut envelope in envelopes {
        report::complete(&mut envelope, |_| Dump::Here);
        report::complete(&mut envelope, |_| Dump::Here);
    }
}

/// Every packing is undone or refused without panic, however its bytes come, and no step gives more
/// than it may.
pub(crate) fn unpack(data: &[u8]) {
    let run = 1 + data.first().copied().map_or(0, usize::from) * 16;
    for packing in [
        Packing::Gzip,
        Packing::Zlib,
        Packing::Deflate,
        Packing::Brotli,
        Packing::Zstd,
        Packing::Xz,
        Packing::Bzip2,
    ] {
        let mut unpacker = Unpacker::new(packing);
        let whole = unpack_with(&mut unpacker, data, run);
        // What follows is packed in the way that its first bytes tell.
        let rest = data.get(1..).unwrap_or_default();
        let mut unpacker = Unpacker::new(Packing::of(rest).unwrap_or(packing));
        drop((whole, unpack_with(&mut unpacker, rest, run)));
    }
}

/// What comes of bytes in runs of this length; `None` where they are broken, or become very many.
fn unpack_with(unpacker: &mut Unpacker, data: &[u8], run: usize) -> Option<BytesMut> {
    const STEP_MAX: usize = 1024 * 1024 + 64 * 1024;
    const ALL_MAX: usize = 4 * 1024 * 1024;
    let mut out = BytesMut::new();
    for bytes in data.chunks(run) {
        let mut bytes = Bytes::copy_from_slice(bytes);
        while !bytes.is_empty() {
            let before = out.len();
            unpacker.step(&mut bytes, &mut out).ok()?;
            assert!(out.len() - before <= STEP_MAX, "{unpacker:?} gave too much");
        }
        if out.len() > ALL_MAX {
            return None;
        }
    }
    while unpacker.finish(&mut out).ok()? {}
    Some(out)
}

/// The headers of a resumable upload, a line each, are read or refused without panic; what was read
/// is read the same when it is written again.
pub(crate) fn tus(data: &[u8]) {
    let mut headers = headers(data);
    drop(Creation::read(&headers));
    if let Ok(piece) = Piece::read(&headers) {
        headers.insert("upload-offset", piece.offset.into());
        let again = Piece::read(&headers);
        assert!(again.is_ok_and(|again| again == piece));
    }
}

/// The head of a request, its target in the first line and a header in each other, is read or
/// refused without panic.
pub(crate) fn head(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == b'\n');
    let target = halves.next().unwrap_or_default();
    let target = target.split(|byte| *byte == b' ').nth(1).unwrap_or(target);
    let Ok(uri) = Uri::try_from(target) else {
        return;
    };
    let headers = headers(halves.next().unwrap_or_default());
    if let Some(Err(refusal)) = Head::read(&uri, &headers) {
        assert!((400..600).contains(&refusal.status()));
    }
}

/// Headers, a line each.
fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(100) {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = halves.next().unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// A segment of a spool is looked into without panic, and what is told of it is bounded by it.
pub(crate) fn segment(data: &[u8]) {
    assert!(n_block_bytes(data) <= data.len());
}

/// How long the blocks of a segment are.
fn n_block_bytes(data: &[u8]) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let lane = dir
        .path()
        .join(Lane::Errors.to_string())
        .join(SEGMENT_EPOCH);
    std::fs::create_dir_all(&lane).unwrap();
    std::fs::write(lane.join(SEGMENT), data).unwrap();
    let Ok(inspector) = Inspector::open(dir.path(), Keys::default()) else {
        return 0;
    };
    drop((inspector.list(), inspector.accounts(), inspector.verify()));
    let mut n_bytes = 0;
    let mut visit = |piece: inspect::Piece<'_>| {
        if let inspect::Piece::Block { bytes, .. } = piece {
            n_bytes += bytes.len();
        }
        Ok(())
    };
    drop(inspector.walk(Lane::Errors, Seq(0), &mut visit));
    n_bytes
}

/// Entries of the journal, a line each, are heard without panic: what is none is the message of one.
/// Once all are silent nothing is held back.
pub(crate) fn journal(data: &[u8]) {
    let mut voices = Voices::default();
    let line_max = data.len() % 200;
    let mut n = 0;
    for line in data.split(|byte| *byte == b'\n').take(1000) {
        n += 1;
        let entry = serde_json::from_slice(line).ok();
        let entry = entry.or_else(|| {
            let text = String::from_utf8_lossy(line);
            let message = serde_json::json!({"__CURSOR": n.to_string(), "MESSAGE": text});
            serde_json::from_value::<Entry>(message).ok()
        });
        if let Some(entry) = entry {
            drop(voices.hear(entry, line_max, Duration::from_millis(n)));
        }
    }
    drop(voices.end_silent(Duration::MAX, true));
    assert!(voices.done().is_some(), "an entry is held back");
    assert_eq!(voices.done(), None);
}

/// A log is followed without panic, and what is found in it does not depend on when it was looked at.
pub(crate) fn log(data: &[u8]) {
    let at = data.first().copied().map_or(0, usize::from) * data.len() / 256;
    let (head, rest) = data.split_at_checked(at).unwrap_or((data, &[]));
    assert_eq!(found_in(&[data]), found_in(&[head, rest]));
}

/// The lines of each trace of a log that grows by these pieces.
fn found_in(pieces: &[&[u8]]) -> Vec<Vec<String>> {
    let mut file = NamedTempFile::new().unwrap();
    let mut follower = Follower::new(file.path().to_owned(), None, 300);
    let mut found = Vec::new();
    let mut look = |at_least: u32| {
        let mut n_looks = 0;
        loop {
            let looked = follower.look();
            n_looks += 1;
            found.extend(looked.found.into_iter().map(|found| found.trace.lines));
            if !looked.is_more && n_looks >= at_least {
                return;
            }
        }
    };
    look(1);
    for piece in pieces {
        file.write_all(piece).unwrap();
        look(1);
    }
    // Until it has been silent for long enough.
    look(3);
    found
}

/// An envelope with one item.
fn holding(kind: ItemKind, attachment: Option<&str>, payload: &Bytes) -> Envelope {
    let mut header = ItemHeader::default();
    if let Some(attachment) = attachment {
        header.set_text("attachment_type", attachment);
    }
    let item = EnvelopeItem {
        kind,
        header,
        payload: payload.clone(),
    };
    Envelope {
        header: EnvelopeHeader::default(),
        items: vec![item],
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_recorded_segment_is_looked_into() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/spool/errors.seg");
        let whole = std::fs::read(path).unwrap();
        assert!(n_block_bytes(&whole) > 0);
        segment(&whole);
    }

    #[test]
    fn no_recording_whole_or_damaged_breaks_a_promise() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dirs = [
            "fixtures",
            "fixtures/apple",
            "fixtures/recorded",
            "fixtures/lines",
            "fixtures/spool",
            "../protocol/fixtures/dumps",
        ];
        let files = dirs.map(|dir| std::fs::read_dir(here.join(dir)).unwrap());
        let mut n_samples = 0;
        let paths = files.into_iter().flatten().map(|file| file.unwrap().path());
        for path in paths.filter(|path| path.is_file()) {
            let whole = std::fs::read(path).unwrap();
            if whole.len() > 30_000 {
                continue;
            }
            for part in 0..4 {
                let at = whole.len() * part / 4;
                let mut damaged = whole.clone();
                if let Some(byte) = damaged.get_mut(at) {
                    *byte ^= 1 << part;
                }
                let cut = whole.get(..at).unwrap_or_default();
                for sample in [cut, &damaged, &whole] {
                    report(sample);
                    complete(sample);
                    unpack(sample);
                    tus(sample);
                    journal(sample);
                    log(sample);
                    head(sample);
                    segment(sample);
                    n_samples += 1;
                }
            }
        }
        assert!(n_samples > 200);
    }
}
