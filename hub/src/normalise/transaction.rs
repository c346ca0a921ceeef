//! A transaction: what it shares with events, its name without ids, its spans and measurements.
//!
//! Unlike an event it is refused where it cannot be right: without a beginning, an end and its
//! place in a trace there is nothing to measure.

use std::borrow::Cow;

use protocol::event::{Event, Raw};
use protocol::outcome::reason;
use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::journal::{CorrectionKind, Journal, Remark};
use super::{NormalEvent, Receipt, shape, time};

/// What names a transaction of which nobody said the name.
const UNNAMED: &str = "<unlabeled transaction>";
/// Most measurements that are no well-known ones.
const OWN_MEASUREMENTS_MAX: usize = 10;
/// Most bytes of all spans.
const SPANS_BYTES_MAX: usize = 819_200;

/// Where a name may come from.
const SOURCES: &[&str] = &[
    "custom",
    "url",
    "route",
    "view",
    "component",
    "task",
    "sanitized",
];

/// Measurements that SDKs make by themselves.
const MEASUREMENTS: &[&str] = &[
    "app_start_cold",
    "app_start_warm",
    "cls",
    "fcp",
    "fid",
    "fp",
    "frames_frozen",
    "frames_frozen_rate",
    "frames_slow",
    "frames_slow_rate",
    "frames_total",
    "inp",
    "lcp",
    "stall_count",
    "stall_longest_time",
    "stall_percentage",
    "stall_total_time",
    "time_to_full_display",
    "time_to_initial_display",
    "ttfb",
    "ttfb.requesttime",
];

const UNITS: &[&str] = &[
    "none",
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "bit",
    "byte",
    "kilobyte",
    "kibibyte",
    "megabyte",
    "mebibyte",
    "gigabyte",
    "gibibyte",
    "terabyte",
    "tebibyte",
    "petabyte",
    "pebibyte",
    "exabyte",
    "exbibyte",
    "ratio",
    "percent",
];

/// A normalised transaction.
#[derive(Clone, Debug)]
pub struct NormalTransaction<'a> {
    /// What it shares with events; its time is the end.
    pub event: NormalEvent<'a>,
    /// When it began, corrected.
    pub start: Timestamp,
    /// Where its name comes from: `route`, `url`, `sanitized` and the like, or `unknown`.
    pub source: &'static str,
    /// What kind of work it was: `http.server`.
    pub op: String,
    /// How it ended: `ok`, or `unknown`.
    pub status: String,
    /// Its spans that are whole.
    pub spans: Vec<Span>,
    /// Names, each with `value` and `unit`.
    pub measurements: Map<String, Value>,
}

/// A part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Sixteen hex digits.
    pub id: String,
    /// What kind of work it was.
    pub op: String,
    /// When it began, corrected.
    pub start: Timestamp,
    /// When it ended; with the transaction, where nobody ended it.
    pub end: Timestamp,
    /// How it ended; `deadline_exceeded` where nobody ended it.
    pub status: Option<String>,
}

/// Why a payload is no transaction.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// It cannot be read.
    #[error("payload is no transaction")]
    Unreadable(#[from] protocol::event::EventError),
    /// It lacks something, or ends before it begins.
    #[error("transaction {0}")]
    Invalid(&'static str),
    /// It is of a time that cannot be.
    #[error("transaction is too old or of the future")]
    Timestamp,
}

impl TransactionError {
    /// The ledger's word.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Invalid(_) => reason::INVALID_TRANSACTION,
            Self::Timestamp => reason::TIMESTAMP,
        }
    }
}

