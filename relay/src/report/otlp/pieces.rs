//! Cuts an export into what it is of, resources, their scopes and their entries, and reads one
//! entry at a time: read together, a few kilobytes of nothing could fill the memory.
//!
//! All signals have the same levels, and in protobuf the same numbers.

use std::borrow::Cow;
use std::fmt;

use bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::model::{Resource, Scope};
use super::weight::{self, Shaped};
use super::{Encoding, Signal};
use crate::report::bounded::Room;
use crate::report::list::{self, AtMost, Members};
use crate::report::{ENTRIES_MAX, ENTRY_BYTES_MAX, ReportError};

const JSON: ReportError = ReportError::Json("an export request");
/// The field of what is said of all, at either level, and the one of what is inside.
const OF_ALL: u32 = 1;
const INSIDE: u32 = 2;

/// The entries of a scope, unread.
pub(super) struct Entries<'a> {
    encoding: Encoding,
    pieces: Vec<&'a [u8]>,
}

impl Entries<'_> {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Each of them, read.
    pub(super) fn read<T: Shaped + Default + DeserializeOwned>(
        &self,
    ) -> impl Iterator<Item = Result<T, ReportError>> {
        let pieces = self.pieces.iter();
        pieces.map(|piece| read(self.encoding, piece))
    }
}

/// What is done with a scope: what its resource says, what it says itself, and its entries.
pub(super) type Take<'t> =
    dyn FnMut(Option<&Resource>, Option<&Scope>, &Entries<'_>) -> Result<(), ReportError> + 't;

/// Gives the scopes of an export, in order.
pub(super) fn scopes(
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    take: &mut Take<'_>,
) -> Result<(), ReportError> {
    match encoding {
        Encoding::Proto => of_proto(body, take),
        Encoding::Json => of_json(signal, body, take),
    }
}

fn of_proto(body: &[u8], take: &mut Take<'_>) -> Result<(), ReportError> {
    for resource in messages(body, OF_ALL)? {
        let scopes = messages(resource, INSIDE)?;
        let resource = said::<Resource>(resource)?;
        for scope in scopes {
            let pieces = messages(scope, INSIDE)?;
            let scope = said::<Scope>(scope)?;
            let entries = Entries {
                encoding: Encoding::Proto,
                pieces,
            };
            take(resource.as_ref(), scope.as_ref(), &entries)?;
        }
    }
    Ok(())
}

/// What a message says of all that is in it; the last word counts.
fn said<T: Shaped + Default + DeserializeOwned>(message: &[u8]) -> Result<Option<T>, ReportError> {
    let last = messages(message, OF_ALL)?.pop();
    last.map(|last| read(Encoding::Proto, last)).transpose()
}

/// The messages of one field of a message, in order, unread.
fn messages(mut message: &[u8], field: u32) -> Result<Vec<&[u8]>, ReportError> {
    let wrong = |_| ReportError::Proto;
    let mut found = Vec::new();
    while message.has_remaining() {
        let (tag, kind) = decode_key(&mut message).map_err(wrong)?;
        if (tag, kind) != (field, WireType::LengthDelimited) {
            skip_field(kind, tag, &mut message, DecodeContext::default()).map_err(wrong)?;
            continue;
        }
        let length = decode_varint(&mut message).map_err(wrong)?;
        let length = usize::try_from(length).map_err(|_| ReportError::Proto)?;
        let (inner, rest) = message.split_at_checked(length).ok_or(ReportError::Proto)?;
        if found.len() == ENTRIES_MAX {
            return Err(ReportError::TooMany(ENTRIES_MAX));
        }
        found.push(inner);
        message = rest;
    }
    Ok(found)
}

/// Under which names a level of an export in JSON says what is of all in it, and what is inside:
/// the one of JSON, the one of protobuf, and those of before scopes had this name.
#[derive(Clone, Copy)]
struct Level {
    of_all: &'static [&'static str],
    inside: &'static [&'static str],
}

/// What a level says, unread.
struct Cut<'de> {
    of_all: Option<&'de RawValue>,
    inside: Members<'de>,
}

