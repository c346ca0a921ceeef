//! Files of a trace: what is told of one stands before its content, and goes into its header.
//!
//! From then on it is an attachment like any other, whose name, type and trace the header tells.

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeItem, ItemHeader};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::limits::ITEM_HEADER_BYTES_MAX;
use serde_json::{Map, Value};

/// The type of an item that is a file of a trace. Source: ingest specification, attachments.
const TYPE: &str = "application/vnd.sentry.trace-attachment";
/// How many bytes before the content tell of it.
const LENGTH: &str = "meta_length";
/// What was told, once it is in the header.
const TOLD: &str = "trace_attachment";

/// Whether an item is a file of a trace that nobody has parted from what is told of it.
#[must_use]
pub fn is_whole(item: &EnvelopeItem) -> bool {
    item.kind == ItemKind::Attachment && item.header.content_type().as_deref() == Some(TYPE)
}

/// How many bytes before the content of a file of a trace tell of it; `None` where that is not
/// said, or more than a header may have.
#[must_use]
pub fn told_bytes(header: &ItemHeader) -> Option<usize> {
    let length = usize::try_from(header.number(LENGTH)?).ok()?;
    (length <= ITEM_HEADER_BYTES_MAX).then_some(length)
}

/// The header of a file of a trace with what is told of it; `None` where that is not what it has
/// to be: an object that names the trace and the file.
#[must_use]
pub fn header(header: &ItemHeader, told: &[u8]) -> Option<ItemHeader> {
    let told: Map<String, Value> = serde_json::from_slice(told).ok()?;
    let text = |name: &str| told.get(name).and_then(Value::as_str);
    for id in ["trace_id", "attachment_id"] {
        text(id)?.parse::<EventId>().ok()?;
    }
    let mut header = header.clone();
    header.remove(LENGTH);
    header.remove("content_type");
    for name in ["content_type", "filename"] {
        if let Some(text) = text(name) {
            header.set_text(name, text);
        }
    }
    // One that says that it is whole again would be cut twice.
    if header.content_type().as_deref() == Some(TYPE) {
        return None;
    }
    header.set(TOLD, &Value::Object(told));
    Some(header)
}

/// Parts every file of a trace from what is told of it. One where that cannot be read stays whole.
pub(super) fn take_apart(envelope: &mut Envelope) {
    for item in envelope.items.iter_mut().filter(|item| is_whole(item)) {
        let Some((told, content)) = halves(item) else {
            continue;
        };
        if let Some(header) = header(&item.header, &told) {
            (item.header, item.payload) = (header, content);
        }
    }
}

fn halves(item: &EnvelopeItem) -> Option<(Bytes, Bytes)> {
    let at = told_bytes(&item.header)?;
    (at <= item.payload.len()).then(|| (item.payload.slice(..at), item.payload.slice(at..)))
}
