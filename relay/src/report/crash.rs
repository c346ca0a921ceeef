//! Crashes whose event is made here: of files of native clients, or of nothing but the dump.

use bytes::Bytes;
use protocol::crash::{self, Crash, CrashError};
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::item::ItemKind;
use protocol::wire;
use serde_json::{Value, json};

use super::{Dump, dump, fields, minidump};

/// Most breadcrumbs that are kept of the two files.
const BREADCRUMBS_MAX: usize = 100;

/// Gives an envelope whose attachments make an event that event: files of MessagePack become the
/// event and its breadcrumbs, a crash without one is given one, and a dump says what it can of its
/// event. Others stay as they are.
pub(super) fn complete(envelope: &mut Envelope, dumps: impl Fn(&EnvelopeItem) -> Dump) {
    if envelope.items.iter().any(|item| kind_of(item).is_some()) {
        let dump = dump_of(envelope, dumps);
        complete_with(envelope, Value::Null, dump);
    }
}

/// The same with fields that were told beside.
pub(super) fn complete_told(
    envelope: &mut Envelope,
    told: Value,
    dumps: impl Fn(&EnvelopeItem) -> Dump,
) {
    let dump = dump_of(envelope, dumps);
    complete_with(envelope, told, dump);
}

fn complete_with(envelope: &mut Envelope, told: Value, dump: Option<Told>) {
    if envelope.items.iter().any(|item| item.kind.makes_event()) {
        if let Some((dump, file)) = dump {
            amend(envelope, &dump, &file);
        }
        return;
    }
    let crash = envelope.items.iter().find_map(kind_of);
    let mut event = Value::Object(serde_json::Map::new());
    let mut crumbs = Vec::new();
    envelope.items.retain(|item| match kind_of(item) {
        Some(Kind::Payload) => decoded(&item.payload).is_none_or(|read| {
            fields::merge(&mut event, read);
            false
        }),
        Some(Kind::Breadcrumbs) => {
            let read = breadcrumbs(&item.payload);
            let is_read = !read.is_empty();
            crumbs.extend(read);
            !is_read
        }
        Some(Kind::Minidump | Kind::Other) | None => true,
    });
    if told.is_object() {
        fields::merge(&mut event, told);
    }
    if !crumbs.is_empty() {
        crumbs.sort_by(|a, b| when(a).total_cmp(&when(b)));
        let first = crumbs.len().saturating_sub(BREADCRUMBS_MAX);
        fields::merge(&mut event, json!({"breadcrumbs": crumbs.split_off(first)}));
    }
    if let Some(object) = event.as_object_mut() {
        if let Some((dump, file)) = dump {
            dump::tell(object, &dump, &file);
        }
        if crash.is_some() {
            let defaults = placeholder(crash);
            for (name, value) in defaults {
                object.entry(name).or_insert(value);
            }
        }
        if !object.is_empty() {
            envelope.items.insert(0, minidump::event_item(&event));
        }
    }
}

/// What a dump says, and the name of its file.
type Told = (Result<Crash, CrashError>, String);

/// What the first dump says; none of one that came apart and was not seen.
fn dump_of(envelope: &Envelope, dumps: impl Fn(&EnvelopeItem) -> Dump) -> Option<Told> {
    let mut items = envelope.items.iter();
    let item = items.find(|item| kind_of(item) == Some(Kind::Minidump))?;
    let crash = match dumps(item) {
        Dump::Here => crash::read(&item.payload),
        Dump::Apart(seen) => Ok(seen?),
    };
    let file = item.header.text("filename").unwrap_or_default();
    Some((crash, file))
}

/// Adds what a dump says to the event that came with it. An event that cannot be read here stays
/// as it is: the hub reads more forms than are made.
fn amend(envelope: &mut Envelope, dump: &Result<Crash, CrashError>, file: &str) {
    let mut items = envelope.items.iter_mut();
    let Some(item) = items.find(|item| item.kind == ItemKind::Event) else {
        return;
    };
    if let Ok(mut event) = serde_json::from_slice(&item.payload) {
        dump::tell(&mut event, dump, file);
        item.payload = Bytes::from(Value::Object(event).to_string());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Minidump,
    Other,
    Payload,
    Breadcrumbs,
}

/// What an attachment does to its event, if anything.
fn kind_of(item: &EnvelopeItem) -> Option<Kind> {
    if item.kind != ItemKind::Attachment {
        return None;
    }
    Some(match item.header.attachment_type()?.as_str() {
        "event.minidump" => Kind::Minidump,
        "event.applecrashreport" | "playstation.prosperodump" | "nswitch.dying_message" => {
            Kind::Other
        }
        "event.payload" => Kind::Payload,
        "event.breadcrumbs" => Kind::Breadcrumbs,
        _ => return None,
    })
}

/// What is known of a crash whose dump says nothing.
fn placeholder(kind: Option<Kind>) -> Vec<(String, Value)> {
    let (ty, mechanism) = match kind {
        Some(Kind::Minidump) => ("Minidump", "minidump"),
        Some(Kind::Other) => ("Crash", "crash_report"),
        Some(Kind::Payload | Kind::Breadcrumbs) | None => return Vec::new(),
    };
    let exception = json!({"values": [{
        "type": ty, "value": "native crash",
        "mechanism": {"type": mechanism, "handled": false, "synthetic": true},
    }]});
    vec![
        ("platform".to_owned(), json!("native")),
        ("level".to_owned(), json!("fatal")),
        ("exception".to_owned(), exception),
    ]
}

/// One MessagePack value that is an object.
fn decoded(payload: &Bytes) -> Option<Value> {
    let value: Value = wire::decode_msgpack(payload).ok()?;
    value.is_object().then_some(value)
}

/// A list of breadcrumbs, or one after the other.
fn breadcrumbs(payload: &Bytes) -> Vec<Value> {
    let mut rest = payload.as_ref();
    let mut crumbs = Vec::new();
    while !rest.is_empty() && crumbs.len() < BREADCRUMBS_MAX * 2 {
        let Ok((value, after)) = wire::decode_msgpack_next::<Value>(rest) else {
            break;
        };
        match value {
            Value::Array(list) => crumbs.extend(list.into_iter().filter(Value::is_object)),
            Value::Object(_) => crumbs.push(value),
            _ => {}
        }
        rest = after;
    }
    crumbs
}

/// A breadcrumb's time, to sort by. Both forms of one client agree in their form.
fn when(crumb: &Value) -> f64 {
    match crumb.get("timestamp") {
        Some(Value::String(text)) => {
            protocol::timestamp::Timestamp::parse(text).map_or(0.0, |at| seconds(at.as_millis()))
        }
        Some(Value::Number(number)) => number.as_f64().unwrap_or_default(),
        _ => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of any date fit")]
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
