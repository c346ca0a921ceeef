//! The Unreal engine's crash container: files one after the other, packed with zlib.
//!
//! ```text
//! "CR1" text(directory) text(file) u32(bytes) u32(files)
//! files: u32(index) text(name) u32(length) data
//! text:  u32(length) bytes, filled up with zeros
//! ```
//!
//! One that is larger than may be in memory comes as a form, with a part for each of its files.

use bytes::{Buf as _, Bytes};
use protocol::envelope::{Envelope, EnvelopeHeader, EnvelopeItem};
use protocol::item::ItemKind;
use serde_json::{Map, Value, json};

use super::multipart::{self, Part};
use super::{Dump, ReportError, crash, files, minidump, unpack};

/// What a container begins with once it is unpacked.
pub const MAGIC: &[u8] = b"CR1";
/// Most files of a container.
pub const FILES_MAX: u32 = 100;
/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;
/// What the attachment is in which the engine says what it knows.
const CONTEXT: &str = "unreal.context";
/// Most texts of the crash context that become fields of the event.
const FIELDS_MAX: usize = 200;

/// The envelope of a crash container, or of the form with this boundary that was made of one.
pub(super) fn crash(
    user: Option<&str>,
    boundary: Option<&str>,
    body: &Bytes,
    dumps: impl Fn(&EnvelopeItem) -> Dump,
) -> Result<Vec<Envelope>, ReportError> {
    let parts = match boundary {
        Some(boundary) => multipart::parts(boundary, body)?,
        None => files_of(unpack::zlib(body)?)?,
    };
    let mut envelope = Envelope {
        header: EnvelopeHeader::default(),
        items: Vec::new(),
    };
    let mut told = Value::Object(Map::new());
    for part in parts {
        let kind = kind(&part);
        if kind == Some(CONTEXT) && part.length.is_none() {
            super::fields::merge(&mut told, context(&String::from_utf8_lossy(&part.data)));
        }
        envelope.items.push(files::attachment(part, kind));
    }
    if envelope.items.is_empty() {
        return Err(ReportError::Unreal("it has no files"));
    }
    if let Some(user) = user {
        super::fields::merge(&mut told, user_of(user));
    }
    crash::complete_told(&mut envelope, told, dumps);
    if !envelope.items.iter().any(|item| item.kind.makes_event()) {
        return Err(ReportError::Unreal("it has neither a dump nor a context"));
    }
    Ok(vec![envelope])
}

/// Whether a container unpacks to more than may be in memory.
pub(super) fn is_larger_inside(body: &Bytes) -> bool {
    matches!(unpack::zlib(body), Err(ReportError::UnpacksTo(_)))
}

/// The files of an unpacked container.
fn files_of(mut rest: Bytes) -> Result<Vec<Part>, ReportError> {
    if !rest.starts_with(MAGIC) {
        return Err(ReportError::Unreal("it has no header"));
    }
    rest.advance(MAGIC.len());
    text(&mut rest)?;
    text(&mut rest)?;
    number(&mut rest)?;
    let n_files = number(&mut rest)?;
    if n_files > FILES_MAX {
        return Err(ReportError::Unreal("it has too many files"));
    }
    (0..n_files).map(|_| file(&mut rest)).collect()
}

/// Puts the files of the container in an envelope's place.
pub(super) fn take_apart(envelope: &mut Envelope) {
    let is_report = |item: &EnvelopeItem| item.kind == ItemKind::UnrealReport;
    let Some(at) = envelope.items.iter().position(is_report) else {
        return;
    };
    let payload = envelope.items.get(at).map(|item| item.payload.clone());
    let made = payload.and_then(|payload| crash(None, None, &payload, |_| Dump::Here).ok());
    let Some(made) = made.and_then(|made| made.into_iter().next()) else {
        return;
    };
    let has_event = envelope
        .items
        .iter()
        .any(|item| item.kind == ItemKind::Event);
    let parts = made.items.into_iter();
    let parts = parts.filter(|item| !has_event || item.kind != ItemKind::Event);
    envelope.items.splice(at..=at, parts);
}

