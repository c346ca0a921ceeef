//! The messages of OpenTelemetry's protocol, as far as they are read. One set of types for both
//! encodings: what protobuf calls `oneof` is a set of optional fields here, of which one is given.
//!
//! Numbers are those of opentelemetry-proto 1. What is around entries is read by `pieces`.
//! JSON names a field in its own way or as protobuf does; a reader takes both.

use prost::Message;
use serde::Deserialize;

use super::lenient;

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Scope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct AnyValue {
    #[prost(string, optional, tag = "1")]
    #[serde(alias = "string_value")]
    pub(super) string_value: Option<String>,
    #[prost(bool, optional, tag = "2")]
    #[serde(alias = "bool_value")]
    pub(super) bool_value: Option<bool>,
    #[prost(int64, optional, tag = "3")]
    #[serde(alias = "int_value", deserialize_with = "lenient::signed")]
    pub(super) int_value: Option<i64>,
    #[prost(double, optional, tag = "4")]
    #[serde(alias = "double_value", deserialize_with = "lenient::fraction")]
    pub(super) double_value: Option<f64>,
    #[prost(message, optional, tag = "5")]
    #[serde(alias = "array_value")]
    pub(super) array_value: Option<ArrayValue>,
    #[prost(message, optional, tag = "6")]
    #[serde(alias = "kvlist_value")]
    pub(super) kvlist_value: Option<KeyValueList>,
    #[prost(bytes = "vec", optional, tag = "7")]
    #[serde(alias = "bytes_value", deserialize_with = "lenient::base64")]
    pub(super) bytes_value: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct KeyValueList {
    #[prost(message, repeated, tag = "1")]
    pub(super) values: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Span {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(alias = "trace_id", deserialize_with = "lenient::id")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(alias = "span_id", deserialize_with = "lenient::id")]
    pub(super) span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(alias = "parent_span_id", deserialize_with = "lenient::id")]
    pub(super) parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(super) name: String,
    #[prost(int32, tag = "6")]
    #[serde(deserialize_with = "lenient::choice")]
    pub(super) kind: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(alias = "start_time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    #[serde(alias = "end_time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    pub(super) events: Vec<SpanEvent>,
    #[prost(message, repeated, tag = "13")]
    pub(super) links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    pub(super) status: Option<SpanStatus>,
    #[prost(fixed32, tag = "16")]
    #[serde(deserialize_with = "lenient::flags")]
    pub(super) flags: u32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SpanEvent {
    #[prost(fixed64, tag = "1")]
    #[serde(alias = "time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) time_unix_nano: u64,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Link {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(alias = "trace_id", deserialize_with = "lenient::id")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(alias = "span_id", deserialize_with = "lenient::id")]
    pub(super) span_id: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SpanStatus {
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "lenient::choice")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LogRecord {
    #[prost(fixed64, tag = "1")]
    #[serde(alias = "time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) time_unix_nano: u64,
    #[prost(int32, tag = "2")]
    #[serde(alias = "severity_number", deserialize_with = "lenient::choice")]
    pub(super) severity_number: i32,
    #[prost(string, tag = "3")]
    #[serde(alias = "severity_text")]
    pub(super) severity_text: String,
    #[prost(message, optional, tag = "5")]
    pub(super) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(bytes = "vec", tag = "9")]
    #[serde(alias = "trace_id", deserialize_with = "lenient::id")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    #[serde(alias = "span_id", deserialize_with = "lenient::id")]
    pub(super) span_id: Vec<u8>,
    #[prost(fixed64, tag = "11")]
    #[serde(alias = "observed_time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) observed_time_unix_nano: u64,
    #[prost(string, tag = "12")]
    #[serde(alias = "event_name")]
    pub(super) event_name: String,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metric {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "3")]
    pub(super) unit: String,
    #[prost(message, optional, tag = "5")]
    pub(super) gauge: Option<Numbers>,
    #[prost(message, optional, tag = "7")]
    pub(super) sum: Option<Numbers>,
    #[prost(message, optional, tag = "9")]
    pub(super) histogram: Option<Histogram>,
    #[prost(message, optional, tag = "10")]
    #[serde(alias = "exponential_histogram")]
    pub(super) exponential_histogram: Option<ExponentialHistogram>,
    #[prost(message, optional, tag = "11")]
    pub(super) summary: Option<Summary>,
}

/// A gauge or a sum; a gauge has neither temporality nor direction.
#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Numbers {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(super) data_points: Vec<NumberPoint>,
    #[prost(int32, tag = "2")]
    #[serde(
        alias = "aggregation_temporality",
        deserialize_with = "lenient::choice"
    )]
    pub(super) aggregation_temporality: i32,
    #[prost(bool, tag = "3")]
    #[serde(alias = "is_monotonic")]
    pub(super) is_monotonic: bool,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NumberPoint {
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) time_unix_nano: u64,
    #[prost(double, optional, tag = "4")]
    #[serde(alias = "as_double", deserialize_with = "lenient::fraction")]
    pub(super) as_double: Option<f64>,
    #[prost(sfixed64, optional, tag = "6")]
    #[serde(alias = "as_int", deserialize_with = "lenient::signed")]
    pub(super) as_int: Option<i64>,
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "lenient::flags")]
    pub(super) flags: u32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Histogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(super) data_points: Vec<HistogramPoint>,
    #[prost(int32, tag = "2")]
    #[serde(
        alias = "aggregation_temporality",
        deserialize_with = "lenient::choice"
    )]
    pub(super) aggregation_temporality: i32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HistogramPoint {
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "lenient::whole")]
    pub(super) count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "lenient::fraction")]
    pub(super) sum: Option<f64>,
    #[prost(fixed64, repeated, tag = "6")]
    #[serde(alias = "bucket_counts", deserialize_with = "lenient::numbers")]
    pub(super) bucket_counts: Vec<u64>,
    #[prost(double, repeated, tag = "7")]
    #[serde(alias = "explicit_bounds", deserialize_with = "lenient::numbers")]
    pub(super) explicit_bounds: Vec<f64>,
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(double, optional, tag = "11")]
    #[serde(deserialize_with = "lenient::fraction")]
    pub(super) min: Option<f64>,
    #[prost(double, optional, tag = "12")]
    #[serde(deserialize_with = "lenient::fraction")]
    pub(super) max: Option<f64>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "lenient::flags")]
    pub(super) flags: u32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExponentialHistogram {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(super) data_points: Vec<ExponentialPoint>,
    #[prost(int32, tag = "2")]
    #[serde(
        alias = "aggregation_temporality",
        deserialize_with = "lenient::choice"
    )]
    pub(super) aggregation_temporality: i32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ExponentialPoint {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "lenient::whole")]
    pub(super) count: u64,
    #[prost(double, optional, tag = "5")]
    #[serde(deserialize_with = "lenient::fraction")]
    pub(super) sum: Option<f64>,
    #[prost(double, optional, tag = "12")]
    #[serde(deserialize_with = "lenient::fraction")]
    pub(super) min: Option<f64>,
    #[prost(double, optional, tag = "13")]
    #[serde(deserialize_with = "lenient::fraction")]
    pub(super) max: Option<f64>,
    #[prost(uint32, tag = "10")]
    #[serde(deserialize_with = "lenient::flags")]
    pub(super) flags: u32,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    #[serde(alias = "data_points")]
    pub(super) data_points: Vec<SummaryPoint>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SummaryPoint {
    #[prost(fixed64, tag = "3")]
    #[serde(alias = "time_unix_nano", deserialize_with = "lenient::whole")]
    pub(super) time_unix_nano: u64,
    #[prost(fixed64, tag = "4")]
    #[serde(deserialize_with = "lenient::whole")]
    pub(super) count: u64,
    #[prost(double, tag = "5")]
    #[serde(deserialize_with = "lenient::plain_fraction")]
    pub(super) sum: f64,
    #[prost(message, repeated, tag = "7")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(uint32, tag = "8")]
    #[serde(deserialize_with = "lenient::flags")]
    pub(super) flags: u32,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

/// The answer to an export of any signal.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    #[prost(message, optional, tag = "1")]
    pub(super) partial: Option<PartialSuccess>,
}

/// What of an export was refused.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected: i64,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}
