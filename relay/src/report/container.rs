//! Logs, spans and metrics in the containers that SDKs send them in.
//!
//! A container that would be too large for one payload becomes several, each in an envelope of its
//! own, since an envelope takes one of a kind.

use bytes::Bytes;
use protocol::envelope::{Envelope, EnvelopeItem, ItemHeader};
use protocol::item::ItemKind;
use serde_json::Value;

use super::{ENTRIES_MAX, ReportError, alone};

/// A container takes no further entry once it has this many bytes.
const BYTES_TARGET: usize = 1024 * 1024;
/// Most entries of a container.
const ENTRIES_OF_ONE_MAX: usize = 5_000;

/// Containers of one kind, filled one after another.
pub(super) struct Containers {
    kind: ItemKind,
    full: Vec<Envelope>,
    open: Container,
    n_entries: usize,
}

impl Containers {
    pub(super) fn new(kind: ItemKind) -> Self {
        Self {
            kind,
            full: Vec::new(),
            open: Container::default(),
            n_entries: 0,
        }
    }

    /// # Errors
    /// [`ReportError::TooMany`].
    pub(super) fn add(&mut self, entry: &Value) -> Result<(), ReportError> {
        if self.n_entries == ENTRIES_MAX {
            return Err(ReportError::TooMany(ENTRIES_MAX));
        }
        let json = entry.to_string();
        let open = &mut self.open;
        if open.n_entries == ENTRIES_OF_ONE_MAX
            || (open.n_entries > 0 && open.len(&json) > BYTES_TARGET)
        {
            self.full.push(std::mem::take(open).close(&self.kind));
        }
        self.open.add(&json);
        self.n_entries += 1;
        Ok(())
    }

    pub(super) fn close(mut self) -> Vec<Envelope> {
        if self.open.n_entries > 0 {
            self.full.push(self.open.close(&self.kind));
        }
        self.full
    }
}

#[derive(Default)]
struct Container {
    json: String,
    n_entries: usize,
}

impl Container {
    const fn len(&self, more: &str) -> usize {
        self.json.len() + more.len()
    }

    fn add(&mut self, json: &str) {
        let before = if self.n_entries == 0 {
            "{\"version\":2,\"items\":["
        } else {
            ","
        };
        self.json.push_str(before);
        self.json.push_str(json);
        self.n_entries += 1;
    }

    fn close(mut self, kind: &ItemKind) -> Envelope {
        self.json.push_str("]}");
        let mut header = ItemHeader::default();
        header.set_number("item_count", self.n_entries as u64);
        header.set_text("content_type", content_type(kind));
        alone(EnvelopeItem {
            kind: kind.clone(),
            header,
            payload: Bytes::from(self.json),
        })
    }
}

const fn content_type(kind: &ItemKind) -> &'static str {
    match kind {
        ItemKind::Log => "application/vnd.sentry.items.log+json",
        ItemKind::TraceMetric => "application/vnd.sentry.items.trace-metric+json",
        _ => "application/vnd.sentry.items.span.v2+json",
    }
}

/// An attribute as containers hold it.
pub(super) fn attribute(value: &Value) -> Value {
    let kind = match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::String(_) | Value::Null | Value::Object(_) => "string",
    };
    let value = match value {
        Value::Object(_) => Value::from(value.to_string()),
        other => other.clone(),
    };
    serde_json::json!({"value": value, "type": kind})
}
