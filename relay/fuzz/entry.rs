//! What the fuzzer calls: each function takes any bytes, and panics when a promise is broken.
//!
//! The same functions run over recorded requests and damaged copies of them in ordinary tests.
//! With the fuzzer: `cargo +nightly fuzz run report` in `relay`.
#![allow(
    dead_code,
    reason = "each fuzz target calls one of them, and their promises are assertions"
)]

use bytes::{Bytes, BytesMut};
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem, ItemHeader};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use relay::report::{self, CheckIn, Dump, Encoding, Form, Signal};
use relay::unpack::{Packing, Unpacker};

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

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
        Form::Attachments { event_id, boundary },
        Form::Unreal { user: None },
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
    for kind in ["event.minidump", "event.payload", "event.breadcrumbs"] {
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
    fn no_recording_whole_or_damaged_breaks_a_promise() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dirs = [
            "fixtures",
            "fixtures/recorded",
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
                    n_samples += 1;
                }
            }
        }
        assert!(n_samples > 200);
    }
}
