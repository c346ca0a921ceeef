//! What only spans have: links, events, and what older clients tell of them.

use serde_json::{Map, Value, json};

use super::{KEY_BYTES_MAX, NAME, attributes, is_unit, moment, omitted, put_text};
use crate::normalise::journal::{CorrectionKind, Journal};

/// Most events and most links of one span.
const PARTS_MAX: usize = 128;
/// Most tags and most measurements of one span.
const FACTS_MAX: usize = 200;

/// Adds what only spans have, but for their events.
pub(super) fn read(
    members: &mut Map<String, Value>,
    sent: &Map<String, Value>,
    journal: &mut Journal,
) {
    // Older clients have a description and an operation in their places.
    if !members.contains_key("name")
        && let Some(name) = members.remove("description")
    {
        members.insert("name".to_owned(), name);
    }
    if let Some(is_segment) = sent.get("is_segment").filter(|flag| flag.is_boolean()) {
        members.insert("is_segment".to_owned(), is_segment.clone());
    }
    put_text(members, sent, "origin", NAME, journal);
    put_links(members, sent, journal);
    put_tags(members, sent, journal);
    put_measurements(members, sent, journal);
}

/// The parts of a list that are kept, with their numbers; what is beyond is noted.
fn parts<'a>(
    sent: &'a Map<String, Value>,
    name: &str,
    journal: &mut Journal,
) -> Vec<(usize, &'a Map<String, Value>)> {
    let list = match sent.get(name) {
        Some(Value::Array(list)) => list.as_slice(),
        None | Some(Value::Null) => &[],
        Some(other) => {
            journal.invalid(name, &other.to_string());
            &[]
        }
    };
    omitted(name, list.len(), PARTS_MAX, journal);
    let mut kept = Vec::new();
    for (at, part) in list.iter().enumerate().take(PARTS_MAX) {
        match part {
            Value::Object(part) => kept.push((at, part)),
            other => journal.invalid(format!("{name}.{at}"), &other.to_string()),
        }
    }
    kept
}

/// What a span is bound to.
fn put_links(members: &mut Map<String, Value>, sent: &Map<String, Value>, journal: &mut Journal) {
    let mut links = Vec::new();
    for (at, part) in parts(sent, "links", journal) {
        let id = |name: &str| part.get(name).and_then(Value::as_str).map(short);
        let attributes = attributes(part, &format!("links.{at}."), journal);
        let mut link = json!({"trace_id": id("trace_id"), "span_id": id("span_id")});
        if let Some(link) = link.as_object_mut().filter(|_| !attributes.is_empty()) {
            link.insert("attributes".to_owned(), Value::Object(attributes));
        }
        links.push(link);
    }
    if !links.is_empty() {
        members.insert("links".to_owned(), Value::Array(links));
    }
}

/// Adds what happened within a span: OpenTelemetry tells exceptions so.
pub(super) fn put_events(
    members: &mut Map<String, Value>,
    sent: &Map<String, Value>,
    shift_millis: i64,
    journal: &mut Journal,
) {
    let mut events = Vec::new();
    for (at, part) in parts(sent, "events", journal) {
        let path = format!("events.{at}.");
        let mut event = Map::new();
        if let Some(name) = part.get("name").and_then(Value::as_str) {
            let mut name = name.into();
            journal.cut_text(&mut name, NAME, || format!("{path}name"));
            event.insert("name".to_owned(), Value::from(name));
        }
        if let Some(at) = moment(part, &path, "timestamp", journal) {
            let at = at.plus_millis(shift_millis);
            event.insert("timestamp".to_owned(), json!(at.to_rfc3339()));
        }
        let attributes = attributes(part, &path, journal);
        event.insert("attributes".to_owned(), Value::Object(attributes));
        events.push(Value::Object(event));
    }
    if !events.is_empty() {
        members.insert("events".to_owned(), Value::Array(events));
    }
}

/// Texts, and what has one that is short.
fn put_tags(members: &mut Map<String, Value>, sent: &Map<String, Value>, journal: &mut Journal) {
    let mut tags = Map::new();
    for (name, value) in object(sent, "tags", journal) {
        let path = || format!("tags.{}", short(name));
        let mut text = match value {
            Value::Null => continue,
            Value::String(text) => text.as_str().into(),
            Value::Bool(_) | Value::Number(_) => value.to_string().into(),
            Value::Array(_) | Value::Object(_) => {
                journal.invalid(path(), &value.to_string());
                continue;
            }
        };
        if name.len() > KEY_BYTES_MAX {
            journal.correct(CorrectionKind::ValueTooLong, path(), None);
            continue;
        }
        journal.cut_text(&mut text, NAME, path);
        tags.insert(name.clone(), Value::from(text));
    }
    if !tags.is_empty() {
        members.insert("tags".to_owned(), Value::Object(tags));
    }
}

/// Numbers, each with its unit where it has one.
fn put_measurements(
    members: &mut Map<String, Value>,
    sent: &Map<String, Value>,
    journal: &mut Journal,
) {
    let mut kept = Map::new();
    for (name, sent) in object(sent, "measurements", journal) {
        let path = || format!("measurements.{}", short(name));
        let value = sent.get("value").and_then(Value::as_f64);
        let Some(value) = value.filter(|_| name.len() <= KEY_BYTES_MAX) else {
            journal.invalid(path(), &sent.to_string());
            continue;
        };
        let mut measurement = json!({ "value": value });
        match (
            sent.get("unit").and_then(Value::as_str),
            measurement.as_object_mut(),
        ) {
            (Some(unit), Some(fields)) if is_unit(unit) => {
                fields.insert("unit".to_owned(), json!(unit));
            }
            (Some(unit), _) => journal.invalid(path() + ".unit", unit),
            (None, _) => {}
        }
        kept.insert(name.clone(), measurement);
    }
    if !kept.is_empty() {
        members.insert("measurements".to_owned(), Value::Object(kept));
    }
}

/// The first members of an object; what is none is noted, and so is what is beyond.
fn object<'a>(
    sent: &'a Map<String, Value>,
    name: &str,
    journal: &mut Journal,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let given = sent.get(name).filter(|given| !given.is_null());
    if let Some(other) = given.filter(|given| !given.is_object()) {
        journal.invalid(name, &other.to_string());
    }
    let given = given.and_then(Value::as_object);
    omitted(name, given.map_or(0, Map::len), FACTS_MAX, journal);
    given.into_iter().flatten().take(FACTS_MAX)
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