/// Reads and normalises a transaction.
///
/// # Errors
/// [`TransactionError`] for what cannot be measured; anything else becomes a correction.
pub fn transaction<'a>(
    payload: &'a [u8],
    receipt: &Receipt<'a>,
) -> Result<NormalTransaction<'a>, TransactionError> {
    let parsed = Event::parse(payload)?;
    let mut journal = Journal::default();
    journal.take_notes(parsed.notes, parsed.n_notes_omitted);
    let mut event = parsed.event;
    let received_at = time::received(receipt.received_at, receipt.relay_offset_millis);
    let shift = time::drift(receipt.sent_at, received_at);
    let start = event.start_timestamp.take();
    let start = start.ok_or(TransactionError::Invalid("has no beginning"))?;
    let end = event.timestamp;
    let end = end.ok_or(TransactionError::Invalid("has no end"))?;
    if end < start {
        return Err(TransactionError::Invalid("ends before it begins"));
    }
    let (start, end) = (start.plus_millis(shift), end.plus_millis(shift));
    if !time::is_believed(end, received_at) {
        return Err(TransactionError::Timestamp);
    }
    let trace = event.contexts.get("trace").map(value).unwrap_or_default();
    let source = source(&event);
    let source = clean_name(&mut event.transaction, source, &mut journal);
    let spans = spans(event.spans.take(), shift, end, &mut journal);
    let measurements = measurements(event.measurements.take(), &mut journal);
    // Read before contexts are cut, which may take from a long one what stands behind.
    let place = hex(&trace, "trace_id", 32).zip(hex(&trace, "span_id", 16));
    let (trace_id, span_id) = place.ok_or(TransactionError::Invalid("has no place in a trace"))?;
    let mut event = shape(event, payload.len(), receipt, journal);
    event.facts.trace_id = Some(trace_id);
    event.facts.span_id = Some(span_id);
    Ok(NormalTransaction {
        event,
        start,
        source,
        op: text(&trace, "op").unwrap_or_else(|| "default".to_owned()),
        status: text(&trace, "status").unwrap_or_else(|| "unknown".to_owned()),
        spans,
        measurements,
    })
}

fn value(raw: &Raw<'_>) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// An id of an object: so many hex digits.
fn hex(object: &Value, name: &str, len: usize) -> Option<String> {
    let id = object.get(name)?.as_str()?;
    let is_id = id.len() == len && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then(|| id.to_owned())
}

/// A text of an object, within the limit of names; none where it is empty.
fn text(object: &Value, name: &str) -> Option<String> {
    const CHARS_MAX: usize = 128;
    let text = object.get(name)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(CHARS_MAX).collect())
}

fn source(event: &Event<'_>) -> &'static str {
    let said = event.transaction_info.text("source");
    let known = SOURCES
        .iter()
        .find(|known| said.as_deref() == Some(**known));
    known.copied().unwrap_or("unknown")
}

/// Puts `*` for what tells one request from another, so that names can be counted.
fn clean_name(
    name: &mut Option<Cow<'_, str>>,
    source: &'static str,
    journal: &mut Journal,
) -> &'static str {
    let given = name.as_deref().unwrap_or_default().trim();
    if given.is_empty() {
        journal.correct(CorrectionKind::MissingAttribute, "transaction", None);
        *name = Some(Cow::Borrowed(UNNAMED));
        return source;
    }
    let is_url = source == "url" || (source == "unknown" && given.contains('/'));
    if !is_url {
        return source;
    }
    let path = given.split(['?', '#']).next().unwrap_or_default();
    let segments = path.split('/');
    let segments: Vec<_> = segments.map(|s| if is_id(s) { "*" } else { s }).collect();
    let cleaned = segments.join("/");
    if cleaned == given {
        return source;
    }
    journal.remark(Remark {
        path: "transaction".to_owned(),
        len: given.chars().count(),
        mark: None,
    });
    *name = Some(Cow::Owned(cleaned));
    "sanitized"
}

/// A number, a UUID, a hash.
fn is_id(segment: &str) -> bool {
    const HEX_MIN: usize = 16;
    let is_number = segment.bytes().all(|b| b.is_ascii_digit());
    let is_hex = segment.len() >= HEX_MIN
        && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        && segment.bytes().any(|b| b.is_ascii_digit());
    !segment.is_empty() && (is_number || is_hex)
}

