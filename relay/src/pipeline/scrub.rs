//! Takes private data out of one item, by its kind.
//!
//! | what | how |
//! |---|---|
//! | JSON kinds | by the rules for their shape; not JSON is dropped |
//! | attachments, items of unknown kinds | at equal length: private data in text is masked; then by people's rules, minidumps in their memory alone |
//! | recordings of replays | unpacked, scrubbed as JSON, packed again when something was found |
//! | MessagePack attachments of native clients | dropped: no rule reads them |
//!
//! Item headers are scrubbed too; file names hold people's names. JSON notes what was removed in `_meta`; of anything else the
//! header tells it.

use bytes::Bytes;
use protocol::block::Item;
use protocol::envelope::{EnvelopeItem, with_member};
use protocol::item::ItemKind;
use protocol::outcome::reason;
use protocol::privacy::{Hits, Payload, REMOVED_HEADER, ScrubError, Scrubber};

use super::items::bytes_max;
use super::recording::{self, Limits};
use super::trim;

const MIB: usize = 1024 * 1024;

/// The item as it is kept, or why it is not. `apart` is what was removed from its content before,
/// where that came apart from it.
pub(super) fn item(
    scrubber: &Scrubber,
    item: &EnvelopeItem,
    apart: Option<Hits>,
) -> Result<(Item, Vec<Hits>), &'static str> {
    let mut hits = Vec::from_iter(apart);
    let shape = shape(&item.kind);
    let mut payload = match shape {
        Shape::Json(shape) => json(scrubber, &item.payload, shape, &mut hits)?,
        Shape::Attachment => attachment(scrubber, item, &mut hits)?,
        Shape::Recording => recording(scrubber, item, &mut hits)?,
        Shape::Opaque => return Err(reason::UNSUPPORTED),
    };
    if payload.len() > bytes_max(&item.kind) && item.kind == ItemKind::Span {
        payload = trim::texts(&payload).ok_or(reason::TOO_LARGE)?;
    }
    if payload.len() > bytes_max(&item.kind) {
        return Err(reason::TOO_LARGE);
    }
    let removed = match shape {
        Shape::Json(_) => Hits::default(),
        Shape::Attachment | Shape::Recording | Shape::Opaque => sum(&hits),
    };
    let header = json(scrubber, &item.header_json(), Payload::Header, &mut hits)?;
    let kept = Item {
        kind: item.kind.name().to_owned(),
        // Behind the scrubbing, which would take the names of rules for what they remove.
        header: told(header, &removed),
        payload,
    };
    Ok((kept, hits))
}

fn sum(hits: &[Hits]) -> Hits {
    let mut sum = Hits::default();
    hits.iter().for_each(|hits| sum.join(hits));
    sum
}

/// A header that tells what was removed: the payload has no place for notes.
fn told(header: Bytes, removed: &Hits) -> Bytes {
    if removed.total() == 0 {
        return header;
    }
    let by_rule = removed
        .iter()
        .map(|(rule, n)| (rule.id().to_owned(), n.into()));
    let by_rule = serde_json::Value::Object(by_rule.collect());
    with_member(&header, REMOVED_HEADER, &by_rule.to_string())
}

#[derive(Clone, Copy)]
enum Shape {
    Json(Payload),
    Attachment,
    Recording,
    Opaque,
}

const fn shape(kind: &ItemKind) -> Shape {
    match kind {
        ItemKind::Event | ItemKind::Feedback | ItemKind::ReplayEvent | ItemKind::Security => {
            Shape::Json(Payload::Event)
        }
        ItemKind::Transaction => Shape::Json(Payload::Transaction),
        ItemKind::Log | ItemKind::TraceMetric | ItemKind::Span => Shape::Json(Payload::Items),
        ItemKind::RawSecurity
        | ItemKind::UserReport
        | ItemKind::Session
        | ItemKind::Sessions
        | ItemKind::ClientReport
        | ItemKind::Profile
        | ItemKind::ProfileChunk
        | ItemKind::CheckIn
        | ItemKind::MetricBuckets => Shape::Json(Payload::Json),
        ItemKind::Attachment | ItemKind::Unknown(_) => Shape::Attachment,
        ItemKind::ReplayRecording => Shape::Recording,
        ItemKind::FormData | ItemKind::UnrealReport | ItemKind::ReplayVideo => Shape::Opaque,
    }
}

fn json(
    scrubber: &Scrubber,
    payload: &Bytes,
    shape: Payload,
    hits: &mut Vec<Hits>,
) -> Result<Bytes, &'static str> {
    // Some clients close JSON with a newline too many.
    let payload = payload.slice_ref(payload.trim_ascii());
    let scrubbed = scrubber.scrub_json(&payload, shape).map_err(why)?;
    if scrubbed.changed {
        hits.push(scrubbed.hits);
    }
    Ok(scrubbed.payload)
}

const fn why(error: ScrubError) -> &'static str {
    match error {
        ScrubError::TooDeep { .. } => reason::NESTING_TOO_DEEP,
        ScrubError::NotUtf8 { .. } | ScrubError::NotJson { .. } => reason::INVALID_JSON,
        ScrubError::WrongRules => reason::PRIVACY_RULES,
    }
}

fn attachment(
    scrubber: &Scrubber,
    item: &EnvelopeItem,
    hits: &mut Vec<Hits>,
) -> Result<Bytes, &'static str> {
    let payload = &item.payload;
    match item.header.attachment_type().as_deref() {
        Some("event.payload" | "event.breadcrumbs") => return Err(reason::UNSUPPORTED),
        Some("event.view_hierarchy") => return json(scrubber, payload, Payload::Json, hits),
        _ => {}
    }
    let name = item.header.filename().unwrap_or_default();
    let is_minidump = item.header.attachment_type().as_deref() == Some("event.minidump");
    let is_minidump = is_minidump || payload.starts_with(b"MDMP");
    let scrubbed = scrubber.scrub_attachment(&name, payload, is_minidump);
    let scrubbed = scrubbed.map_err(why)?;
    if scrubbed.changed {
        hits.push(scrubbed.hits);
    }
    Ok(scrubbed.payload)
}

fn recording(
    scrubber: &Scrubber,
    item: &EnvelopeItem,
    hits: &mut Vec<Hits>,
) -> Result<Bytes, &'static str> {
    let mut found = Vec::new();
    let limits = Limits {
        packed: bytes_max(&item.kind),
        inflated: 100 * MIB,
        element: 16 * MIB,
        part: MIB,
    };
    let scrubbed = recording::scrubbed(&item.payload, limits, |part| {
        json(scrubber, part, Payload::Json, &mut found)
    });
    if !found.is_empty() {
        hits.push(sum(&found));
    }
    scrubbed
}
