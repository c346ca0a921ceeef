//! Crashes whose event is made here: of files of native clients, or of nothing but the dump.

use bytes::Bytes;
use protocol::crash::{self, Crash, CrashError};
use protocol::envelope::{Envelope, EnvelopeItem};
use protocol::item::ItemKind;
use protocol::limits::EVENT_BYTES_MAX;
use serde_json::{Map, Value, json};

use super::bounded::{Room, Unread};
use super::{Dump, apple, dump, dying_message, fields, minidump, playstation};

/// Most breadcrumbs that are kept of the two files.
const BREADCRUMBS_MAX: usize = 100;
/// The note of a file of MessagePack that cannot be read. Source: ingest specification, outcomes.
const INVALID_MSGPACK: &str = "invalid_msgpack";
/// The note of a dump that only its maker can read.
const UNREAD_PROSPERODUMP: &str = "unread_prosperodump";

/// Gives an envelope whose attachments make an event that event: files of MessagePack become the
/// event and its breadcrumbs, a crash without one is given one, and a dump says what it can of its
/// event. Others stay as they are.
pub(super) fn complete(envelope: &mut Envelope, dumps: impl Fn(&EnvelopeItem) -> Dump) {
    if envelope.items.iter().any(|item| kind_of(item).is_some()) {
        complete_told(envelope, Value::Null, dumps);
    }
}

/// The same with fields that were told beside.
pub(super) fn complete_told(
    envelope: &mut Envelope,
    told: Value,
    dumps: impl Fn(&EnvelopeItem) -> Dump,
) {
    let room = Room::new();
    let mut notes = Notes::default();
    take_dying_message(envelope, &room, &mut notes);
    note_dumps(envelope, &mut notes);
    let told_by_file = Told::of(envelope, dumps, &room);
    if envelope.items.iter().any(|item| item.kind.makes_event()) {
        if told_by_file.is_some() || !notes.0.is_empty() {
            amend(envelope, &room, |event| tell(event, told_by_file, notes));
        }
        return;
    }
    let kinds = envelope.items.iter().filter_map(kind_of);
    let defaults = kinds.map(placeholder).find(|known| !known.is_empty());
    let files = Files::take(envelope, &room, &mut notes);
    let mut event = Value::Object(files.event);
    if told.is_object() {
        fields::merge(&mut event, told);
    }
    if !files.crumbs.is_empty() {
        fields::merge(&mut event, json!({"breadcrumbs": latest(files.crumbs)}));
    }
    let Value::Object(mut event) = event else {
        return;
    };
    if event.is_empty() && defaults.is_none() {
        return;
    }
    tell(&mut event, told_by_file, notes);
    for (name, value) in defaults.into_iter().flatten() {
        event.entry(name).or_insert(value);
    }
    envelope
        .items
        .insert(0, minidump::event_item(&Value::Object(event)));
}