fn spans(raw: Option<Raw<'_>>, shift: i64, end: Timestamp, journal: &mut Journal) -> Vec<Span> {
    let Some(raw) = raw else {
        return Vec::new();
    };
    let Value::Array(list) = value(&raw) else {
        journal.invalid("spans", raw.get());
        return Vec::new();
    };
    let n_sent = list.len();
    let mut left = SPANS_BYTES_MAX;
    let mut spans = Vec::with_capacity(n_sent);
    for (at, sent) in list.iter().enumerate() {
        let size = sent.to_string().len();
        let Some(room) = left.checked_sub(size) else {
            journal.remark(Remark {
                path: "spans".to_owned(),
                len: n_sent,
                mark: None,
            });
            break;
        };
        left = room;
        match span(sent, shift, end) {
            Ok(span) => spans.push(span),
            Err(field) => {
                let path = format!("spans.{at}.{field}");
                journal.correct(CorrectionKind::InvalidData, path, None);
            }
        }
    }
    spans
}

/// A span, or the field that makes it none.
fn span(sent: &Value, shift: i64, end: Timestamp) -> Result<Span, &'static str> {
    hex(sent, "trace_id", 32).ok_or("trace_id")?;
    let id = hex(sent, "span_id", 16).ok_or("span_id")?;
    let at = |name: &str| moment(sent.get(name)?).map(|at| at.plus_millis(shift));
    let start = at("start_timestamp").ok_or("start_timestamp")?;
    let ended = at("timestamp");
    let is_unfinished = ended.is_none();
    let ended = ended.unwrap_or(end);
    if ended < start {
        return Err("timestamp");
    }
    let status = if is_unfinished {
        Some("deadline_exceeded".to_owned())
    } else {
        text(sent, "status")
    };
    Ok(Span {
        id,
        op: text(sent, "op").unwrap_or_else(|| "default".to_owned()),
        start,
        end: ended,
        status,
    })
}

/// Unix seconds or RFC 3339.
fn moment(value: &Value) -> Option<Timestamp> {
    let read = match value {
        Value::String(text) => Timestamp::parse(text).ok(),
        other => Timestamp::from_secs_f64(other.as_f64()?).ok(),
    };
    // Nothing is reported of the time before 1970.
    read.filter(|at| at.as_millis() >= 0)
}

/// Whether a unit is one that measurements have.
pub(super) fn is_unit(unit: &str) -> bool {
    UNITS.contains(&unit)
}

fn measurements(raw: Option<Raw<'_>>, journal: &mut Journal) -> Map<String, Value> {
    let mut kept = Map::new();
    let Some(raw) = raw else { return kept };
    let Value::Object(sent) = value(&raw) else {
        journal.invalid("measurements", raw.get());
        return kept;
    };
    let mut own_left = OWN_MEASUREMENTS_MAX;
    for (name, sent) in sent {
        let path = || {
            format!(
                "measurements.{}",
                name.chars().take(200).collect::<String>()
            )
        };
        let is_known = MEASUREMENTS.contains(&&*name);
        let is_name = name.len() <= 100
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        let number = sent.get("value").unwrap_or(&sent).as_f64();
        let Some(number) = number.filter(|_| is_name) else {
            journal.invalid(path(), &sent.to_string());
            continue;
        };
        if !is_known && own_left == 0 {
            journal.correct(CorrectionKind::InvalidData, path(), None);
            continue;
        }
        own_left -= usize::from(!is_known);
        let unit = sent.get("unit").and_then(Value::as_str).unwrap_or("none");
        let unit = if is_unit(unit) {
            unit
        } else {
            journal.invalid(path() + ".unit", unit);
            "none"
        };
        kept.insert(name, json!({"value": number, "unit": unit}));
    }
    kept
}
