//! A lenient read model of one log, metric or span.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::timestamp::Timestamp;

/// One entry. Only what is asked for is looked at, and nothing in it is corrected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry(Map<String, Json>);

impl Entry {
    /// Reads the only entry of a payload; `None` when there is not one, or it is no object.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let text = super::only(payload)?.get();
        match serde_json::from_str(text).ok()? {
            Json::Object(members) => Some(Self(members)),
            _ => None,
        }
    }

    /// A member, as it stands there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// A member that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The value of an attribute: `{"value": …}`, or plain as spans of older clients have it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Json> {
        let of = |members: &str| self.get(members)?.get(name);
        match of("attributes").or_else(|| of("data"))? {
            Json::Object(attribute) => attribute.get("value"),
            plain => Some(plain),
        }
    }

    /// An attribute as a text; numbers and booleans as they are written.
    #[must_use]
    pub fn attribute_text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.attribute(name)? {
            Json::String(text) => Some(Cow::Borrowed(text)),
            number @ (Json::Number(_) | Json::Bool(_)) => Some(Cow::Owned(number.to_string())),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// A member that is a time: unix seconds or RFC 3339.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        match self.get(name)? {
            Json::String(text) => Timestamp::parse(text).ok(),
            other => Timestamp::from_secs_f64(other.as_f64()?).ok(),
        }
    }

    /// When a span ended.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.time("end_timestamp")
            .or_else(|| self.time("timestamp"))
    }

    /// The trace, unless it is the one of zeros, which is none.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        let id = self.text("trace_id")?;
        id.bytes().any(|b| b != b'0' && b != b'-').then_some(id)
    }

    /// Whether a span is the first of its service in its trace.
    #[must_use]
    pub fn is_segment(&self) -> bool {
        self.get("is_segment") == Some(&Json::Bool(true))
    }
}