/// What the event's reader is told of files that cannot be read: what kind, which file, and why.
#[derive(Default)]
struct Notes(Vec<(&'static str, String, String)>);

impl Notes {
    fn add(&mut self, what: &'static str, item: &EnvelopeItem, why: &impl ToString) {
        self.0.push((what, name(item), why.to_string()));
    }
}

/// Adds to an event what a file says, and the notes.
fn tell(event: &mut Map<String, Value>, told: Option<Told>, notes: Notes) {
    match told {
        Some(Told::Dump(dump, file)) => dump::tell(event, &dump, &file),
        Some(Told::Report(Ok(report), _)) => {
            fields::add(event, report.beside);
            dump::put(event, &report.crash, &report.mechanism);
        }
        Some(Told::Report(Err(why), file)) => {
            dump::note(event, apple::INVALID, &why.to_string(), &file);
        }
        None => {}
    }
    for (what, file, why) in notes.0 {
        dump::note(event, what, &why, &file);
    }
}

fn take_dying_message(envelope: &mut Envelope, room: &Room, notes: &mut Notes) {
    let is_one = |item: &EnvelopeItem| kind_of(item) == Some(Kind::Switch);
    let Some(at) = envelope.items.iter().position(is_one) else {
        return;
    };
    let taken = dying_message::take_apart(envelope, at, room);
    if let (Err(why), Some(item)) = (taken, envelope.items.get(at)) {
        notes.add(dying_message::INVALID, item, &why);
    }
}

/// Some dumps nobody but the console's maker can read.
fn note_dumps(envelope: &Envelope, notes: &mut Notes) {
    for item in &envelope.items {
        if kind_of(item) == Some(Kind::PlayStation) {
            notes.add(
                UNREAD_PROSPERODUMP,
                item,
                &"the console's own tools read it",
            );
        }
    }
}

/// What the files of MessagePack say.
#[derive(Default)]
struct Files {
    event: Map<String, Value>,
    crumbs: Vec<Value>,
}

impl Files {
    /// Takes them out of an envelope. One of which nothing can be read stays, and is noted.
    fn take(envelope: &mut Envelope, room: &Room, notes: &mut Notes) -> Self {
        let mut files = Self::default();
        envelope.items.retain(|item| match kind_of(item) {
            Some(Kind::Payload) => !files.add_event(item, room, notes),
            Some(Kind::Breadcrumbs) => !files.add_breadcrumbs(item, room, notes),
            _ => true,
        });
        files
    }

    /// Whether there was an event in a file.
    fn add_event(&mut self, item: &EnvelopeItem, room: &Room, notes: &mut Notes) -> bool {
        match room.msgpack(&item.payload) {
            Ok(read) => {
                let mut event = Value::Object(std::mem::take(&mut self.event));
                fields::merge(&mut event, Value::Object(read));
                if let Value::Object(event) = event {
                    self.event = event;
                }
                true
            }
            Err(why) => {
                notes.add(INVALID_MSGPACK, item, &why);
                false
            }
        }
    }

    /// Whether there were breadcrumbs in a file: in a list, or one after the other.
    fn add_breadcrumbs(&mut self, item: &EnvelopeItem, room: &Room, notes: &mut Notes) -> bool {
        let n_before = self.crumbs.len();
        let mut rest = item.payload.as_ref();
        while !rest.is_empty() {
            match room.next_msgpack(rest) {
                Ok((Value::Array(list), after)) => {
                    self.crumbs
                        .extend(list.into_iter().filter(Value::is_object));
                    rest = after;
                }
                Ok((crumb, after)) => {
                    self.crumbs.extend(Some(crumb).filter(Value::is_object));
                    rest = after;
                }
                Err(why) => {
                    notes.add(INVALID_MSGPACK, item, &why);
                    break;
                }
            }
        }
        self.crumbs.len() > n_before
    }
}

/// The last of them in time.
fn latest(mut crumbs: Vec<Value>) -> Vec<Value> {
    crumbs.sort_by(|a, b| when(a).total_cmp(&when(b)));
    let first = crumbs.len().saturating_sub(BREADCRUMBS_MAX);
    crumbs.split_off(first)
}

/// What a file says of a crash, and its name.
enum Told {
    Dump(Result<Crash, CrashError>, String),
    Report(Result<apple::Report, Unread>, String),
}

impl Told {
    /// What the first dump or report says; none of one that came apart and was not seen.
    fn of(envelope: &Envelope, dumps: impl Fn(&EnvelopeItem) -> Dump, room: &Room) -> Option<Self> {
        let is_told =
            |item: &&EnvelopeItem| matches!(kind_of(item), Some(Kind::Minidump | Kind::Report));
        let item = envelope.items.iter().find(is_told)?;
        let is_report = kind_of(item) == Some(Kind::Report);
        match dumps(item) {
            Dump::Here if is_report => {
                Some(Self::Report(apple::read(&item.payload, room), name(item)))
            }
            Dump::Here => Some(Self::Dump(crash::read(&item.payload), name(item))),
            Dump::Apart(seen) => Some(Self::Dump(Ok(*seen?), name(item))),
        }
    }
}

fn name(item: &EnvelopeItem) -> String {
    item.header.filename().unwrap_or_default()
}

/// Changes the event that a crash came with. One that cannot be read here stays as it is: the hub
/// reads more forms than are made.
fn amend(envelope: &mut Envelope, room: &Room, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut items = envelope.items.iter_mut();
    let Some(item) = items.find(|item| item.kind == ItemKind::Event) else {
        return;
    };
    if let Ok(mut event) = room.json(&item.payload) {
        change(&mut event);
        let told = Value::Object(event).to_string();
        // What is too large would be refused with all that came along.
        if told.len() <= EVENT_BYTES_MAX {
            item.payload = Bytes::from(told);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Minidump,
    Report,
    PlayStation,
    Switch,
    Payload,
    Breadcrumbs,
}

/// Whether an attachment of this type is of a crash, and makes an event.
#[must_use]
pub fn is_crash(attachment_type: &str) -> bool {
    let kind = Kind::of(attachment_type);
    kind.is_some_and(|kind| !matches!(kind, Kind::Payload | Kind::Breadcrumbs))
}

impl Kind {
    fn of(attachment_type: &str) -> Option<Self> {
        Some(match attachment_type {
            "event.minidump" => Self::Minidump,
            apple::TYPE => Self::Report,
            playstation::TYPE => Self::PlayStation,
            dying_message::TYPE => Self::Switch,
            "event.payload" => Self::Payload,
            "event.breadcrumbs" => Self::Breadcrumbs,
            _ => return None,
        })
    }
}

/// What an attachment does to its event, if anything.
fn kind_of(item: &EnvelopeItem) -> Option<Kind> {
    if item.kind != ItemKind::Attachment {
        return None;
    }
    if dying_message::is_one(item) {
        return Some(Kind::Switch);
    }
    Kind::of(&item.header.attachment_type()?)
}

/// What is known of a crash whose dump says nothing.
fn placeholder(kind: Kind) -> Vec<(String, Value)> {
    let (ty, mechanism) = match kind {
        Kind::Minidump => ("Minidump", "minidump"),
        Kind::Report => ("Crash", "crash_report"),
        Kind::PlayStation => ("PlayStationCrash", "prosperodump"),
        Kind::Switch => ("SwitchCrash", "dying_message"),
        Kind::Payload | Kind::Breadcrumbs => return Vec::new(),
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
