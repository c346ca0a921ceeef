//! What is known of an item that is no event, read from its body.
//!
//! An item whose body says nothing is kept with what its record says; what would be counted wrongly,
//! such as a session without its release, is none.

mod health;

use std::borrow::Cow;
use std::time::Duration;

use protocol::block::{Item, Items};
use protocol::container;
use protocol::crash::{self, Crash};
use protocol::ids::EventId;
use protocol::item::ItemKind;
use protocol::outcome::{Term, reason};
use protocol::sampling;
use protocol::timestamp::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::normalise::{self, NormalEntry, NormalTransaction, Receipt};
use crate::store::items::{Identity, Measured, NewItem};

/// Most traces of one item.
const TRACES_MAX: usize = 100;
/// Most names that are listed of one container.
const NAMES_MAX: usize = 20;
/// Longest name, and longest text of a fact, in bytes.
const TEXT_BYTES_MAX: usize = 4096;
/// Longest facts with lists and objects in them, in bytes.
const FACTS_BYTES_MAX: usize = 32 * 1024;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 200;
/// An item's own time is believed when it is at most so long before its receipt, in milliseconds.
const AGE_MILLIS_MAX: i64 = 90 * 24 * 3_600_000;
/// And at most so long after it: two clocks are never quite alike.
const AHEAD_MILLIS_MAX: i64 = 60_000;

/// How an item ends that is not kept.
pub(super) type Ending = (Term, &'static str);

/// What is known of an item, or how it ends that is of no kind that is kept, or cannot be right.
pub(super) fn known(
    items: &Items,
    item: &Item,
    kind: &ItemKind,
    receipt: &Receipt<'_>,
) -> Result<NewItem, Ending> {
    let body = Body::of(items, item, kind);
    let received = normalise::received(receipt.received_at, receipt.relay_offset_millis);
    let drift = normalise::drift(items.sent_at, received);
    let read = match kind {
        ItemKind::Attachment => body.attachment(&item.payload),
        ItemKind::UserReport => body.user_report(),
        ItemKind::Transaction => {
            let read = normalise::transaction(&item.payload, receipt);
            transaction(
                items,
                &read.map_err(|error| (Term::Invalid, error.reason()))?,
            )
        }
        ItemKind::Span | ItemKind::Log | ItemKind::TraceMetric => {
            if normalise::is_entry(&body.json) {
                let read = normalise::entry(&body.json, receipt);
                let invalid = |_| (Term::Invalid, container::invalid(kind));
                entry(&read.map_err(invalid)?)
            } else {
                body.container()
            }
        }
        ItemKind::Session => body.session(received, drift)?,
        ItemKind::Sessions => body.sessions(received, drift)?,
        ItemKind::CheckIn => body.check_in()?,
        ItemKind::Profile | ItemKind::ProfileChunk => body.profile(kind),
        ItemKind::ReplayEvent | ItemKind::ReplayRecording => body.replay(),
        // A relay sends these only when it was told to.
        ItemKind::Unknown(_) => Read::default(),
        _ => return Err((Term::Rejected, reason::UNSUPPORTED)),
    };
    let drift = if read.is_corrected { 0 } else { drift };
    let at = read.at.map(|at| at.plus_millis(drift));
    let age = at.map_or(0, |at| received.millis_since(at));
    let is_believed = (-AHEAD_MILLIS_MAX..AGE_MILLIS_MAX).contains(&age);
    Ok(NewItem {
        project: items.project,
        kind: kind.name().to_owned(),
        event_id: read.event_id.or(items.event_id),
        name: cut(&read.name, NAME_BYTES_MAX),
        identity: read.identity.map(|text| identity(kind, &text)),
        traces: read.traces,
        size: item.payload.len() as u64,
        timestamp: at.filter(|_| is_believed).unwrap_or(received),
        received_at: received,
        sample_rate: sampling::rate_of(&item.header),
        measured: measured(kind, &read.facts),
        facts: bounded(read.facts),
    })
}

/// How a transaction or a span went. Who gives up, and who says nothing, has not failed. A container
/// that an earlier relay did not cut says nothing of each.
fn measured(kind: &ItemKind, facts: &Map<String, Value>) -> Option<Measured> {
    let is_one = matches!(kind, ItemKind::Transaction | ItemKind::Span);
    let status = facts.get("status").and_then(Value::as_str);
    (is_one && !facts.contains_key("count")).then(|| Measured {
        duration_ms: facts.get("duration_ms").and_then(Value::as_f64),
        failed: !matches!(status, None | Some("ok" | "cancelled" | "unknown")),
    })
}

/// The facts as JSON; of more than a list should show only what is short.
fn bounded(mut facts: Map<String, Value>) -> String {
    let json = Value::Object(facts.clone()).to_string();
    if json.len() <= FACTS_BYTES_MAX {
        return json;
    }
    facts.retain(|_, value| !value.is_array() && !value.is_object());
    Value::Object(facts).to_string()
}

#[derive(Default)]
struct Read {
    name: String,
    event_id: Option<EventId>,
    identity: Option<String>,
    traces: Vec<[u8; 16]>,
    at: Option<Timestamp>,
    /// Whether the time is corrected for the client's clock already.
    is_corrected: bool,
    facts: Map<String, Value>,
}

struct Body<'a> {
    items: &'a Items,
    header: Value,
    json: Value,
}

