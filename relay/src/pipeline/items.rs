//! Which items of an envelope are wanted, and the event's id.

use bytes::Bytes;
use protocol::container;
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::limits::SPAN_BYTES_MAX;
use protocol::outcome::reason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Refusal, parts, reference};
use crate::report;

/// Largest payload that is kept in one record, in bytes: it must fit a block even when nothing can
/// be compressed away. What may be larger travels in parts.
pub(super) const PAYLOAD_BYTES_MAX: usize = 3 * 1024 * 1024 + 512 * 1024;

/// The kind by which Sentry's relays hand on what is no envelope yet; no client may send it.
const INTERNAL_KIND: &str = "integration";

/// An item and, when it is of no use, why.
pub(super) struct Wanted<'a> {
    pub(super) item: &'a EnvelopeItem,
    pub(super) drop: Option<&'static str>,
}

/// Refuses an envelope with too much of one kind, or with two roots: an event, a transaction and
/// a security report share the envelope's one event id.
pub(super) fn check_budgets(envelope: &Envelope) -> Result<(), Refusal> {
    let mut n_roots = 0;
    let mut sums: Vec<(&ItemKind, usize, usize)> = Vec::new();
    for item in &envelope.items {
        let kind = &item.kind;
        n_roots += usize::from(is_root(kind));
        if matches!(kind, ItemKind::Unknown(name) if name == INTERNAL_KIND) {
            return Err(Refusal::Internal);
        }
        let length = reference::length(item);
        let (n_items, n_bytes) = match sums.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, n_items, n_bytes)) => {
                *n_items += 1;
                *n_bytes = n_bytes.saturating_add(length);
                (*n_items, *n_bytes)
            }
            None => {
                sums.push((kind, 1, length));
                (1, length)
            }
        };
        let budget = kind.budget();
        if n_roots > 1 || n_items > budget.items_max || n_bytes > budget.bytes_max {
            return Err(Refusal::Budget {
                kind: kind.name().to_owned(),
                items_max: budget.items_max,
                bytes_max: budget.bytes_max,
            });
        }
    }
    Ok(())
}

/// Whether an item of a kind takes the event id of its envelope.
pub(super) const fn is_root(kind: &ItemKind) -> bool {
    matches!(
        kind,
        ItemKind::Event | ItemKind::Transaction | ItemKind::Security | ItemKind::RawSecurity
    )
}

/// The items in order. Those that make the event come first where it matters: an attachment
/// follows its event's fate, wherever it stands.
pub(super) fn wanted(envelope: &Envelope, keep_unknown: bool) -> Vec<Wanted<'_>> {
    let mut has_check_in = false;
    let mut wanted: Vec<_> = envelope
        .items
        .iter()
        .map(|item| {
            let second = has_check_in && item.kind == ItemKind::CheckIn;
            has_check_in |= item.kind == ItemKind::CheckIn;
            let drop = if second {
                Some(reason::DUPLICATE_ITEM)
            } else {
                useless(item, keep_unknown)
            };
            Wanted { item, drop }
        })
        .collect();
    wanted.sort_by_key(|wanted| !wanted.item.kind.makes_event());
    wanted
}

/// Why an item of this kind and size is not kept, if so.
fn useless(item: &EnvelopeItem, keep_unknown: bool) -> Option<&'static str> {
    match &item.kind {
        // Metrics of retired kinds, and containers that cannot be scrubbed.
        ItemKind::Unknown(name) if matches!(name.as_str(), "statsd" | "metric_meta") => {
            Some(reason::UNSUPPORTED)
        }
        ItemKind::Unknown(_) if !keep_unknown => Some(reason::UNKNOWN_ITEM),
        // Those that are right were taken apart before.
        ItemKind::ReplayVideo => Some(reason::INVALID_REPLAY_VIDEO),
        ItemKind::UnrealReport => Some(reason::INVALID_UNREAL),
        ItemKind::Attachment if report::trace_file::is_whole(item) => {
            Some(reason::INVALID_TRACE_ATTACHMENT)
        }
        ItemKind::MetricBuckets | ItemKind::FormData => Some(reason::UNSUPPORTED),
        ItemKind::RawSecurity if report::is_withdrawn(&item.payload) => {
            Some(reason::SECURITY_REPORT_TYPE)
        }
        _ if item.payload.len() > sent_bytes_max(&item.kind) => Some(reason::TOO_LARGE),
        _ => None,
    }
}

