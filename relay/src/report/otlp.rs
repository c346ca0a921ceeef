//! OpenTelemetry's export requests, protobuf or JSON, as containers of spans, logs and metrics.
//!
//! What a resource and a scope say is put on each entry, as it would be had the SDK sent it:
//! `resource.<name>`, `instrumentation.name`, and release and environment where the resource
//! names them.

mod lenient;
mod metrics;
mod model;
mod records;

use bytes::Bytes;
use prost::Message;
use protocol::envelope::Envelope;
use protocol::item::ItemKind;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{ReportError, container};
use model::{AnyValue, KeyValue, LogsRequest, MetricsRequest, Resource, Scope, TracesRequest};

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
    Ok(match signal {
        Signal::Traces => {
            let request: TracesRequest = read(encoding, body)?;
            container::fill(&ItemKind::Span, records::spans(request)?.into_iter())
        }
        Signal::Logs => {
            let request: LogsRequest = read(encoding, body)?;
            container::fill(&ItemKind::Log, records::logs(request)?.into_iter())
        }
        Signal::Metrics => {
            let request: MetricsRequest = read(encoding, body)?;
            container::fill(
                &ItemKind::TraceMetric,
                metrics::points(request)?.into_iter(),
            )
        }
    })
}

fn read<T: Message + Default + DeserializeOwned>(
    encoding: Encoding,
    body: &Bytes,
) -> Result<T, ReportError> {
    match encoding {
        Encoding::Proto => T::decode(body.as_ref()).map_err(|_| ReportError::Proto),
        Encoding::Json => {
            serde_json::from_slice(body).map_err(|_| ReportError::Json("an export request"))
        }
    }
}

/// What is left for attributes that entries share.
struct Room(usize);

impl Room {
    const fn new() -> Self {
        Self(SHARED_BYTES_MAX)
    }

    /// The attributes that each of so many entries of a scope has.
    fn shared(
        &mut self,
        resource: Option<&Resource>,
        scope: Option<&Scope>,
        origin: &str,
        n_entries: usize,
    ) -> Result<Map<String, Value>, ReportError> {
        let attributes = shared(resource, scope, origin);
        let pairs = attributes.iter();
        let bytes: usize = pairs
            .map(|(name, value)| name.len() + bytes_of(value))
            .sum();
        // A scope without entries is work, too.
        let all = bytes.saturating_mul(n_entries.max(1));
        let left = self.0.checked_sub(all);
        self.0 = left.ok_or(ReportError::UnpacksTo(SHARED_BYTES_MAX))?;
        Ok(attributes)
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