impl<'a> Body<'a> {
    fn of(items: &'a Items, item: &Item, kind: &ItemKind) -> Self {
        let json = match kind {
            ItemKind::Attachment => Value::Null,
            ItemKind::ReplayRecording => {
                let line = item.payload.split(|b| *b == b'\n').next();
                serde_json::from_slice(line.unwrap_or_default()).unwrap_or_default()
            }
            _ => serde_json::from_slice(&item.payload).unwrap_or_default(),
        };
        Self {
            items,
            header: serde_json::from_slice(&item.header).unwrap_or_default(),
            json,
        }
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.json.pointer(path).and_then(Value::as_str)
    }

    /// The facts at these places, each under its name.
    fn facts(&self, places: &[(&str, &str)]) -> Map<String, Value> {
        let found = places.iter().filter_map(|(name, path)| {
            let value = match self.json.pointer(path)? {
                Value::Null => return None,
                Value::String(text) => Value::from(cut(text, TEXT_BYTES_MAX)),
                other => other.clone(),
            };
            Some(((*name).to_owned(), value))
        });
        found.collect()
    }

    fn id(&self, path: &str) -> Option<EventId> {
        self.text(path)?.parse().ok()
    }

    fn traces(&self, paths: &[&str]) -> Vec<[u8; 16]> {
        let found = paths.iter().filter_map(|path| trace_id(self.text(path)?));
        found.collect()
    }

    fn attachment(self, payload: &[u8]) -> Read {
        let header = |name: &str| self.header.get(name).and_then(Value::as_str);
        let mut facts = Map::new();
        for name in ["content_type", "attachment_type"] {
            if let Some(text) = header(name) {
                facts.insert(name.to_owned(), json!(cut(text, NAME_BYTES_MAX)));
            }
        }
        if header("attachment_type") == Some("event.minidump")
            && let Ok(crash) = crash::read(payload)
        {
            facts.extend(of_dump(&crash));
        }
        // The video of a mobile replay is one of its parts, as its metadata and recording are.
        if header("attachment_type") == Some("replay.video") {
            let replay = self.items.event_id.map(|id| id.to_string());
            let segment = self.header.get("segment_id").filter(|id| id.is_u64());
            facts.insert("replay_id".to_owned(), json!(replay));
            facts.extend(segment.map(|id| ("segment_id".to_owned(), id.clone())));
        }
        let of_trace = |name: &str| self.header.get("trace_attachment")?.get(name);
        let text = |name: &str| of_trace(name).and_then(Value::as_str);
        for name in ["trace_id", "attachment_id"] {
            if let Some(id) = text(name) {
                facts.insert(name.to_owned(), json!(cut(id, NAME_BYTES_MAX)));
            }
        }
        Read {
            name: header("filename").unwrap_or("attachment").to_owned(),
            traces: text("trace_id").and_then(trace_id).into_iter().collect(),
            at: of_trace("timestamp").and_then(time),
            facts,
            ..Read::default()
        }
    }

    fn user_report(self) -> Read {
        let facts = self.facts(&[
            ("name", "/name"),
            ("email", "/email"),
            ("comments", "/comments"),
        ]);
        Read {
            name: self.text("/name").unwrap_or_default().to_owned(),
            event_id: self.id("/event_id"),
            facts,
            ..Read::default()
        }
    }

