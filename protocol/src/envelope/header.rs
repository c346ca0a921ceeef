//! The header lines: what is known is read, everything is kept.

use std::fmt;

use bytes::Bytes;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::EnvelopeError;
use crate::dsn::Dsn;
use crate::ids::EventId;
use crate::item::ItemKind;
use crate::limits::{HEADER_KEYS_MAX, ITEM_TYPE_BYTES_MAX};
use crate::timestamp::Timestamp;

/// The first line of an envelope. Values that are not understood here are JSON texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvelopeHeader {
    /// The id of the event in it.
    pub event_id: Option<EventId>,
    /// The address it was meant for; the credentials of tunnelled envelopes.
    pub dsn: Option<Dsn>,
    /// When the client sent it, by the client's clock.
    pub sent_at: Option<Timestamp>,
    /// The client's name, version and parts: a JSON object.
    pub sdk: Option<Bytes>,
    /// The trace it belongs to: a JSON object.
    pub trace: Option<Bytes>,
    /// Every other key with its JSON text, in order.
    pub other: Vec<(String, Bytes)>,
}

/// An item's header without `type` and `length`: keys with their JSON texts, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemHeader(Vec<(String, Bytes)>);

/// An item's first line, read.
pub(super) struct ParsedItem {
    pub(super) kind: ItemKind,
    pub(super) length: Option<u64>,
    pub(super) header: ItemHeader,
}

impl EnvelopeHeader {
    pub(super) fn parse(line: &Bytes) -> Result<Self, EnvelopeError> {
        let mut header = Self::default();
        for (name, value) in object(line).ok_or(EnvelopeError::Header)? {
            if value.as_ref() == b"null" {
                continue;
            }
            match name.as_str() {
                "event_id" => header.event_id = event_id(&value)?,
                "dsn" => header.dsn = Some(dsn(&value)?),
                "sent_at" => header.sent_at = timestamp(&value),
                "sdk" => header.sdk = Some(value).filter(is_object),
                "trace" => header.trace = Some(value).filter(is_object),
                _ => header.other.push((name, value)),
            }
        }
        Ok(header)
    }
}

pub(super) fn parse_item(line: &Bytes, item: usize) -> Result<ParsedItem, EnvelopeError> {
    let mut kind = None;
    let mut length = None;
    let mut header = Vec::new();
    for (name, value) in object(line).ok_or(EnvelopeError::ItemHeader { item })? {
        match name.as_str() {
            "type" => kind = text(&value),
            "length" => {
                length =
                    serde_json::from_slice(&value).map_err(|_| EnvelopeError::Length { item })?;
            }
            _ => header.push((name, value)),
        }
    }
    let mut kind = kind.ok_or(EnvelopeError::NoType { item })?;
    kind.truncate(kind.floor_char_boundary(ITEM_TYPE_BYTES_MAX));
    Ok(ParsedItem {
        kind: ItemKind::from_name(&kind),
        length,
        header: ItemHeader(header),
    })
}

impl ItemHeader {
    /// The keys with their JSON texts, in order.
    #[must_use]
    pub fn fields(&self) -> &[(String, Bytes)] {
        &self.0
    }

    /// A key's value as JSON text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// A key's value, when it is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(text)
    }

    /// A key's value, when it is a whole number from 0.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(|v| serde_json::from_slice(v).ok())
    }

    /// Sets a key to a string, in its place or at the end.
    pub fn set_text(&mut self, name: &str, value: &str) {
        self.set(name, &value.into());
    }

    /// Sets a key to a whole number, in its place or at the end.
    pub fn set_number(&mut self, name: &str, value: u64) {
        self.set(name, &value.into());
    }

    /// Takes a key out, as often as it is there.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Sets a key to a JSON value, in its place or at the end.
    pub fn set(&mut self, name: &str, value: &serde_json::Value) {
        let json = Bytes::from(value.to_string());
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = json,
            None => self.0.push((name.to_owned(), json)),
        }
    }

    /// `content_type`.
    #[must_use]
    pub fn content_type(&self) -> Option<String> {
        self.text("content_type")
    }

    /// `filename`.
    #[must_use]
    pub fn filename(&self) -> Option<String> {
        self.text("filename")
    }

    /// `attachment_type`.
    #[must_use]
    pub fn attachment_type(&self) -> Option<String> {
        self.text("attachment_type")
    }

    /// `item_count` of a container.
    #[must_use]
    pub fn item_count(&self) -> Option<u64> {
        self.number("item_count")
    }
}

fn text(value: &Bytes) -> Option<String> {
    serde_json::from_slice(value).ok()
}

fn is_object(value: &Bytes) -> bool {
    value.first() == Some(&b'{')
}

/// A nil id is none: some clients send it when they have no event.
fn event_id(value: &Bytes) -> Result<Option<EventId>, EnvelopeError> {
    let text = text(value).ok_or(EnvelopeError::EventId)?;
    if !text.is_empty() && text.bytes().all(|b| b == b'0' || b == b'-') {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| EnvelopeError::EventId)
}

fn dsn(value: &Bytes) -> Result<Dsn, EnvelopeError> {
    text(value)
        .and_then(|text| text.parse().ok())
        .ok_or(EnvelopeError::Dsn)
}

/// RFC 3339 or unix seconds.
fn timestamp(value: &Bytes) -> Option<Timestamp> {
    match text(value) {
        Some(text) => Timestamp::parse(&text).ok(),
        None => Timestamp::from_secs_f64(serde_json::from_slice(value).ok()?).ok(),
    }
}

/// The keys and values of a JSON object; of a key given twice the last value, at its first place.
fn object(line: &Bytes) -> Option<Vec<(String, Bytes)>> {
    let Fields(fields) = serde_json::from_slice(line).ok()?;
    let slice = |raw: &RawValue| line.slice_ref(raw.get().as_bytes());
    let mut kept: Vec<(String, Bytes)> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        match kept.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = slice(value),
            None => kept.push((name, slice(value))),
        }
    }
    Some(kept)
}

struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = map.next_entry()? {
            if fields.len() == HEADER_KEYS_MAX {
                return Err(serde::de::Error::custom("too many keys"));
            }
            fields.push(entry);
        }
        Ok(Fields(fields))
    }
}
/// A header, a JSON object as text, with another member in front. What is no object stays as it is.
#[must_use]
pub fn with_member(header: &Bytes, name: &str, json: &str) -> Bytes {
    let Some(rest) = header.strip_prefix(b"{") else {
        return header.clone();
    };
    let is_empty = rest.trim_ascii_start().first() == Some(&b'}');
    let comma = if is_empty { "" } else { "," };
    let member = format!("{{\"{name}\":{json}{comma}");
    [member.as_bytes(), rest].concat().into()
}