fn kind(part: &Part) -> Option<&'static str> {
    let name = part.filename.as_deref().unwrap_or_default();
    if part.name == minidump::FIELD {
        Some("event.minidump")
    } else if name.ends_with(".runtime-xml") {
        Some(CONTEXT)
    } else if name.ends_with(".log") {
        Some("unreal.logs")
    } else {
        None
    }
}

fn file(rest: &mut Bytes) -> Result<Part, ReportError> {
    number(rest)?;
    let name = text(rest)?;
    let len = number(rest)? as usize;
    if len > rest.len() {
        return Err(ReportError::Unreal("a file is cut off"));
    }
    let data = rest.split_to(len);
    let field = if minidump::is_minidump(&data) {
        minidump::FIELD
    } else {
        ""
    };
    Ok(Part {
        name: field.to_owned(),
        filename: Some(name),
        data,
        ..Part::default()
    })
}

fn number(rest: &mut Bytes) -> Result<u32, ReportError> {
    let number = rest.try_get_u32_le();
    number.map_err(|_| ReportError::Unreal("it is cut off"))
}

fn text(rest: &mut Bytes) -> Result<String, ReportError> {
    let len = number(rest)? as usize;
    if len > TEXT_BYTES_MAX || len > rest.len() {
        return Err(ReportError::Unreal("a text is too long"));
    }
    Ok(text_of(&rest.split_to(len)))
}

/// A text without the zeros that fill it up.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// What the engine says about the crash: the texts of a flat XML file.
fn context(xml: &str) -> Value {
    let mut fields = Map::new();
    for (name, text) in elements(xml).take(FIELDS_MAX) {
        fields.insert(name.to_owned(), Value::from(plain(text)));
    }
    let field = |name: &str| {
        let text = fields.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let mut event = Map::new();
    // What an application only ensures does not end it.
    let is_over = field("IsEnsure").as_deref() != Some("true");
    event.insert(
        "level".to_owned(),
        json!(if is_over { "fatal" } else { "error" }),
    );
    event.insert("platform".to_owned(), json!("native"));
    if let Some(message) = field("ErrorMessage") {
        let exception = json!({"values": [{
            "type": "UnrealCrash", "value": message,
            "mechanism": {"type": "unreal", "handled": false, "synthetic": true},
        }]});
        event.insert("exception".to_owned(), exception);
    }
    if let Some(version) = field("BuildVersion") {
        event.insert("tags".to_owned(), json!({"unreal.build": version}));
    }
    if let Some(user) = field("LoginId").or_else(|| field("UserName")) {
        event.insert("user".to_owned(), json!({"id": user}));
    }
    event.insert("contexts".to_owned(), json!({"unreal": fields}));
    Value::Object(event)
}

/// Elements that hold text alone, with that text.
fn elements(xml: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut pieces = xml.split('<').peekable();
    std::iter::from_fn(move || {
        loop {
            let piece = pieces.next()?;
            let Some((name, text)) = piece.split_once('>') else {
                continue;
            };
            let closes = pieces.peek().and_then(|next| next.strip_prefix('/'));
            if closes
                .and_then(|next| next.strip_prefix(name))
                .is_some_and(|end| end.starts_with('>'))
            {
                return Some((name, text));
            }
        }
    })
}

fn plain(text: &str) -> String {
    let text = text.trim().replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// `login|account|machine`: the account, else the login.
fn user_of(text: &str) -> Value {
    let mut parts = text.split('|');
    let login = parts.next().unwrap_or_default();
    let account = parts.next().filter(|account| !account.is_empty());
    let id = account.unwrap_or(login);
    if id.is_empty() {
        return Value::Object(Map::new());
    }
    json!({"user": {"id": id}})
}