    /// Logs, spans and metrics that an earlier relay did not cut: how many, of which names or levels, in which traces.
    fn container(self) -> Read {
        let one = std::slice::from_ref(&self.json);
        let entries = self.json.get("items").and_then(Value::as_array);
        let entries = entries.map_or(one, Vec::as_slice);
        let mut traces: Vec<[u8; 16]> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let mut levels: Map<String, Value> = Map::new();
        let mut segments = 0_u64;
        for entry in entries {
            let text = |name: &str| entry.get(name).and_then(Value::as_str);
            let trace = text("trace_id").and_then(trace_id);
            if let Some(trace) =
                trace.filter(|id| traces.len() < TRACES_MAX && !traces.contains(id))
            {
                traces.push(trace);
            }
            let name = text("name")
                .or_else(|| text("description"))
                .unwrap_or_default();
            if !name.is_empty() && names.len() < NAMES_MAX && !names.contains(&name) {
                names.push(name);
            }
            if let Some(level) = text("level").filter(|level| level.len() <= 16) {
                let n = levels.get(level).and_then(Value::as_u64).unwrap_or(0);
                if n > 0 || levels.len() < NAMES_MAX {
                    levels.insert(level.to_owned(), json!(n + 1));
                }
            }
            segments += u64::from(entry.get("is_segment") == Some(&Value::Bool(true)));
        }
        let first = entries.first();
        let at = first.and_then(|entry| {
            let times = ["timestamp", "end_timestamp", "start_timestamp"];
            times.iter().find_map(|name| entry.get(name).and_then(time))
        });
        let mut facts = Map::new();
        facts.insert("count".to_owned(), json!(entries.len()));
        let shown: Vec<String> = names.iter().map(|name| cut(name, NAME_BYTES_MAX)).collect();
        for (name, value) in [
            ("names", json!(shown)),
            ("levels", Value::Object(levels)),
            ("segments", json!(segments)),
        ] {
            let is_empty = value == json!([]) || value == json!({}) || value == json!(0);
            if !is_empty {
                facts.insert(name.to_owned(), value);
            }
        }
        Read {
            name: names
                .first()
                .map(|name| (*name).to_owned())
                .unwrap_or_default(),
            traces,
            at,
            facts,
            ..Read::default()
        }
    }

    fn profile(self, kind: &ItemKind) -> Read {
        let facts = self.facts(&[
            ("profile_id", "/profile_id"),
            ("profiler_id", "/profiler_id"),
            ("chunk_id", "/chunk_id"),
            ("platform", "/platform"),
            ("release", "/release"),
            ("environment", "/environment"),
            ("transaction", "/transaction/name"),
            ("version", "/version"),
        ]);
        let id = match kind {
            ItemKind::ProfileChunk => self.text("/chunk_id"),
            _ => self.text("/event_id").or_else(|| self.text("/profile_id")),
        };
        let name = self.text("/profiler_id").or(id).unwrap_or_default();
        Read {
            name: name.to_owned(),
            identity: id.map(str::to_owned),
            traces: self.traces(&["/transaction/trace_id", "/trace_id"]),
            at: self.json.get("timestamp").and_then(time),
            facts,
            ..Read::default()
        }
    }

    /// A replay's parts are found by its id: the envelope's, or the one in the part.
    fn replay(self) -> Read {
        let mut facts = self.facts(&[
            ("segment_id", "/segment_id"),
            ("replay_type", "/replay_type"),
            ("urls", "/urls"),
            ("error_ids", "/error_ids"),
            ("release", "/release"),
            ("environment", "/environment"),
        ]);
        let given = self
            .text("/replay_id")
            .and_then(|id| id.parse::<EventId>().ok());
        let id = given.or(self.items.event_id);
        let name = id.map(|id| id.to_string()).unwrap_or_default();
        facts.insert("replay_id".to_owned(), json!(name));
        let segment = self.json.get("segment_id").filter(|_| !name.is_empty());
        Read {
            identity: segment.map(|segment| format!("{name} {segment}")),
            name,
            event_id: id,
            traces: list(&self.json, "trace_ids")
                .filter_map(trace_id)
                .take(TRACES_MAX)
                .collect(),
            at: self.json.get("timestamp").and_then(time),
            facts,
            ..Read::default()
        }
    }
}

/// What is listed of a crash dump; short facts beside the lists, as only those are kept of much.
fn of_dump(crash: &Crash) -> Map<String, Value> {
    let hex = |address: u64| format!("{address:#x}");
    let frame = |frame: &crash::Frame| json!({"instruction_addr": hex(frame.address), "package": frame.image, "trust": frame.trust});
    let threads = crash.threads.iter().map(|thread| {
        let frames: Vec<_> = thread.frames.iter().map(frame).collect();
        json!({"id": thread.id, "crashed": thread.crashed, "frames": frames})
    });
    let images = crash.images.iter().map(|image| {
        json!({"code_file": image.file, "debug_id": image.debug_id,
            "image_addr": hex(image.address), "image_size": image.size})
    });
    let facts = [
        ("crash_reason", json!(crash.reason)),
        ("crash_address", json!(crash.address.map(hex))),
        ("os", json!(crash.os)),
        ("os_version", json!(crash.os_version)),
        ("cpu", json!(crash.cpu)),
        ("thread_count", json!(crash.n_threads)),
        ("image_count", json!(crash.n_images)),
        ("threads", threads.collect()),
        ("images", images.collect()),
    ];
    let facts = facts.map(|(name, value)| (name.to_owned(), value));
    facts.into_iter().collect()
}

