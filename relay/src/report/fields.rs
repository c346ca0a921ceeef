//! The event's fields as a form tells them.
//!
//! `sentry` is JSON; `sentry__1`, `sentry__2`, … are pieces of one JSON, since Crashpad limits a
//! field's length; `sentry[a][b]` sets one value; everything else is kept under `extra`. What is
//! said by `sentry[…]` counts more than the JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bounded::Room;

/// Deepest nesting of `sentry[a][b]…`.
const DEPTH_MAX: usize = 15;
/// Most pieces, single values, and other fields.
const FIELDS_MAX: usize = 500;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    json: Option<String>,
    pieces: BTreeMap<u32, String>,
    values: Vec<(Vec<String>, String)>,
    extra: Map<String, Value>,
}

impl Told {
    /// Notes a field.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if name == "sentry" {
            self.json = Some(value.to_owned());
        } else if let Some(number) = name.strip_prefix("sentry__").and_then(|n| n.parse().ok()) {
            if self.pieces.len() < FIELDS_MAX {
                self.pieces.insert(number, value.to_owned());
            }
        } else if let Some(path) = name.strip_prefix("sentry").and_then(path) {
            if self.values.len() < FIELDS_MAX {
                self.values.push((path, value.to_owned()));
            }
        } else if self.extra.len() < FIELDS_MAX && !name.is_empty() {
            self.extra.insert(name.to_owned(), Value::from(value));
        }
    }

    /// All of it as an event; an object.
    pub(super) fn event(mut self) -> Value {
        let mut event = Value::Object(Map::new());
        let room = Room::new();
        let pieces: String = self.pieces.into_values().collect();
        for text in [self.json.unwrap_or_default(), pieces] {
            match room.json(text.as_bytes()) {
                Ok(json) => merge(&mut event, Value::Object(json)),
                Err(_) if text.is_empty() => {}
                // Kept to be looked at, as it came.
                Err(_) => drop(self.extra.insert("sentry".to_owned(), Value::from(text))),
            }
        }
        for (path, value) in self.values {
            set(&mut event, &path, Value::from(value));
        }
        if !self.extra.is_empty() {
            let mut extra = Map::new();
            extra.insert("extra".to_owned(), Value::Object(self.extra));
            merge(&mut event, Value::Object(extra));
        }
        event
    }
}

/// Puts what is said over what was said before, object by object.
pub(super) fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                match under.get_mut(&name) {
                    Some(there) if there.is_object() && value.is_object() => merge(there, value),
                    _ => {
                        under.insert(name, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

/// An object without the members that say nothing; `None` where none is left.
pub(super) fn without_nulls(object: Value) -> Option<Value> {
    match object {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        _ => None,
    }
}

/// Adds fields that an event has not, and what its fields have not of theirs.
pub(super) fn add(event: &mut Map<String, Value>, fields: Map<String, Value>) {
    for (name, value) in fields {
        match (event.get_mut(&name), value) {
            (Some(Value::Object(there)), Value::Object(parts)) => {
                for (part, value) in parts {
                    there.entry(part).or_insert(value);
                }
            }
            (Some(_), _) => {}
            (None, value) => drop(event.insert(name, value)),
        }
    }
}

/// `[a][b]` as its names.
fn path(text: &str) -> Option<Vec<String>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let names: Vec<String> = inner.split("][").map(str::to_owned).collect();
    let fits = names.len() <= DEPTH_MAX && names.iter().all(|name| !name.is_empty());
    fits.then_some(names)
}

fn set(at: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *at = value;
        return;
    };
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    if let Value::Object(fields) = at {
        let below = fields.entry(name.clone()).or_insert(Value::Null);
        set(below, rest, value);
    }
}
