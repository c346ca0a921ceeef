//! Spans and log records as entries of containers.

use protocol::item::ItemKind;
use serde_json::{Map, Value, json};

use super::model::{LogRecord, Span};
use super::{Entry, hex, put, put_all, seconds, value_of};
use crate::report::ReportError;

/// The flags say whether the parent is in another process, and that it is.
const PARENT_IS_REMOTE: u32 = 0x300;
/// The status code of an error.
const ERROR: i32 = 2;

impl Entry for Span {
    const KIND: ItemKind = ItemKind::Span;
    const ORIGIN: &'static str = "auto.otlp.spans";

    fn give(
        &self,
        shared: &Map<String, Value>,
        add: &mut dyn FnMut(Value) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        add(span_entry(self, shared.clone()))
    }
}

impl Entry for LogRecord {
    const KIND: ItemKind = ItemKind::Log;
    const ORIGIN: &'static str = "auto.otlp.logs";

    fn give(
        &self,
        shared: &Map<String, Value>,
        add: &mut dyn FnMut(Value) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        add(log_entry(self, shared.clone()))
    }
}

fn span_entry(span: &Span, mut attributes: Map<String, Value>) -> Value {
    let kind = match span.kind {
        1 => Some("internal"),
        2 => Some("server"),
        3 => Some("client"),
        4 => Some("producer"),
        5 => Some("consumer"),
        _ => None,
    };
    if let Some(kind) = kind {
        put(&mut attributes, "sentry.kind".to_owned(), &json!(kind));
    }
    put_all(&mut attributes, &span.attributes);
    let status = span.status.as_ref();
    let is_error = status.is_some_and(|status| status.code == ERROR);
    if let Some(message) = status.map(|s| &s.message).filter(|m| !m.is_empty()) {
        put(
            &mut attributes,
            "sentry.status.message".to_owned(),
            &json!(message),
        );
    }
    let is_root =
        span.parent_span_id.is_empty() || span.flags & PARENT_IS_REMOTE == PARENT_IS_REMOTE;
    let mut entry = json!({
        "trace_id": hex(&span.trace_id), "span_id": hex(&span.span_id), "name": span.name,
        "status": if is_error { "error" } else { "ok" }, "is_segment": is_root,
        "start_timestamp": seconds(span.start_time_unix_nano),
        "end_timestamp": seconds(span.end_time_unix_nano), "attributes": attributes,
    });
    let Some(fields) = entry.as_object_mut() else {
        return entry;
    };
    if !span.parent_span_id.is_empty() {
        fields.insert(
            "parent_span_id".to_owned(),
            json!(hex(&span.parent_span_id)),
        );
    }
    let links = span.links.iter().map(|link| {
        let mut attributes = Map::new();
        put_all(&mut attributes, &link.attributes);
        json!({"trace_id": hex(&link.trace_id), "span_id": hex(&link.span_id),
            "attributes": attributes})
    });
    let links: Vec<Value> = links.collect();
    let events = span.events.iter().map(|event| {
        let mut attributes = Map::new();
        put_all(&mut attributes, &event.attributes);
        json!({"timestamp": seconds(event.time_unix_nano), "name": event.name,
            "attributes": attributes})
    });
    let events: Vec<Value> = events.collect();
    for (name, list) in [("links", links), ("events", events)] {
        if !list.is_empty() {
            fields.insert(name.to_owned(), Value::Array(list));
        }
    }
    entry
}

fn log_entry(record: &LogRecord, mut attributes: Map<String, Value>) -> Value {
    put_all(&mut attributes, &record.attributes);
    if !record.event_name.is_empty() {
        put(
            &mut attributes,
            "event.name".to_owned(),
            &json!(record.event_name),
        );
    }
    let body = match value_of(record.body.as_ref()) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let at = match record.time_unix_nano {
        0 => record.observed_time_unix_nano,
        at => at,
    };
    let trace_id = if record.trace_id.is_empty() {
        "0".repeat(32)
    } else {
        hex(&record.trace_id)
    };
    let mut entry = json!({
        "trace_id": trace_id, "level": level(record), "body": body, "attributes": attributes,
    });
    if let Some(fields) = entry.as_object_mut() {
        if at > 0 {
            fields.insert("timestamp".to_owned(), json!(seconds(at)));
        }
        if record.severity_number > 0 {
            fields.insert("severity_number".to_owned(), json!(record.severity_number));
        }
        if !record.span_id.is_empty() {
            fields.insert("span_id".to_owned(), json!(hex(&record.span_id)));
        }
    }
    entry
}

fn level(record: &LogRecord) -> &'static str {
    match record.severity_number {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => match record.severity_text.to_ascii_lowercase().as_str() {
            "trace" => "trace",
            "debug" => "debug",
            "warn" | "warning" => "warn",
            "error" => "error",
            "fatal" | "critical" => "fatal",
            _ => "info",
        },
    }
}
