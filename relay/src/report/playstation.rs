//! Crash uploads of a PlayStation: a form with the console's dump, and with what it kept beside it.
//!
//! The dump's form is known to its maker alone, so it is kept as it is, and the event says that
//! there was a crash.

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem};

use super::multipart::{self, Part};
use super::{Dump, ReportError, crash, fields, files};

/// What the dump's item is.
pub(super) const TYPE: &str = "playstation.prosperodump";
/// What the name of its file ends with.
const EXTENSION: &str = ".prosperodmp";
/// How it begins: as it is, or packed with LZ4.
const BEGINS: [&[u8]; 2] = [b"\x7fELF", b"\x04\x22\x4d\x18"];

/// What a console asks before it sends anything: which of its files are wanted.
pub const DATA_REQUEST: &str = "application/vnd.sce.crs.datareq-request+json";
/// The answer.
pub const DATA_WANTED: &str = r#"{"parts":{"upload":["corefile","screenshot"]}}"#;

/// The envelope of a crash upload.
pub(super) fn upload(
    boundary: &str,
    body: &Bytes,
    dumps: impl Fn(&EnvelopeItem) -> Dump,
) -> Result<Vec<Envelope>, ReportError> {
    let mut items = Vec::new();
    let mut told = fields::Told::default();
    let mut has_dump = false;
    for part in multipart::parts(boundary, body)? {
        if part.filename.is_none() {
            told.add(&part.name, &String::from_utf8_lossy(&part.data));
            continue;
        }
        let is_dump = is_dump(&part)?;
        has_dump |= is_dump;
        items.push(files::attachment(part, is_dump.then_some(TYPE)));
    }
    if !has_dump {
        return Err(ReportError::NoProsperodump);
    }
    let mut envelope = Envelope {
        header: EnvelopeHeader::default(),
        items,
    };
    crash::complete_told(&mut envelope, told.event(), dumps);
    Ok(vec![envelope])
}

/// Whether a file is the dump; an error where it only has its name.
fn is_dump(part: &Part) -> Result<bool, ReportError> {
    let name = part.filename.as_deref().unwrap_or_default();
    if !name.ends_with(EXTENSION) {
        return Ok(false);
    }
    // Of what came apart nothing is here.
    let is_right = BEGINS.iter().any(|begin| part.data.starts_with(begin));
    if part.length.is_none() && !is_right {
        return Err(ReportError::Prosperodump);
    }
    Ok(true)
}