/// What is listed of a transaction; its times are corrected already.
fn transaction(items: &Items, transaction: &NormalTransaction<'_>) -> Read {
    const ERRORS_MAX: usize = 20;
    let event = &transaction.event;
    let seconds = |at: Timestamp| Duration::from_millis(at.as_millis().max(0).unsigned_abs());
    let (start, end) = (seconds(transaction.start), seconds(event.timestamp));
    let text = |text: &Option<Cow<'_, str>>| text.as_deref().map(str::to_owned);
    let errors = event.corrections.iter().take(ERRORS_MAX);
    let errors = errors.map(|c| json!({"type": c.kind.name(), "name": c.path}));
    let all = json!({
        "transaction": event.transaction,
        "source": transaction.source,
        "op": transaction.op,
        "status": transaction.status,
        "trace_id": event.facts.trace_id,
        "span_id": event.facts.span_id,
        "start_timestamp": start.as_secs_f64(),
        "timestamp": end.as_secs_f64(),
        "duration_ms": event.timestamp.millis_since(transaction.start),
        "release": text(&event.release),
        "environment": text(&event.environment),
        "platform": event.platform,
        "user": event.user_key(),
        "span_count": transaction.spans.len(),
        "measurements": transaction.measurements,
        "errors": errors.collect::<Vec<_>>(),
    });
    let Value::Object(mut facts) = all else {
        return Read::default();
    };
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    facts.retain(|_, value| !is_nothing(value));
    Read {
        name: text(&event.transaction).unwrap_or_default(),
        event_id: items.event_id,
        identity: items.event_id.map(|id| id.to_string()),
        traces: event
            .facts
            .trace_id
            .as_deref()
            .and_then(trace_id)
            .into_iter()
            .collect(),
        at: Some(event.timestamp),
        is_corrected: true,
        facts,
    }
}

/// What is listed of a log entry, a metric or a span.
fn entry(entry: &NormalEntry) -> Read {
    const BODY_BYTES_MAX: usize = 1024;
    const ERRORS_MAX: usize = 20;
    let mut facts = entry.members.clone();
    if let Some(Value::String(body)) = facts.get_mut("body") {
        *body = cut(body, BODY_BYTES_MAX);
    }
    for (name, attribute) in [
        ("release", "sentry.release"),
        ("environment", "sentry.environment"),
        ("op", "sentry.op"),
        ("segment", "sentry.segment.name"),
        ("server_name", "server.address"),
    ] {
        if let Some(text) = entry
            .attribute(attribute)
            .filter(|_| !facts.contains_key(name))
        {
            facts.insert(name.to_owned(), json!(cut(text, NAME_BYTES_MAX)));
        }
    }
    let errors = entry.corrections.iter().take(ERRORS_MAX);
    let errors: Vec<_> = errors
        .map(|c| json!({"type": c.kind.name(), "name": c.path}))
        .collect();
    if !errors.is_empty() {
        facts.insert("errors".to_owned(), json!(errors));
    }
    let text = |name: &str| entry.members.get(name).and_then(Value::as_str);
    let name = text("name").or_else(|| text("body")?.lines().next());
    Read {
        name: name.unwrap_or_default().to_owned(),
        traces: text("trace_id").and_then(trace_id).into_iter().collect(),
        at: Some(entry.timestamp),
        is_corrected: true,
        facts,
        ..Read::default()
    }
}

fn list<'a>(json: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let list = json.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// Sixteen bytes; the one of zeros is none.
fn trace_id(text: &str) -> Option<[u8; 16]> {
    let id: EventId = text.parse().ok()?;
    let bytes = *id.as_bytes();
    (bytes != [0; 16]).then_some(bytes)
}

/// Unix seconds or RFC 3339.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text).ok(),
        other => Timestamp::from_secs_f64(other.as_f64()?).ok(),
    }
}

/// Items of two kinds are never the same: a replay's metadata and recording share their names.
fn identity(kind: &ItemKind, text: &str) -> Identity {
    let digest: [u8; 32] = Sha256::digest(format!("{kind} {text}")).into();
    let mut identity = [0; 16];
    for (to, from) in identity.iter_mut().zip(digest) {
        *to = from;
    }
    identity
}

fn cut(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    text.get(..end).unwrap_or_default().to_owned()
}
