//! Log lines of drains.

use bytes::Bytes;
use protocol::envelope::Envelope;
use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::bounded::Room;
use super::container::Containers;
use super::{ENTRIES_MAX, ENTRY_BYTES_MAX, ReportError, container, list};

const JSON: ReportError = ReportError::Json("a list or lines of log entries");
/// Most attributes of one entry.
const ATTRIBUTES_MAX: usize = 128;

/// Vercel's drain: a list, or one entry per line. They are read one at a time.
pub(super) fn vercel(body: &Bytes, at: Timestamp) -> Result<Vec<Envelope>, ReportError> {
    let is_list = body.trim_ascii_start().first() == Some(&b'[');
    let mut containers = Containers::new(ItemKind::Log);
    let mut add = |line: &RawValue| {
        if line.get().len() > ENTRY_BYTES_MAX {
            return Err(ReportError::UnpacksTo(ENTRY_BYTES_MAX));
        }
        let read = Room::new().json(line.get().as_bytes());
        containers.add(&entry(&read.map_err(|why| why.of(JSON))?, at))
    };
    if is_list {
        list::members(body, ENTRIES_MAX, JSON)?
            .into_iter()
            .try_for_each(add)?;
    } else {
        let mut lines = serde_json::Deserializer::from_slice(body).into_iter();
        lines.try_for_each(|line| add(line.map_err(|_| JSON)?))?;
    }
    Ok(containers.close())
}

fn entry(line: &Map<String, Value>, at: Timestamp) -> Value {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let level = match text("level").or_else(|| text("type")).unwrap_or("info") {
        level @ ("trace" | "debug" | "info" | "warn" | "error" | "fatal") => level,
        "warning" => "warn",
        "stderr" => "error",
        _ => "info",
    };
    let mut attributes = Map::new();
    attributes.insert(
        "sentry.origin".to_owned(),
        container::attribute(&json!("auto.log_drain.vercel")),
    );
    for (name, value) in line {
        let is_field = matches!(
            name.as_str(),
            "message" | "level" | "timestamp" | "traceId" | "spanId"
        );
        if is_field || value.is_null() || attributes.len() >= ATTRIBUTES_MAX {
            continue;
        }
        // What the proxy saw is one object deep.
        match value {
            Value::Object(inner) => {
                for (key, value) in inner.iter().filter(|(_, value)| !value.is_null()) {
                    if attributes.len() < ATTRIBUTES_MAX {
                        let name = format!("vercel.{name}.{key}");
                        attributes.insert(name, container::attribute(value));
                    }
                }
            }
            value => {
                attributes.insert(format!("vercel.{name}"), container::attribute(value));
            }
        }
    }
    let mut entry = json!({
        "level": level, "body": text("message").unwrap_or_default(),
        "trace_id": text("traceId").unwrap_or("00000000000000000000000000000000"),
        "attributes": attributes,
    });
    if let Some(fields) = entry.as_object_mut() {
        if let Some(span_id) = text("spanId") {
            fields.insert("span_id".to_owned(), json!(span_id));
        }
        let millis = line.get("timestamp").and_then(Value::as_f64);
        let timestamp = millis.map_or_else(|| json!(at.to_rfc3339()), |ms| json!(ms / 1000.0));
        fields.insert("timestamp".to_owned(), timestamp);
    }
    entry
}
