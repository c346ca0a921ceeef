//! Bounds unread JSON in depth and size without building a tree.
//!
//! What is within its bounds stays as it is, borrowed; the common case is one look at its length
//! and one pass over its brackets.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use protocol::event::{Fields, Raw};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::journal::{Journal, Remark};

/// How deep and how big a part may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    depth: usize,
    bytes: usize,
    /// Of each field, where the whole has fields.
    each: usize,
}

impl Bounds {
    pub(super) const fn new(depth: usize, bytes: usize) -> Self {
        Self {
            depth,
            bytes,
            each: bytes,
        }
    }
}

/// A field with less room than this is left out, not cut, in bytes.
const ROOM_MIN: usize = 16;

pub(super) const VARS: Bounds = Bounds::new(5, 2048);
pub(super) const PARAMS: Bounds = Bounds::new(5, 2048);
pub(super) const CRUMB: Bounds = Bounds::new(5, 2048);
pub(super) const BODY: Bounds = Bounds::new(7, 8192);
/// The lines of source on one side of a call.
pub(super) const LINES: Bounds = Bounds::new(1, 8192);
pub(super) const GEO: Bounds = Bounds::new(2, 4096);
pub(super) const CONTEXT: Bounds = Bounds::new(7, 8192);
pub(super) const FLAGS: Bounds = Bounds::new(7, 131_072);
pub(super) const MODULES: Bounds = Bounds::new(7, 8192);
pub(super) const EXTRA: Bounds = Bounds {
    depth: 7,
    bytes: 262_144,
    each: 16_384,
};

/// Bounds one part.
pub(super) fn trim(
    part: &mut Option<Raw<'_>>,
    bounds: Bounds,
    journal: &mut Journal,
    path: impl FnOnce() -> String,
) {
    if let Some(raw) = part {
        trim_one(raw, bounds, journal, path);
    }
}

pub(super) fn trim_one(
    raw: &mut Raw<'_>,
    bounds: Bounds,
    journal: &mut Journal,
    path: impl FnOnce() -> String,
) {
    trim_raw(raw, bounds.depth, bounds.bytes, journal, path);
}

/// Bounds an object field by field; fields beyond the whole's size are left out.
pub(super) fn trim_fields(
    fields: &mut Fields<'_>,
    bounds: Bounds,
    name: &'static str,
    journal: &mut Journal,
) {
    let mut left = bounds.bytes;
    let n_fields = fields.0.len();
    let mut n_kept = n_fields;
    for (at, (key, raw)) in fields.0.iter_mut().enumerate() {
        if left < ROOM_MIN {
            n_kept = at;
            break;
        }
        let bytes = bounds.each.min(left);
        trim_raw(raw, bounds.depth.saturating_sub(1), bytes, journal, || {
            format!("{name}.{key}")
        });
        left = left.saturating_sub(key.len() + raw.get().len());
    }
    if n_kept < n_fields {
        fields.0.truncate(n_kept);
        journal.remark(Remark {
            path: name.to_owned(),
            len: n_fields,
            mark: None,
        });
    }
}

fn trim_raw(
    raw: &mut Raw<'_>,
    depth: usize,
    bytes: usize,
    journal: &mut Journal,
    path: impl FnOnce() -> String,
) {
    let json = raw.get();
    if json.len() <= bytes && depth_within(json, depth) {
        return;
    }
    let len = json.len();
    let cut = cut(json, depth, bytes);
    // Only texts with half surrogates cannot be read here; those are replaced as a whole.
    let cut = cut.unwrap_or_else(|| "null".to_owned());
    if let Ok(cut) = RawValue::from_string(cut) {
        *raw = Cow::Owned(cut);
    }
    journal.remark(Remark {
        path: path(),
        len,
        mark: None,
    });
}

