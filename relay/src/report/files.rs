//! Files of a form as attachments.

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem, ItemHeader};
use protocol::ids::EventId;
use protocol::item::ItemKind;

use super::ReportError;
use super::multipart::{self, Part};

/// Longest name of a file, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Files that come after their event.
pub(super) fn of_event(
    event_id: EventId,
    boundary: &str,
    body: &Bytes,
) -> Result<Vec<Envelope>, ReportError> {
    let parts = multipart::parts(boundary, body)?;
    let files = parts.into_iter().filter(|part| part.filename.is_some());
    let header = EnvelopeHeader {
        event_id: Some(event_id),
        ..EnvelopeHeader::default()
    };
    Ok(vec![Envelope {
        header,
        items: files.map(|part| attachment(part, None)).collect(),
    }])
}

/// A part as an attachment, of the given type or of the one its name tells.
#[must_use]
pub fn attachment(part: Part, kind: Option<&str>) -> EnvelopeItem {
    let name = part.filename.unwrap_or(part.name);
    let kind = kind.or_else(|| known(&name));
    let mut header = ItemHeader::default();
    // Some clients send the whole path.
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let end = name.floor_char_boundary(NAME_BYTES_MAX);
    header.set_text("filename", name.get(..end).unwrap_or_default());
    if let Some(content_type) = part.content_type {
        header.set_text("content_type", &content_type);
    }
    if let Some(kind) = kind {
        header.set_text("attachment_type", kind);
    }
    if let Some(length) = part.length {
        header.set_number("attachment_length", length);
    }
    EnvelopeItem {
        kind: ItemKind::Attachment,
        header,
        payload: part.data,
    }
}

fn known(name: &str) -> Option<&'static str> {
    Some(match name {
        "view-hierarchy.json" => "event.view_hierarchy",
        "__sentry-event" => "event.payload",
        "__sentry-breadcrumb1" | "__sentry-breadcrumb2" => "event.breadcrumbs",
        _ => return None,
    })
}