/// Largest payload of a kind as it comes, in bytes: the texts of spans are cut where they are long.
fn sent_bytes_max(kind: &ItemKind) -> usize {
    match kind {
        ItemKind::Span => SPAN_BYTES_MAX,
        _ => bytes_max(kind),
    }
}

/// Largest payload of a kind, in bytes; of kinds that came in containers, of one entry.
pub(super) fn bytes_max(kind: &ItemKind) -> usize {
    if parts::may_be_cut(kind) {
        return kind.budget().bytes_max;
    }
    container::entry_bytes_max(kind).map_or(PAYLOAD_BYTES_MAX, |max| max.min(PAYLOAD_BYTES_MAX))
}

/// The header's id, else the payload's, else a random one; none when there is no event.
pub(super) fn event_id(envelope: &Envelope) -> Option<EventId> {
    if envelope.header.event_id.is_some() {
        return envelope.header.event_id;
    }
    let item = envelope.items.iter().find(|item| makes_event(item))?;
    let given = Peek::at(&item.payload).and_then(|peek| peek.event_id());
    Some(given.unwrap_or_else(random_id))
}

/// Whether the application wishes that no address is taken from the connection: a setting of its
/// SDK that lies somewhere in the payload. It is searched, not parsed; a text that merely looks
/// like it costs an address.
pub(super) fn hides_address(envelope: &Envelope) -> bool {
    const NAME: &[u8] = b"\"infer_ip\"";
    let says_never = |payload: &Bytes| {
        memchr::memmem::find_iter(payload, NAME).any(|at| {
            let value = payload.get(at + NAME.len()..).unwrap_or_default();
            let value = value.trim_ascii_start().strip_prefix(b":");
            value.is_some_and(|value| value.trim_ascii_start().starts_with(b"\"never\""))
        })
    };
    let in_header = envelope.header.sdk.as_ref().is_some_and(says_never);
    let reads_settings = |item: &&EnvelopeItem| item.kind != ItemKind::Attachment;
    let mut items = envelope.items.iter().filter(reads_settings);
    in_header || items.any(|item| says_never(&item.payload))
}

fn makes_event(item: &EnvelopeItem) -> bool {
    let is_crash = || {
        let kind = item.header.attachment_type();
        kind.is_some_and(|kind| report::is_crash(&kind))
    };
    item.kind.makes_event() || (item.kind == ItemKind::Attachment && is_crash())
}

pub(super) fn random_id() -> EventId {
    EventId::from_bytes(uuid::Uuid::new_v4().into_bytes())
}

/// The two fields of an event that are needed before it is scrubbed.
#[derive(Deserialize)]
pub(super) struct Peek<'a> {
    #[serde(borrow, default)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
}

impl<'a> Peek<'a> {
    pub(super) fn at(payload: &'a Bytes) -> Option<Self> {
        // A list would be read field by field.
        payload.trim_ascii_start().first().filter(|b| **b == b'{')?;
        serde_json::from_slice(payload).ok()
    }

    /// `None` when there is none or it is malformed.
    pub(super) fn event_id(&self) -> Option<EventId> {
        self.text(self.event_id)?.parse().ok()
    }

    /// There is a text that should be an id and is none.
    pub(super) fn has_bad_event_id(&self) -> bool {
        let text = self.text(self.event_id);
        text.is_some_and(|text| !text.is_empty() && text.parse::<EventId>().is_err())
    }

    pub(super) fn is_transaction(&self) -> bool {
        self.text(self.kind).as_deref() == Some("transaction")
    }

