//! A log entry, a metric or a span: its members and attributes, each of its type and within its
//! limit.
//!
//! | what | rule |
//! |---|---|
//! | `level` of logs | trace, debug, info, warn, error or fatal, or another name of one of them; else info |
//! | `severity_number` | as sent from 1 to 24, else by the level |
//! | `body`, attribute texts | 8192 characters, and 200 more before they are cut |
//! | `type` of metrics | counter, gauge, distribution or set; their value a finite number; their unit a known one |
//! | `value` of distributions | may be missing where an attribute tells how many values there were |
//! | `events`, `links` of spans | 128 of each at most, with attributes of their own |
//! | `tags`, `measurements`, `origin` of older spans | texts within 200 characters; finite numbers with a known unit |
//! | attributes | of type string, boolean, integer, double or array, with a value of it; without a type, by the value |
//! | `browser.*`, `os.*` | by the user agent that an attribute names, or of the connection where the SDK asks for it |
//! | `client.address` | of the connection where the SDK asks for it |
//! | `server.address` | by the host that OpenTelemetry names |

mod span;

use protocol::item::ItemKind;
use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use super::journal::{self, Correction, CorrectionKind, Journal, Limit, Remark};
use super::{Receipt, agent, time, transaction};

/// How long texts may be.
const TEXT: Limit = Limit::new(8192, 200);
/// Names and ids.
const NAME: Limit = Limit::new(200, 20);
/// Longest name of an attribute, in bytes.
const KEY_BYTES_MAX: usize = 200;
/// Most attributes.
const ATTRIBUTES_MAX: usize = 512;
/// Longest unit, in bytes.
const UNIT_BYTES_MAX: usize = 64;
/// The attribute of a metric that tells how many values were put together in it.
const COUNT: &str = "metric.count";

/// Names of levels with those they stand for, each with its lowest severity.
const LEVELS: &[(&str, &str, u64)] = &[
    ("trace", "trace", 1),
    ("debug", "debug", 5),
    ("info", "info", 9),
    ("log", "info", 9),
    ("notice", "info", 9),
    ("warn", "warn", 13),
    ("warning", "warn", 13),
    ("error", "error", 17),
    ("fatal", "fatal", 21),
    ("critical", "fatal", 21),
];

/// Members that are texts, as far as an entry has them.
const TEXTS: &[&str] = &[
    "name",
    "description",
    "op",
    "status",
    "trace_id",
    "span_id",
    "parent_span_id",
];

/// A normalised log entry, metric or span.
#[derive(Clone, Debug)]
pub struct NormalEntry {
    /// When it happened, or a span ended; corrected.
    pub timestamp: Timestamp,
    /// Everything but its attributes, by the names it is sent with.
    pub members: Map<String, Value>,
    /// By name, each with `value` and `type`, and `unit` where it has one.
    pub attributes: Map<String, Value>,
    /// What was not as it should be.
    pub corrections: Vec<Correction>,
    /// What was cut.
    remarks: Vec<Remark>,
    sent_meta: Value,
}

/// Why an entry is none.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum EntryError {
    /// Not an object.
    #[error("entry is no json object")]
    NoObject,
    /// A metric without a name.
    #[error("metric has no name")]
    NoName,
    /// A metric of a kind that nobody can count.
    #[error("metric is no counter, gauge, distribution or set")]
    Kind,
    /// A metric without a number.
    #[error("metric has no value that is a number")]
    NoValue,
}

impl NormalEntry {
    /// What was cut or removed, in `_meta`'s form.
    #[must_use]
    pub fn meta(&self) -> Value {
        journal::merged(self.sent_meta.clone(), &self.remarks)
    }

    /// The value of an attribute that is a text.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.get("value")?.as_str()
    }
}

/// Whether a payload is a container of one, or an entry without a container. Relays of earlier
/// versions send containers of several, which are kept as they are.
#[must_use]
pub fn is_entry(payload: &Value) -> bool {
    match payload.get("items") {
        Some(Value::Array(list)) => list.len() == 1,
        Some(_) => false,
        None => payload.is_object(),
    }
}

