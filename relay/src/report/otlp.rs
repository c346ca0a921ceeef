//! OpenTelemetry's export requests, protobuf or JSON, as containers of spans, logs and metrics.
//!
//! What a resource and a scope say is put on each entry, as it would be had the SDK sent it:
//! `resource.<name>`, `instrumentation.name`, and release and environment where the resource
//! names them.

mod lenient;
mod metrics;
mod model;
mod pieces;
mod records;
mod weight;

use bytes::Bytes;
use prost::Message;
use protocol::envelope::Envelope;
use protocol::item::ItemKind;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::container::Containers;
use super::{ENTRIES_MAX, ReportError, container};
use model::{AnyValue, KeyValue, LogRecord, Metric, Resource, Scope, Span};
use weight::Shaped;

/// Most attributes of one entry, those of its resource and scope included.
const ATTRIBUTES_MAX: usize = 256;
/// Most bytes that what resources and scopes say comes to once it is on each of their entries: of a
/// small request it could be any number of times as large.
const SHARED_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics.
    Metrics,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`.
    Json,
    /// `application/x-protobuf`.
    Proto,
}

impl Encoding {
    /// The encoding of a `Content-Type`; `None` for others.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        let mime = content_type.split(';').next().unwrap_or_default().trim();
        match mime.to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Json),
            "application/x-protobuf" | "application/protobuf" => Some(Self::Proto),
            _ => None,
        }
    }
}

/// The body of an answer that refuses an export: `google.rpc.Status`.
#[must_use]
pub fn status_body(encoding: Encoding, http_status: u16, message: &str) -> Vec<u8> {
    let code = match http_status {
        401 => 16,
        403 => 7,
        404 => 5,
        413 | 429 => 8,
        501 => 12,
        502 | 503 => 14,
        504 => 4,
        500.. => 13,
        _ => 3,
    };
    match encoding {
        Encoding::Json => json!({"code": code, "message": message})
            .to_string()
            .into_bytes(),
        Encoding::Proto => model::Status {
            code,
            message: message.to_owned(),
        }
        .encode_to_vec(),
    }
}

/// The type and the body of an answer to an export of which `n` entries are refused for good.
#[must_use]
pub fn partial_body(
    signal: Signal,
    encoding: Encoding,
    n: usize,
    message: &str,
) -> (&'static str, Vec<u8>) {
    let rejected = i64::try_from(n).unwrap_or(i64::MAX);
    let name = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
        Signal::Metrics => "rejectedDataPoints",
    };
    match encoding {
        // JSON of protobuf has whole numbers of 64 bits as texts.
        Encoding::Json => {
            let partial = json!({name: rejected.to_string(), "errorMessage": message});
            let body = json!({"partialSuccess": partial}).to_string();
            ("application/json", body.into_bytes())
        }
        Encoding::Proto => {
            let partial = model::PartialSuccess {
                rejected,
                message: message.to_owned(),
            };
            let response = model::Response {
                partial: Some(partial),
            };
            ("application/x-protobuf", response.encode_to_vec())
        }
    }
}

/// The containers of an export.
pub(super) fn export(
    signal: Signal,
    encoding: Encoding,
    body: &Bytes,
) -> Result<Vec<Envelope>, ReportError> {
    match signal {
        Signal::Traces => containers::<Span>(signal, encoding, body),
        Signal::Logs => containers::<LogRecord>(signal, encoding, body),
        Signal::Metrics => containers::<Metric>(signal, encoding, body),
    }
}

/// An entry of an export, of which entries of containers are made.
trait Entry: Shaped + Default + DeserializeOwned {
    const KIND: ItemKind;
    /// What its attribute `sentry.origin` says.
    const ORIGIN: &'static str;

    /// How many entries are made of it.
    fn n_entries(&self) -> usize {
        1
    }

    /// Gives each; `shared` is what its resource and its scope say.
    fn give(
        &self,
        shared: &Map<String, Value>,
        add: &mut dyn FnMut(Value) -> Result<(), ReportError>,
    ) -> Result<(), ReportError>;
}

fn containers<E: Entry>(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
) -> Result<Vec<Envelope>, ReportError> {
    let mut containers = Containers::new(E::KIND);
    let mut room = Room {
        bytes: SHARED_BYTES_MAX,
        entries: ENTRIES_MAX,
    };
    pieces::scopes(signal, encoding, body, &mut |resource, scope, entries| {
        let shared = shared(resource, scope, E::ORIGIN);
        let pairs = shared.iter();
        let bytes: usize = pairs
            .map(|(name, value)| name.len() + bytes_of(value))
            .sum();
        // A scope without entries is work, too.
        room.take(bytes, 0)?;
        room.check(entries.len())?;
        for entry in entries.read::<E>() {
            let entry = entry?;
            room.take(bytes, entry.n_entries())?;
            entry.give(&shared, &mut |entry| containers.add(&entry))?;
        }
        Ok(())
    })?;
    Ok(containers.close())
}

/// What is left for entries, and for the attributes that they share.
struct Room {
    bytes: usize,
    entries: usize,
}

impl Room {
    /// Takes the place of entries that each have so many bytes of attributes in common.
    fn take(&mut self, bytes: usize, n: usize) -> Result<(), ReportError> {
        self.check(n)?;
        self.entries -= n;
        let left = self.bytes.checked_sub(bytes.saturating_mul(n.max(1)));
        self.bytes = left.ok_or(ReportError::UnpacksTo(SHARED_BYTES_MAX))?;
        Ok(())
    }

    const fn check(&self, n: usize) -> Result<(), ReportError> {
        if n > self.entries {
            return Err(ReportError::TooMany(ENTRIES_MAX));
        }
        Ok(())
    }
}

/// About how long a value is.
fn bytes_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(bytes_of).sum(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| name.len() + bytes_of(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => size_of::<Value>(),
    }
}

/// Attributes that every entry of a scope has.
fn shared(resource: Option<&Resource>, scope: Option<&Scope>, origin: &str) -> Map<String, Value> {
    let mut attributes = Map::new();
    put(&mut attributes, "sentry.origin".to_owned(), &json!(origin));
    for pair in resource
        .map(|r| r.attributes.as_slice())
        .unwrap_or_default()
    {
        let value = value_of(pair.value.as_ref());
        let ours = match pair.key.as_str() {
            "service.version" => Some("sentry.release"),
            "deployment.environment.name" | "deployment.environment" => Some("sentry.environment"),
            _ => None,
        };
        if let Some(ours) = ours {
            put(&mut attributes, ours.to_owned(), &value);
        }
        put(&mut attributes, format!("resource.{}", pair.key), &value);
    }
    if let Some(scope) = scope {
        for (name, text) in [("name", &scope.name), ("version", &scope.version)] {
            if !text.is_empty() {
                put(
                    &mut attributes,
                    format!("instrumentation.{name}"),
                    &json!(text),
                );
            }
        }
    }
    attributes
}

fn put_all(attributes: &mut Map<String, Value>, pairs: &[KeyValue]) {
    for pair in pairs {
        put(attributes, pair.key.clone(), &value_of(pair.value.as_ref()));
    }
}

fn put(attributes: &mut Map<String, Value>, name: String, value: &Value) {
    if !value.is_null() && attributes.len() < ATTRIBUTES_MAX {
        attributes.insert(name, container::attribute(value));
    }
}

/// A value as JSON. Its depth is bounded by what read it.
fn value_of(value: Option<&AnyValue>) -> Value {
    let Some(value) = value else {
        return Value::Null;
    };
    if let Some(text) = &value.string_value {
        return json!(text);
    }
    if let Some(truth) = value.bool_value {
        return json!(truth);
    }
    if let Some(number) = value.int_value {
        return json!(number);
    }
    if let Some(number) = value.double_value {
        return json!(number);
    }
    if let Some(bytes) = &value.bytes_value {
        return json!(hex(bytes));
    }
    if let Some(list) = &value.array_value {
        return list
            .values
            .iter()
            .map(|value| value_of(Some(value)))
            .collect();
    }
    let pairs = value.kvlist_value.iter().flat_map(|list| &list.values);
    let fields: Map<String, Value> = pairs
        .map(|pair| (pair.key.clone(), value_of(pair.value.as_ref())))
        .collect();
    if value.kvlist_value.is_none() {
        Value::Null
    } else {
        Value::Object(fields)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Unix seconds.
#[expect(
    clippy::cast_precision_loss,
    reason = "containers hold times as fractions of seconds"
)]
fn seconds(nanos: u64) -> f64 {
    (nanos / 1000) as f64 / 1_000_000.0
}
