//! Crash dumps: raw, packed, or in a form with what the application knows about the crash.
//!
//! | field | becomes |
//! |---|---|
//! | `upload_file_minidump` | the dump; packed, or inside a form of its own, as Electron sent it |
//! | `__sentry-event`, `__sentry-breadcrumb1`, `…2` | the event and its breadcrumbs (`crash`) |
//! | `sentry`, `sentry__1…n`, `sentry[a][b]` | the event's fields (`fields`) |
//! | any other field | `extra` |
//! | any other file | an attachment |

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem};
use protocol::item::ItemKind;
use serde_json::Value;

use super::multipart::{self, Part};
use super::{Dump, ReportError, crash, fields, files, json_item, unpack};

/// The field of a form that has the dump.
pub const FIELD: &str = "upload_file_minidump";
const KIND: &str = "event.minidump";

/// The envelope of a crash upload.
pub(super) fn upload(
    boundary: Option<&str>,
    body: &Bytes,
    dumps: impl Fn(&EnvelopeItem) -> Dump,
) -> Result<Vec<Envelope>, ReportError> {
    let (dump, rest) = find(boundary, body)?;
    // What came apart was looked at when it began.
    if dump.length.is_none() && !is_minidump(&dump.data) {
        return Err(ReportError::Minidump);
    }
    let mut items = vec![files::attachment(dump, Some(KIND))];
    let mut told = fields::Told::default();
    for part in rest {
        if part.filename.is_none() && !part.name.starts_with("__sentry-") {
            told.add(&part.name, &String::from_utf8_lossy(&part.data));
        } else {
            items.push(companion(part));
        }
    }
    let event = told.event();
    let mut envelope = Envelope {
        header: EnvelopeHeader::default(),
        items,
    };
    crash::complete_told(&mut envelope, event, dumps);
    Ok(vec![envelope])
}

/// The dump of a crash upload, and the other parts of its form.
pub(super) fn find(boundary: Option<&str>, body: &Bytes) -> Result<(Part, Vec<Part>), ReportError> {
    if let Some(boundary) = boundary {
        return form(boundary, body);
    }
    let data = unpack::unpack(body)?;
    // Packed forms come with the type of what packed them.
    match multipart::leading_boundary(&data) {
        Some(boundary) => form(&boundary, &data),
        None => Ok((raw(data), Vec::new())),
    }
}

/// Whether these bytes begin as a dump does, in either byte order.
#[must_use]
pub fn is_minidump(bytes: &[u8]) -> bool {
    bytes.starts_with(b"MDMP") || bytes.starts_with(b"PMDM")
}

/// The dump of a form, and its other parts.
fn form(boundary: &str, body: &Bytes) -> Result<(Part, Vec<Part>), ReportError> {
    let mut parts = multipart::parts(boundary, body)?;
    let at = parts.iter().position(|part| part.name == FIELD);
    let mut dump = parts.remove(at.ok_or(ReportError::NoMinidump)?);
    dump.data = unpack::unpack(&dump.data)?;
    if let Some(inner) = multipart::leading_boundary(&dump.data) {
        let inner = multipart::parts(&inner, &dump.data)?;
        let found = inner.into_iter().find(|part| part.name == FIELD);
        dump = found.ok_or(ReportError::NoMinidump)?;
        dump.data = unpack::unpack(&dump.data)?;
    }
    Ok((dump, parts))
}

fn raw(data: Bytes) -> Part {
    Part {
        name: FIELD.to_owned(),
        filename: Some("minidump.dmp".to_owned()),
        content_type: Some("application/x-dmp".to_owned()),
        length: None,
        data,
    }
}

/// The event's files are found by the name of their field, as some clients give them others.
fn companion(mut part: Part) -> EnvelopeItem {
    if part.name.starts_with("__sentry-") {
        part.filename = Some(part.name.clone());
    }
    files::attachment(part, None)
}

/// An event item of these fields.
pub(super) fn event_item(event: &Value) -> EnvelopeItem {
    json_item(ItemKind::Event, event)
}