/// Whether brackets nest no deeper.
fn depth_within(json: &str, depth_max: usize) -> bool {
    // Each level needs two brackets.
    if json.len() <= depth_max * 2 || !json.starts_with(['{', '[']) {
        return true;
    }
    let mut depth = 0_usize;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => drop(bytes.next()),
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return false;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

fn cut(json: &str, depth: usize, bytes: usize) -> Option<String> {
    let mut out = String::with_capacity(bytes.min(json.len()));
    let mut source = serde_json::Deserializer::from_str(json);
    let fits = Cut {
        out: &mut out,
        end: bytes,
        depth,
    }
    .deserialize(&mut source)
    .ok()?;
    fits.then_some(out)
}

/// Copies JSON while there is room. The copy is within its room to the byte, so that what was cut
/// is not cut again; whoever asks for a value hears whether it found room.
struct Cut<'o> {
    out: &'o mut String,
    /// How long `out` may be behind the value.
    end: usize,
    depth: usize,
}

impl Cut<'_> {
    fn room(&self) -> usize {
        self.end.saturating_sub(self.out.len())
    }

    fn plain(self, text: &str) -> bool {
        let fits = text.len() <= self.room();
        if fits {
            self.out.push_str(text);
        }
        fits
    }

    fn text(self, text: &str) -> bool {
        const MARK: &str = "...";
        let room = self.room();
        if text.chars().map(escaped_len).sum::<usize>() + 2 <= room {
            push_json(self.out, text);
            return true;
        }
        let Some(inner) = room.checked_sub(2 + MARK.len()) else {
            return false;
        };
        let mut len = 0;
        let kept = text.chars().take_while(|c| {
            len += escaped_len(*c);
            len <= inner
        });
        let kept: String = kept.collect();
        push_json(self.out, &(kept + MARK));
        true
    }
}

/// Bytes of a character within a text of JSON.
fn escaped_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\x08' | '\x0c' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

fn push_json(out: &mut String, text: &str) {
    match serde_json::to_string(text) {
        Ok(json) => out.push_str(&json),
        Err(_) => out.push_str("null"),
    }
}

impl<'a> DeserializeSeed<'a> for Cut<'_> {
    type Value = bool;
    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<bool, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Cut<'_> {
    /// Whether there was room.
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("json")
    }
    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(self.text(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<bool, E> {
        Ok(self.plain(&number.to_string()))
    }
    fn visit_i64<E>(self, number: i64) -> Result<bool, E> {
        Ok(self.plain(&number.to_string()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<bool, E> {
        Ok(self.plain(&serde_json::Value::from(number).to_string()))
    }
    fn visit_bool<E>(self, flag: bool) -> Result<bool, E> {
        Ok(self.plain(if flag { "true" } else { "false" }))
    }
    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(self.plain("null"))
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<bool, A::Error> {
        if self.depth == 0 || self.room() < 2 {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(self.plain("null"));
        }
        self.out.push('[');
        let start = self.out.len();
        loop {
            let before = self.out.len();
            if before > start {
                self.out.push(',');
            }
            let element = Cut {
                out: &mut *self.out,
                end: self.end - 1,
                depth: self.depth - 1,
            };
            let fits = seq.next_element_seed(element)?;
            if fits != Some(true) {
                self.out.truncate(before);
            }
            match fits {
                Some(true) => {}
                None => break,
                Some(false) => {
                    while seq.next_element::<IgnoredAny>()?.is_some() {}
                    break;
                }
            }
        }
        self.out.push(']');
        Ok(true)
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<bool, A::Error> {
        if self.depth == 0 || self.room() < 2 {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(self.plain("null"));
        }
        self.out.push('{');
        let start = self.out.len();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            let before = self.out.len();
            if before > start {
                self.out.push(',');
            }
            push_json(self.out, &key);
            self.out.push(':');
            let fits = map.next_value_seed(Cut {
                out: &mut *self.out,
                end: self.end - 1,
                depth: self.depth - 1,
            })?;
            if !fits {
                self.out.truncate(before);
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                break;
            }
        }
        self.out.push('}');
        Ok(true)
    }
}

/// A JSON object of texts; those that are `None` are left out.
pub(super) fn object(fields: &[(&str, Option<&str>)]) -> Option<Raw<'static>> {
    let mut out = String::from("{");
    for (key, value) in fields {
        let Some(value) = value else { continue };
        if out.len() > 1 {
            out.push(',');
        }
        let value = serde_json::to_string(value).ok()?;
        write!(out, "\"{key}\":{value}").ok()?;
    }
    out.push('}');
    RawValue::from_string(out).ok().map(Cow::Owned)
}
