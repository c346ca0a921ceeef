//! Cuts an export into what it is of, resources, their scopes and their entries, and reads one entry at a time: read together, a
//! few kilobytes of nothing could fill the memory.
//!
//! All signals have the same levels, and in protobuf the same numbers.

use bytes::Buf as _;
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::model::{Resource, Scope};
use super::{Encoding, Signal};
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
    pub(super) fn read<T: Message + Default + DeserializeOwned>(
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
fn said<T: Message + Default + DeserializeOwned>(message: &[u8]) -> Result<Option<T>, ReportError> {
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

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Export<'a> {
    #[serde(borrow)]
    resource_spans: Option<Vec<OfResource<'a>>>,
    #[serde(borrow)]
    resource_logs: Option<Vec<OfResource<'a>>>,
    #[serde(borrow)]
    resource_metrics: Option<Vec<OfResource<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfResource<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope_spans: Option<Vec<OfScope<'a>>>,
    #[serde(borrow)]
    scope_logs: Option<Vec<OfScope<'a>>>,
    #[serde(borrow)]
    scope_metrics: Option<Vec<OfScope<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfScope<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    log_records: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    metrics: Option<Vec<&'a RawValue>>,
}

/// The list of a signal, of those that a level may have.
fn of<T>(signal: Signal, lists: [Option<Vec<T>>; 3]) -> Vec<T> {
    let [traces, logs, metrics] = lists;
    let list = match signal {
        Signal::Traces => traces,
        Signal::Logs => logs,
        Signal::Metrics => metrics,
    };
    list.unwrap_or_default()
}

fn of_json(signal: Signal, body: &[u8], take: &mut Take<'_>) -> Result<(), ReportError> {
    let export: Export<'_> = serde_json::from_slice(body).map_err(|_| JSON)?;
    let resources = [
        export.resource_spans,
        export.resource_logs,
        export.resource_metrics,
    ];
    for of_resource in of(signal, resources) {
        let resource = said_in_json::<Resource>(of_resource.resource)?;
        let scopes = [
            of_resource.scope_spans,
            of_resource.scope_logs,
            of_resource.scope_metrics,
        ];
        for of_scope in of(signal, scopes) {
            let scope = said_in_json::<Scope>(of_scope.scope)?;
            let entries = [of_scope.spans, of_scope.log_records, of_scope.metrics];
            let pieces = of(signal, entries);
            if pieces.len() > ENTRIES_MAX {
                return Err(ReportError::TooMany(ENTRIES_MAX));
            }
            let pieces = pieces.iter();
            let entries = Entries {
                encoding: Encoding::Json,
                pieces: pieces.map(|piece| piece.get().as_bytes()).collect(),
            };
            take(resource.as_ref(), scope.as_ref(), &entries)?;
        }
    }
    Ok(())
}

fn said_in_json<T: Message + Default + DeserializeOwned>(
    raw: Option<&RawValue>,
) -> Result<Option<T>, ReportError> {
    raw.map(|raw| read(Encoding::Json, raw.get().as_bytes()))
        .transpose()
}

fn read<T: Message + Default + DeserializeOwned>(
    encoding: Encoding,
    piece: &[u8],
) -> Result<T, ReportError> {
    if piece.len() > ENTRY_BYTES_MAX {
        return Err(ReportError::UnpacksTo(ENTRY_BYTES_MAX));
    }
    match encoding {
        Encoding::Proto => T::decode(piece).map_err(|_| ReportError::Proto),
        Encoding::Json => serde_json::from_slice(piece).or_else(|_| without_nulls(piece)),
    }
}

/// Few exporters write what they do not know as null.
fn without_nulls<T: DeserializeOwned>(piece: &[u8]) -> Result<T, ReportError> {
    let mut value: Value = serde_json::from_slice(piece).map_err(|_| JSON)?;
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