/// Normalises the entry of a payload for which [`is_entry`] holds.
///
/// # Errors
/// [`EntryError`] when it cannot be what its kind says.
pub fn entry(payload: &Value, receipt: &Receipt<'_>) -> Result<NormalEntry, EntryError> {
    let sent = payload.pointer("/items/0").unwrap_or(payload);
    let Value::Object(sent) = sent else {
        return Err(EntryError::NoObject);
    };
    let mut journal = Journal::default();
    let mut members = Map::new();
    for name in TEXTS {
        put_text(&mut members, sent, name, NAME, &mut journal);
    }
    match receipt.kind {
        ItemKind::Log => of_log(&mut members, sent, &mut journal),
        ItemKind::TraceMetric => of_metric(&mut members, sent, &mut journal)?,
        _ => span::read(&mut members, sent, &mut journal),
    }
    let mut attributes = attributes(sent, "", &mut journal);
    infer(&mut attributes, payload, receipt);
    let received_at = time::of_receipt(receipt, &mut journal);
    let at = ["end_timestamp", "timestamp"];
    let at = at
        .iter()
        .find_map(|name| moment(sent, "", name, &mut journal));
    let times = time::judge(at, receipt.sent_at, received_at, &mut journal);
    let start = moment(sent, "", "start_timestamp", &mut journal);
    if let Some(start) = start {
        let start = start.plus_millis(times.shift_millis);
        members.insert("start_timestamp".to_owned(), json!(start.to_rfc3339()));
        let took = times.timestamp.millis_since(start);
        if at.is_some() && took >= 0 {
            members.insert("duration_ms".to_owned(), json!(took));
        }
    }
    if !matches!(receipt.kind, ItemKind::Log | ItemKind::TraceMetric) {
        span::put_events(&mut members, sent, times.shift_millis, &mut journal);
    }
    let (corrections, remarks) = journal.into_parts();
    Ok(NormalEntry {
        timestamp: times.timestamp,
        members,
        attributes,
        corrections,
        remarks,
        sent_meta: sent_meta(payload),
    })
}

/// The remarks of earlier programs, by the names that an entry has here.
fn sent_meta(payload: &Value) -> Value {
    if payload.get("items").is_some() {
        let of_entry = payload.pointer("/_meta/items/0");
        return of_entry.cloned().unwrap_or_default();
    }
    // Older clients have the values themselves in `data`.
    let mut meta = payload.get("_meta").cloned().unwrap_or_default();
    if let Value::Object(meta) = &mut meta
        && let Some(Value::Object(of_data)) = meta.remove("data")
    {
        let of_data = of_data.into_iter();
        let named = of_data.map(|(name, note)| (name, json!({ "value": note })));
        meta.insert("attributes".to_owned(), Value::Object(named.collect()));
    }
    meta
}

/// A time that is given; what is none, or before 1970, is noted. `of` is the path of what has it.
fn moment(
    sent: &Map<String, Value>,
    of: &str,
    name: &str,
    journal: &mut Journal,
) -> Option<Timestamp> {
    let value = sent.get(name).filter(|value| !value.is_null())?;
    let read = match value {
        Value::String(text) => Timestamp::parse(text).ok(),
        other => other
            .as_f64()
            .and_then(|secs| Timestamp::from_secs_f64(secs).ok()),
    };
    let at = read.filter(|at| at.as_millis() >= 0);
    if at.is_none() {
        journal.invalid(format!("{of}{name}"), &value.to_string());
    }
    at
}

/// A text within its limit; other values than texts are noted and left out.
fn put_text(
    members: &mut Map<String, Value>,
    sent: &Map<String, Value>,
    name: &str,
    limit: Limit,
    journal: &mut Journal,
) {
    match sent.get(name) {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => {
            let mut text = text.as_str().into();
            journal.cut_text(&mut text, limit, || name.to_owned());
            members.insert(name.to_owned(), Value::from(text));
        }
        Some(other) => journal.invalid(name, &other.to_string()),
    }
}