/// The levels of a signal's export: the whole, a resource, a scope.
const fn levels(signal: Signal) -> [Level; 3] {
    let [resources, scopes, entries]: [&[&str]; 3] = match signal {
        Signal::Traces => [
            &["resourceSpans", "resource_spans"],
            &[
                "scopeSpans",
                "scope_spans",
                "instrumentationLibrarySpans",
                "instrumentation_library_spans",
            ],
            &["spans"],
        ],
        Signal::Logs => [
            &["resourceLogs", "resource_logs"],
            &[
                "scopeLogs",
                "scope_logs",
                "instrumentationLibraryLogs",
                "instrumentation_library_logs",
            ],
            &["logRecords", "log_records"],
        ],
        Signal::Metrics => [
            &["resourceMetrics", "resource_metrics"],
            &[
                "scopeMetrics",
                "scope_metrics",
                "instrumentationLibraryMetrics",
                "instrumentation_library_metrics",
            ],
            &["metrics"],
        ],
    };
    [
        level(&[], resources),
        level(&["resource"], scopes),
        level(
            &["scope", "instrumentationLibrary", "instrumentation_library"],
            entries,
        ),
    ]
}

const fn level(of_all: &'static [&'static str], inside: &'static [&'static str]) -> Level {
    Level { of_all, inside }
}

impl Level {
    /// What is said of all, and what is inside.
    fn cut(self, json: &[u8]) -> Result<(Option<&RawValue>, Vec<&[u8]>), ReportError> {
        let cut = list::read(json, self).ok_or(JSON)?;
        let inside = cut.inside?.into_iter().map(|raw| raw.get().as_bytes());
        Ok((cut.of_all, inside.collect()))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Cut<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cut<'de>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Cut<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "an object with one of {:?}", self.inside)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Cut<'de>, A::Error> {
        let mut cut = Cut {
            of_all: None,
            inside: Ok(Vec::new()),
        };
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            if self.inside.contains(&name.as_ref()) {
                let inside = fields.next_value_seed(AtMost(ENTRIES_MAX))?;
                // Exporters between two names told both, the other one empty.
                if cut.inside.as_ref().is_ok_and(Vec::is_empty) {
                    cut.inside = inside;
                }
            } else if self.of_all.contains(&name.as_ref()) {
                cut.of_all = fields.next_value()?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(cut)
    }
}

fn of_json(signal: Signal, body: &[u8], take: &mut Take<'_>) -> Result<(), ReportError> {
    let [export, of_resource, of_scope] = levels(signal);
    for resource in export.cut(body)?.1 {
        let (resource, scopes) = of_resource.cut(resource)?;
        let resource = said_in_json::<Resource>(resource)?;
        for scope in scopes {
            let (scope, pieces) = of_scope.cut(scope)?;
            let scope = said_in_json::<Scope>(scope)?;
            let entries = Entries {
                encoding: Encoding::Json,
                pieces,
            };
            take(resource.as_ref(), scope.as_ref(), &entries)?;
        }
    }
    Ok(())
}

fn said_in_json<T: Shaped + Default + DeserializeOwned>(
    raw: Option<&RawValue>,
) -> Result<Option<T>, ReportError> {
    raw.map(|raw| read(Encoding::Json, raw.get().as_bytes()))
        .transpose()
}

fn read<T: Shaped + Default + DeserializeOwned>(
    encoding: Encoding,
    piece: &[u8],
) -> Result<T, ReportError> {
    if piece.len() > ENTRY_BYTES_MAX {
        return Err(ReportError::UnpacksTo(ENTRY_BYTES_MAX));
    }
    weight::check(encoding, T::SHAPE, piece)?;
    match encoding {
        Encoding::Proto => T::decode(piece).map_err(|_| ReportError::Proto),
        Encoding::Json => serde_json::from_slice(piece).or_else(|_| without_nulls(piece)),
    }
}

/// Few exporters write what they do not know as null.
fn without_nulls<T: DeserializeOwned>(piece: &[u8]) -> Result<T, ReportError> {
    let read = Room::new().json(piece).map_err(|why| why.of(JSON))?;
    let mut value = Value::Object(read);
    drop_nulls(&mut value);
    serde_json::from_value(value).map_err(|_| JSON)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