    fn text(&self, raw: Option<&RawValue>) -> Option<String> {
        serde_json::from_str(raw?.get()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(text: &str) -> Envelope {
        Envelope::parse(&Bytes::from(text.to_owned())).unwrap()
    }

    #[test]
    fn the_headers_id_comes_first_then_the_payloads_then_a_random_one() {
        let payload = "{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\",\"x\":{\"event_id\":1}}";
        let text = format!("{{}}\n{{\"type\":\"event\"}}\n{payload}");
        let id = event_id(&envelope(&text)).unwrap().to_string();
        assert_eq!(id, "9ec79c33ec9942ab8353589fcb2e04dc");
        let header = "{\"event_id\":\"11111111111111111111111111111111\"}";
        let text = format!("{header}\n{{\"type\":\"event\"}}\n{payload}");
        let id = event_id(&envelope(&text)).unwrap().to_string();
        assert_eq!(id, "11111111111111111111111111111111");
        for payload in ["{}", "[", "{\"event_id\":7}", "{\"event_id\":\"x\"}"] {
            let text = format!("{{}}\n{{\"type\":\"event\"}}\n{payload}");
            assert!(event_id(&envelope(&text)).is_some(), "{payload}");
        }
        assert_eq!(event_id(&envelope("{}\n{\"type\":\"session\"}\n{}")), None);
        let crash = "{}\n{\"type\":\"attachment\",\"attachment_type\":\"event.minidump\"}\nx";
        assert!(event_id(&envelope(crash)).is_some());
    }

    #[test]
    fn an_application_may_hide_its_users_addresses() {
        let check = |payload: &str, expected: bool| {
            let text = format!("{{}}\n{{\"type\":\"event\"}}\n{payload}");
            assert_eq!(hides_address(&envelope(&text)), expected, "{payload}");
        };
        check("{\"sdk\":{\"settings\":{\"infer_ip\":\"never\"}}}", true);
        check("{\"sdk\":{\"settings\":{\"infer_ip\" : \"never\"}}}", true);
        check("{\"sdk\":{\"settings\":{\"infer_ip\":\"auto\"}}}", false);
        check("{\"infer_ip\"", false);
        check("{}", false);
        let header = "{\"sdk\":{\"settings\":{\"infer_ip\":\"never\"}}}\n";
        assert!(hides_address(&envelope(header)));
    }

    #[test]
    fn every_kind_has_its_own_budget_and_roots_share_one() {
        let check = |kinds: &[&str], fits: bool| {
            let items: String = kinds
                .iter()
                .map(|kind| format!("{{\"type\":\"{kind}\"}}\n{{}}\n"))
                .collect();
            let found = check_budgets(&envelope(&format!("{{}}\n{items}")));
            assert_eq!(found.is_ok(), fits, "{kinds:?}");
        };
        check(&["event", "feedback", "replay_event", "attachment"], true);
        check(&["event", "event"], false);
        check(&["event", "transaction"], false);
        check(&["feedback", "feedback"], false);
        check(&["session"; 100], true);
        check(&["session"; 101], false);
        check(&["check_in", "check_in"], true);
        check(&["log", "log"], false);
        check(&["x_future"; 500], true);
        check(&["event", "integration"], false);
    }

    #[test]
    fn drops_what_is_of_no_use_with_a_reason() {
        let kinds = [
            ("event", None),
            ("x_future", Some(reason::UNKNOWN_ITEM)),
            ("statsd", Some(reason::UNSUPPORTED)),
            ("check_in", None),
            ("check_in", Some(reason::DUPLICATE_ITEM)),
        ];
        let items: String = kinds
            .iter()
            .map(|(kind, _)| format!("{{\"type\":\"{kind}\"}}\n{{}}\n"))
            .collect();
        let envelope = envelope(&format!("{{}}\n{items}"));
        let found = wanted(&envelope, false);
        let found: Vec<_> = found.iter().map(|w| (w.item.kind.name(), w.drop)).collect();
        assert_eq!(found, kinds);
        let kept = wanted(&envelope, true);
        assert!(
            kept.iter()
                .any(|w| w.item.kind.name() == "x_future" && w.drop.is_none())
        );
    }
}
