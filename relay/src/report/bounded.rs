//! Reads values that clients wrote, and no more of them than there is room for: a byte of
//! MessagePack or two of JSON make a value, which takes some hundred times as much in memory.

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use protocol::limits::JSON_DEPTH_MAX;
use protocol::wire;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::ReportError;

/// What the values of one envelope may take in memory, in bytes.
pub(super) const ROOM_BYTES: usize = 32 * 1024 * 1024;
/// What is counted for a value, its place in a list that grows by doubling included, in bytes.
const VALUE_BYTES: usize = 2 * size_of::<Value>();
/// Further for a list: it begins with room for a few.
const LIST_BYTES: usize = 4 * size_of::<Value>();
/// Further for an object: what its members stand in has room for eleven.
const OBJECT_BYTES: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 16;
/// Further for each member of an object.
const MEMBER_BYTES: usize = size_of::<String>() + size_of::<Value>();

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// More than there is room for.
    #[error("it holds more values than an event may have")]
    TooMany,
    /// Not of the form that it should have, or cut off.
    #[error("it is not of its form, or cut off")]
    Broken,
}

impl Unread {
    /// Why nothing is taken of a body that is read so; `broken` for one that is not of its form.
    pub(super) const fn of(self, broken: ReportError) -> ReportError {
        match self {
            Self::TooMany => ReportError::UnpacksTo(ROOM_BYTES),
            Self::Broken => broken,
        }
    }
}

/// The room that is left.
#[derive(Debug)]
pub(crate) struct Room(Cell<usize>);

impl Room {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ROOM_BYTES))
    }

    /// The object that a text of JSON is.
    pub(crate) fn json(&self, text: &[u8]) -> Result<Map<String, Value>, Unread> {
        let mut reader = serde_json::Deserializer::from_slice(text);
        object(self.attempt(|| {
            let value = Seed(self).deserialize(&mut reader)?;
            reader.end().map(|()| value)
        })?)
    }

    /// The object that a file of MessagePack is.
    pub(super) fn msgpack(&self, file: &Bytes) -> Result<Map<String, Value>, Unread> {
        let (value, rest) = self.next_msgpack(file)?;
        if rest.is_empty() {
            object(value)
        } else {
            Err(Unread::Broken)
        }
    }

    /// The first of several values of MessagePack, and what is behind it.
    pub(super) fn next_msgpack<'a>(&self, file: &'a [u8]) -> Result<(Value, &'a [u8]), Unread> {
        self.attempt(|| wire::decode_msgpack_by(Seed(self), file, JSON_DEPTH_MAX))
    }

    /// Reads something. What cannot be read takes no room from what comes next.
    fn attempt<T, E>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<T, Unread> {
        let before = self.0.get();
        read().map_err(|_| match self.0.replace(before) {
            // Nothing is left where there was no room.
            0 => Unread::TooMany,
            _ => Unread::Broken,
        })
    }

    /// Takes room for what others read.
    pub(super) fn reserve(&self, bytes: usize) -> Result<(), Unread> {
        let left = self.0.get().checked_sub(bytes).ok_or(Unread::TooMany)?;
        self.0.set(left);
        Ok(())
    }

    fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        let left = self.0.get().checked_sub(bytes);
        self.0.set(left.unwrap_or_default());
        left.map(drop).ok_or_else(|| E::custom(Unread::TooMany))
    }
}

fn object(value: Value) -> Result<Map<String, Value>, Unread> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Unread::Broken),
    }
}

/// Reads a value into the room.
#[derive(Clone, Copy)]
struct Seed<'r>(&'r Room);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Value, D::Error> {
        self.0.take(VALUE_BYTES)?;
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.0.take(text.len())?;
        Ok(Value::from(text))
    }

    /// JSON knows no bytes; clients that write some mean a text.
    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        self.visit_str(&String::from_utf8_lossy(bytes))
    }

    /// A type of somebody's own says nothing here.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, own: D) -> Result<Value, D::Error> {
        own.deserialize_any(IgnoredAny).map(|_| Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.0.take(LIST_BYTES)?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.0.take(OBJECT_BYTES)?;
        let mut object = Map::new();
        while let Some(name) = members.next_key_seed(self)? {
            self.0.take(MEMBER_BYTES)?;
            let name = match name {
                Value::String(name) => name,
                // Names that are numbers.
                other => other.to_string(),
            };
            object.insert(name, members.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let event = json!({"a": [1, -2, 2.5, true, null, "text", {"b": {}}], "": []});
        let room = Room::new();
        let msgpack = Bytes::from(wire::encode_msgpack(&event).unwrap());
        assert_eq!(room.msgpack(&msgpack).map(Value::from), Ok(event.clone()));
        assert_eq!(
            room.json(event.to_string().as_bytes()).map(Value::from),
            Ok(event)
        );
    }

    #[test]
    fn what_json_does_not_know_becomes_what_it_knows() {
        let check = |bytes: &'static [u8], expected: Value| {
            let read = Room::new().msgpack(&Bytes::from_static(bytes));
            assert_eq!(read.map(Value::from), Ok(expected), "{bytes:x?}");
        };
        check(b"\x81\xa1a\xc4\x02hi", json!({"a": "hi"}));
        check(b"\x81\xa1a\xa1\xff", json!({"a": "\u{fffd}"}));
        check(b"\x81\x07\x01", json!({"7": 1}));
        check(
            b"\x82\xa1a\xd6\xff\0\0\0\x01\xa1b\x02",
            json!({"a": null, "b": 2}),
        );
        check(b"\x81\xa1a\xcb\x7f\xf8\0\0\0\0\0\0", json!({"a": null}));
    }

    #[test]
    fn no_more_is_read_than_there_is_room_for() {
        const N: usize = 3 * 1024 * 1024;
        // Lists, objects, and objects in objects, each of very few bytes.
        let nested = [b"\x81\xa0".repeat(100), vec![0xc0]].concat();
        let of = |one: &[u8]| {
            let n = u32::try_from(N / one.len()).unwrap();
            let list = [b"\x81\xa1a\xdd", n.to_be_bytes().as_slice()].concat();
            Bytes::from([list, one.repeat(N / one.len())].concat())
        };
        for one in [
            b"\xc0".as_slice(),
            b"\x90",
            b"\x80",
            b"\x81\xa0\xc0",
            &nested,
        ] {
            let room = Room::new();
            assert_eq!(room.msgpack(&of(one)), Err(Unread::TooMany), "{one:x?}");
            assert_eq!(room.0.get(), ROOM_BYTES, "what is not read takes no room");
        }
        let json = format!("{{\"a\":[{}0]}}", "{\"\":0},".repeat(N / 7));
        assert_eq!(Room::new().json(json.as_bytes()), Err(Unread::TooMany));
        let text = wire::encode_msgpack(&json!({"a": "x".repeat(N)})).unwrap();
        assert!(Room::new().msgpack(&Bytes::from(text)).is_ok());
    }

    #[test]
    fn what_is_cut_off_or_goes_on_or_is_no_object_is_broken() {
        for bytes in [b"".as_slice(), b"\x81\xa1a", b"\x80\x80", b"\x90", b"\xc1"] {
            let read = Room::new().msgpack(&Bytes::copy_from_slice(bytes));
            assert_eq!(read, Err(Unread::Broken), "{bytes:x?}");
        }
        for text in ["", "[]", "{", "{}x", "7"] {
            assert_eq!(
                Room::new().json(text.as_bytes()),
                Err(Unread::Broken),
                "{text}"
            );
        }
    }
}
