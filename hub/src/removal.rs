//! What was removed from a payload, as the notes in its `_meta` tell it, or its item's header.
//!
//! Pure. Notes come from relays, and from SDKs that remove things themselves; what only shortened a
//! value is no removal. Everything is bounded: notes are as hostile as the payload they are in.

use std::collections::BTreeMap;

use protocol::block::Item;
use protocol::item::ItemKind;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Most removals of one payload that are told apart; further ones are left out.
const REMOVALS_MAX: usize = 200;
/// Longest field and rule, in bytes.
const FIELD_BYTES_MAX: usize = 200;
const RULE_BYTES_MAX: usize = 100;
/// Where the notes of an entry's container have the entry.
const ENTRY: &str = "items.*.";
/// The field of content that is no JSON.
const CONTENT: &str = "(content)";
/// Rules that begin with this note limits, not private data.
const NOT_PRIVATE: char = '!';

/// Where something was removed, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Removal {
    /// The path within the payload, its keys joined by dots; `*` stands for any place of a list.
    pub field: String,
    /// The rule's name; those of built-in rules begin with `@`.
    pub rule: String,
}

/// How often each thing was removed.
pub type Removals = BTreeMap<Removal, u64>;

/// What the notes of a payload tell; nothing, when they cannot be read.
#[must_use]
pub fn of_notes(meta: &str) -> Removals {
    let mut removals = Removals::new();
    let Ok(root) = serde_json::from_str::<Value>(meta) else {
        return removals;
    };
    let mut left = vec![(String::new(), &root)];
    while let Some((field, node)) = left.pop() {
        let Some(node) = node.as_object() else {
            continue;
        };
        for (key, below) in node {
            if key.is_empty() {
                for rule in rules_of(below) {
                    add(&mut removals, &field, rule);
                }
            } else {
                left.push((join(&field, key), below));
            }
        }
    }
    removals
}

/// What the notes of a whole payload tell; nothing, when it is no JSON object.
#[must_use]
pub fn of_payload(payload: &[u8]) -> Removals {
    #[derive(Deserialize)]
    struct Noted<'a> {
        #[serde(borrow, rename = "_meta")]
        meta: Option<&'a RawValue>,
    }
    let noted: Option<Noted<'_>> = serde_json::from_slice(payload).ok();
    let meta = noted.and_then(|noted| noted.meta);
    meta.map(|meta| of_notes(meta.get())).unwrap_or_default()
}

/// What is told of an item that is no event: of JSON by its notes, of other content by its header.
#[must_use]
pub fn of_item(kind: &ItemKind, item: &Item) -> Removals {
    match kind {
        ItemKind::Attachment | ItemKind::ReplayRecording | ItemKind::Unknown(_) => {
            of_header(&item.header)
        }
        _ if memchr::memmem::find(&item.payload, b"\"_meta\"").is_none() => Removals::new(),
        // An entry comes in a container of its own.
        ItemKind::Log | ItemKind::Span | ItemKind::TraceMetric => {
            let removals = of_payload(&item.payload).into_iter();
            let inner = removals.map(|(mut removal, n)| {
                if let Some(field) = removal.field.strip_prefix(ENTRY) {
                    removal.field = field.to_owned();
                }
                (removal, n)
            });
            inner.collect()
        }
        _ => of_payload(&item.payload),
    }
}

/// What a relay tells in the header of content that takes no notes.
fn of_header(header: &[u8]) -> Removals {
    #[derive(Deserialize)]
    struct Told {
        /// `REMOVED_HEADER`.
        #[serde(rename = "server_removed")]
        removed: Option<BTreeMap<String, u64>>,
    }
    let told: Option<Told> = serde_json::from_slice(header).ok();
    let removed = told.and_then(|told| told.removed).unwrap_or_default();
    let removals = removed.into_iter().take(REMOVALS_MAX).map(|(rule, n)| {
        let field = CONTENT.to_owned();
        let rule = cut(&rule, RULE_BYTES_MAX);
        (Removal { field, rule }, n)
    });
    removals.collect()
}

/// What stands in `after` beyond `before`.
#[must_use]
pub fn beyond(after: &Removals, before: &Removals) -> Removals {
    let more = after.iter().filter_map(|(removal, n)| {
        let more = n.saturating_sub(before.get(removal).copied().unwrap_or_default());
        (more > 0).then(|| (removal.clone(), more))
    });
    more.collect()
}

fn rules_of(note: &Value) -> impl Iterator<Item = &str> {
    let remarks = note.get("rem").and_then(Value::as_array);
    let rules = remarks.into_iter().flatten();
    rules
        .filter_map(|remark| remark.get(0)?.as_str())
        .filter(|rule| !rule.is_empty() && !rule.starts_with(NOT_PRIVATE))
}

fn add(removals: &mut Removals, field: &str, rule: &str) {
    let removal = Removal {
        field: cut(field, FIELD_BYTES_MAX),
        rule: cut(rule, RULE_BYTES_MAX),
    };
    if removals.len() < REMOVALS_MAX || removals.contains_key(&removal) {
        *removals.entry(removal).or_default() += 1;
    }
}

