//! What a person writes into the dialog of an error page, as a form.

use bytes::Bytes;
use protocol::auth::query_pairs;
use protocol::envelope::{Envelope, EnvelopeHeader};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use serde_json::json;

use super::{ReportError, json_item};

/// Longest name or address, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Longest comment, in characters.
const COMMENT_CHARS_MAX: usize = 4096;

pub(super) fn report(event_id: EventId, body: &Bytes) -> Result<Vec<Envelope>, ReportError> {
    let form = String::from_utf8_lossy(body);
    let field = |wanted: &str, chars_max: usize| {
        let pair = query_pairs(&form).find(|(name, _)| name == wanted);
        let text = pair.map(|(_, value)| value.trim().to_owned());
        text.unwrap_or_default()
            .chars()
            .take(chars_max)
            .collect::<String>()
    };
    let (name, email) = (
        field("name", NAME_CHARS_MAX),
        field("email", NAME_CHARS_MAX),
    );
    let comments = field("comments", COMMENT_CHARS_MAX);
    if comments.is_empty() {
        return Err(ReportError::Feedback("comments"));
    }
    let report = json!({
        "event_id": event_id.to_string(), "name": name, "email": email, "comments": comments,
    });
    Ok(vec![Envelope {
        header: EnvelopeHeader {
            event_id: Some(event_id),
            ..EnvelopeHeader::default()
        },
        items: vec![json_item(ItemKind::UserReport, &report)],
    }])
}