fn of_log(members: &mut Map<String, Value>, sent: &Map<String, Value>, journal: &mut Journal) {
    put_text(members, sent, "body", TEXT, journal);
    let given = sent.get("level").and_then(Value::as_str);
    let lower = given.unwrap_or("info").to_ascii_lowercase();
    let known = LEVELS.iter().find(|(name, ..)| *name == lower);
    if known.is_none() {
        journal.invalid("level", given.unwrap_or_default());
    }
    let (level, lowest) = known.map_or(("info", 9), |(_, level, lowest)| (*level, *lowest));
    members.insert("level".to_owned(), json!(level));
    let given = sent.get("severity_number").filter(|n| !n.is_null());
    let severity = given.and_then(Value::as_u64);
    let severity = severity.filter(|n| (1..=24).contains(n));
    if let Some(given) = given.filter(|_| severity.is_none()) {
        journal.invalid("severity_number", &given.to_string());
    }
    let severity = severity.unwrap_or(lowest);
    members.insert("severity_number".to_owned(), json!(severity));
}

fn of_metric(
    members: &mut Map<String, Value>,
    sent: &Map<String, Value>,
    journal: &mut Journal,
) -> Result<(), EntryError> {
    let name = members.get("name").and_then(Value::as_str);
    if name.is_none_or(str::is_empty) {
        return Err(EntryError::NoName);
    }
    let kind = sent.get("type").and_then(Value::as_str);
    let kind = kind.filter(|kind| matches!(*kind, "counter" | "gauge" | "distribution" | "set"));
    let value = sent.get("value").and_then(Value::as_f64);
    let value = value.filter(|value| value.is_finite());
    let kind = kind.ok_or(EntryError::Kind)?;
    members.insert("type".to_owned(), json!(kind));
    match value {
        Some(value) => drop(members.insert("value".to_owned(), json!(value))),
        // A histogram without a sum has no mean, and says how many values there were all the same.
        None if kind == "distribution" && has_count(sent) => {}
        None => return Err(EntryError::NoValue),
    }
    if let Some(unit) = sent.get("unit").filter(|unit| !unit.is_null()) {
        match unit.as_str().filter(|unit| is_unit(unit)) {
            Some(unit) => drop(members.insert("unit".to_owned(), json!(unit))),
            None => journal.invalid("unit", &unit.to_string()),
        }
    }
    Ok(())
}

fn has_count(sent: &Map<String, Value>) -> bool {
    let missing = sent.get("value").is_none_or(Value::is_null);
    let attribute = sent.get("attributes").and_then(|all| all.get(COUNT));
    missing && attribute.is_some_and(|count| count.get("value").is_some_and(Value::is_u64))
}

/// A unit that is known, or what an application counts by, such as `message`.
fn is_unit(unit: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_-./%{}^*".contains(&b);
    transaction::is_unit(unit)
        || (!unit.is_empty() && unit.len() <= UNIT_BYTES_MAX && unit.bytes().all(is_word))
}

/// The attributes of an entry or of a part of it, which is at the path `of`.
fn attributes(sent: &Map<String, Value>, of: &str, journal: &mut Journal) -> Map<String, Value> {
    let mut kept = Map::new();
    let given = sent.get("attributes").or_else(|| sent.get("data"));
    let Some(Value::Object(given)) = given else {
        if let Some(other) = given.filter(|given| !given.is_null()) {
            journal.invalid(format!("{of}attributes"), &other.to_string());
        }
        return kept;
    };
    for (name, sent) in given {
        let path = || {
            let name: String = name.chars().take(200).collect();
            format!("{of}attributes.{name}")
        };
        if name.len() > KEY_BYTES_MAX {
            journal.correct(CorrectionKind::ValueTooLong, path(), None);
        } else if kept.len() == ATTRIBUTES_MAX {
            omitted(
                &format!("{of}attributes"),
                given.len(),
                ATTRIBUTES_MAX,
                journal,
            );
            break;
        } else if let Some(attribute) = attribute(sent, journal, &path) {
            kept.insert(name.clone(), attribute);
        }
    }
    kept
}

/// Notes how many of so many are beyond the most.
fn omitted(name: &str, n: usize, n_max: usize, journal: &mut Journal) {
    if n > n_max {
        let facts = json!({"omitted": n - n_max});
        journal.correct(CorrectionKind::ValueTooLong, name, Some(facts));
    }
}