fn join(field: &str, key: &str) -> String {
    let is_place = key.bytes().all(|byte| byte.is_ascii_digit());
    let key = if is_place { "*" } else { key };
    match field {
        "" => key.to_owned(),
        // What is beyond the limit is cut anyway.
        field if field.len() > FIELD_BYTES_MAX => field.to_owned(),
        field => format!("{field}.{key}"),
    }
}

fn cut(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use protocol::privacy::{CustomRules, Payload, REMOVED_HEADER, Scrubber};
    use protocol::roster::PrivacySettings;
    use serde_json::json;

    use super::*;

    fn told(removals: &Removals) -> Vec<(&str, &str, u64)> {
        let each = removals.iter();
        each.map(|(removal, n)| (removal.field.as_str(), removal.rule.as_str(), *n))
            .collect()
    }

    #[test]
    fn what_relays_removed_is_told_by_field_and_rule() {
        let event = json!({
            "message": "card 4111 1111 1111 1111",
            "extra": {"password": "geheim"},
            "breadcrumbs": [
                {"message": "Bearer abcdefghijkl1234"},
                {"message": "Bearer mnopqrstuvwx5678"},
            ],
        });
        let scrubber = Scrubber::new(&PrivacySettings::default());
        let payload = Bytes::from(event.to_string());
        let scrubbed = scrubber.scrub_json(&payload, Payload::Event).unwrap();
        assert_eq!(
            told(&of_payload(&scrubbed.payload)),
            [
                ("breadcrumbs.*.message", "@bearer", 2),
                ("extra.password", "@password:filter", 1),
                ("message", "@creditcard", 1),
            ]
        );
    }

    #[test]
    fn of_other_items_it_is_told_by_notes_or_header() {
        let scrubber = Scrubber::new(&PrivacySettings::default());
        let check =
            |kind: ItemKind, header: &Value, payload: &Value, expected: Vec<(&str, &str, u64)>| {
                let payload = Bytes::from(payload.to_string());
                let payload = scrubber
                    .scrub_json(&payload, Payload::Items)
                    .unwrap()
                    .payload;
                let header = Bytes::from(header.to_string());
                let item = Item {
                    kind: kind.name().to_owned(),
                    header,
                    payload,
                };
                assert_eq!(told(&of_item(&kind, &item)), expected);
            };
        let entry = json!({"items": [{"body": "card 4111 1111 1111 1111", "attributes": {}}]});
        let header = json!({ REMOVED_HEADER: {"@creditcard": 2, "custom": 1} });
        check(
            ItemKind::Log,
            &header,
            &entry,
            vec![("body", "@creditcard", 1)],
        );
        check(
            ItemKind::Log,
            &header,
            &json!({"items": [{"body": "nothing"}]}),
            vec![],
        );
        let session = json!({"attrs": {"password": "geheim"}});
        check(
            ItemKind::Session,
            &header,
            &session,
            vec![("attrs.password", "@password:filter", 1)],
        );
        let content = vec![("(content)", "@creditcard", 2), ("(content)", "custom", 1)];
        check(ItemKind::Attachment, &header, &session, content);
        check(
            ItemKind::Attachment,
            &json!({ REMOVED_HEADER: 7 }),
            &session,
            vec![],
        );
    }

    #[test]
    fn what_further_rules_remove_is_what_is_beyond() {
        let event = json!({
            "message": "order A-1001 of card [creditcard]",
            "_meta": {"message": {"": {"rem": [["@creditcard", "s", 21, 33]]}}},
        });
        let rules = json!({
            "rules": {"order": {"type": "pattern", "pattern": "A-[0-9]+"}},
            "applications": {"**": ["order"]},
        });
        let rules = CustomRules::compile(&[rules.to_string()], None).unwrap();
        let payload = Bytes::from(event.to_string());
        let (after, _) = rules.apply(&payload, Payload::Event).unwrap();
        let more = beyond(&of_payload(&after), &of_payload(&payload));
        assert_eq!(told(&more), [("message", "order", 1)]);
    }

    #[test]
    fn limits_are_no_removals_and_hostile_notes_are_bounded() {
        let meta = json!({"message": {"": {"rem": [["!limit", "s", 1, 2], [], 7], "len": 9}}});
        assert_eq!(of_notes(&meta.to_string()), Removals::new());
        assert_eq!(of_notes("[1"), Removals::new());
        assert_eq!(of_payload(b"\xff"), Removals::new());
        let many: serde_json::Map<String, Value> = (0..5_000)
            .map(|n| (format!("k{n}"), json!({"": {"rem": [["@ip", "s"]]}})))
            .collect();
        assert_eq!(of_notes(&json!(many).to_string()).len(), REMOVALS_MAX);
        let long = json!({"ä".repeat(900): {"": {"rem": [["r".repeat(900), "s"]]}}});
        let removals = of_notes(&long.to_string());
        let (removal, _) = removals.first_key_value().unwrap();
        assert!(removal.field.len() <= FIELD_BYTES_MAX && removal.rule.len() <= RULE_BYTES_MAX);
    }
}
