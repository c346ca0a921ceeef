//! Cuts a JSON list into its members, unread, and keeps no more of them than a request may have:
//! a few bytes make one, and collected first, they could fill the memory before they are counted.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ReportError;

/// A list of at most so many members; `null` is one without any.
#[derive(Clone, Copy)]
pub(super) struct AtMost(pub(super) usize);

/// The members, or that there are too many.
pub(super) type Members<'de> = Result<Vec<&'de RawValue>, ReportError>;

/// The members of a body that is a list.
///
/// # Errors
/// [`ReportError::TooMany`]; `wrong` for what is no list.
pub(super) fn members(body: &[u8], max: usize, wrong: ReportError) -> Members<'_> {
    read(body, AtMost(max)).unwrap_or(Err(wrong))
}

/// All of a body, by a seed.
pub(super) fn read<'de, S: DeserializeSeed<'de>>(body: &'de [u8], seed: S) -> Option<S::Value> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = seed.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<Self::Value, D::Error> {
        list.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Members<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while members.len() < self.0 {
            match list.next_element()? {
                Some(member) => members.push(member),
                None => return Ok(Ok(members)),
            }
        }
        let mut is_more = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_more = true;
        }
        Ok(if is_more {
            Err(ReportError::TooMany(self.0))
        } else {
            Ok(members)
        })
    }
}