/// An attribute whose value is of its type; of one that is not, nothing is kept.
fn attribute(sent: &Value, journal: &mut Journal, path: &dyn Fn() -> String) -> Option<Value> {
    let (value, kind, unit) = match sent {
        Value::Null => return None,
        Value::Object(parts) => (
            parts.get("value").filter(|value| !value.is_null())?,
            parts.get("type").and_then(Value::as_str),
            parts.get("unit").and_then(Value::as_str),
        ),
        plain => (plain, None, None),
    };
    let kind = kind.unwrap_or_else(|| kind_of(value));
    let fits = match (kind, value) {
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) | ("array", Value::Array(_)) => {
            true
        }
        ("double", Value::Number(_)) => true,
        ("integer", Value::Number(number)) => !number.is_f64(),
        _ => false,
    };
    if !fits {
        journal.invalid(path(), &value.to_string());
        return None;
    }
    let value = match value {
        Value::String(text) => {
            let mut text = text.as_str().into();
            journal.cut_text(&mut text, TEXT, path);
            Value::from(text)
        }
        Value::Array(list) => bounded(list, journal, path),
        other => other.clone(),
    };
    let mut attribute = Map::new();
    attribute.insert("value".to_owned(), value);
    attribute.insert("type".to_owned(), json!(kind));
    match unit {
        Some(unit) if is_unit(unit) => drop(attribute.insert("unit".to_owned(), json!(unit))),
        Some(unit) => journal.invalid(path() + ".unit", unit),
        None => {}
    }
    Some(Value::Object(attribute))
}

/// Lists hold plain values; what else is in one becomes its text.
fn bounded(list: &[Value], journal: &mut Journal, path: &dyn Fn() -> String) -> Value {
    const ELEMENTS_MAX: usize = 256;
    const ELEMENT_CHARS_MAX: usize = 1024;
    if list.len() > ELEMENTS_MAX {
        journal.remark(Remark {
            path: path(),
            len: list.len(),
            mark: None,
        });
    }
    let plain = |value: &Value| match value {
        Value::String(text) => {
            Value::from(text.chars().take(ELEMENT_CHARS_MAX).collect::<String>())
        }
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            Value::from(text.chars().take(ELEMENT_CHARS_MAX).collect::<String>())
        }
        other => other.clone(),
    };
    list.iter().take(ELEMENTS_MAX).map(plain).collect()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::Null | Value::Object(_) => "object",
    }
}

/// Adds what can be told and is not said.
fn infer(attributes: &mut Map<String, Value>, payload: &Value, receipt: &Receipt<'_>) {
    let asks = |name: &str| {
        let settings = payload.get("ingest_settings");
        settings.and_then(|settings| settings.get(name)) == Some(&json!("auto"))
    };
    let text = |attributes: &Map<String, Value>, name: &str| {
        let value = attributes.get(name)?.get("value")?.as_str()?;
        Some(value.to_owned())
    };
    let own = receipt.user_agent.filter(|_| asks("infer_user_agent"));
    let agent = text(attributes, "user_agent.original").or_else(|| own.map(str::to_owned));
    let mut inferred: Vec<(&str, Option<String>)> = Vec::new();
    if let Some(agent) = agent.map(|agent| agent::read(&agent)) {
        // A name that is given goes with its version, or without.
        for (name, version, thing) in [
            ("browser.name", "browser.version", agent.browser),
            ("os.name", "os.version", agent.os),
        ] {
            if let Some(thing) = thing.filter(|_| !attributes.contains_key(name)) {
                inferred.push((name, Some(thing.name)));
                inferred.push((version, thing.version));
            }
        }
    }
    let address = receipt.remote_addr.filter(|_| asks("infer_ip"));
    inferred.push(("client.address", address.map(str::to_owned)));
    inferred.push(("server.address", text(attributes, "resource.host.name")));
    for (name, value) in inferred {
        if let Some(value) = value.filter(|_| !attributes.contains_key(name)) {
            attributes.insert(name.to_owned(), json!({"value": value, "type": "string"}));
        }
    }
}
