//! Bounds unread JSON in depth and size without building a tree.
//!
//! What is within its bounds stays as it is, borrowed; the common case is one look at its length
//! and one pass over its brackets.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use protocol::event::{Fields, Raw};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
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
    const fn new(depth: usize, bytes: usize) -> Self {
        Self {
            depth,
            bytes,
            each: bytes,
        }
    }
}

pub(super) const VARS: Bounds = Bounds::new(5, 2048);
pub(super) const PARAMS: Bounds = Bounds::new(5, 2048);
pub(super) const CRUMB: Bounds = Bounds::new(5, 2048);
pub(super) const BODY: Bounds = Bounds::new(7, 8192);
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
        if left == 0 {
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
    let mut out = String::with_capacity(bytes + 64);
    let mut left = bytes;
    let mut source = serde_json::Deserializer::from_str(json);
    Cut {
        out: &mut out,
        left: &mut left,
        depth,
    }
    .deserialize(&mut source)
    .ok()?;
    Some(out)
}

/// Copies JSON while there is room.
struct Cut<'o> {
    out: &'o mut String,
    /// Bytes that may still be written; brackets and commas are free, so that the end fits.
    left: &'o mut usize,
    depth: usize,
}

impl Cut<'_> {
    fn plain(self, text: &str) {
        *self.left = self.left.saturating_sub(text.len());
        self.out.push_str(text);
    }

    fn text(self, text: &str) {
        let mut kept = Cow::Borrowed(text);
        if text.len() > *self.left {
            let room = self.left.saturating_sub(3);
            let at = (0..=room).rev().find(|at| text.is_char_boundary(*at));
            let start = at.and_then(|at| text.get(..at)).unwrap_or_default();
            kept = Cow::Owned(format!("{start}..."));
        }
        *self.left = self.left.saturating_sub(kept.len());
        push_json(self.out, &kept);
    }
}

fn push_json(out: &mut String, text: &str) {
    match serde_json::to_string(text) {
        Ok(json) => out.push_str(&json),
        Err(_) => out.push_str("null"),
    }
}

impl<'a> DeserializeSeed<'a> for Cut<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'a>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Cut<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("json")
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.text(text);
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.plain(&number.to_string());
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.plain(&number.to_string());
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.plain(&serde_json::Value::from(number).to_string());
        Ok(())
    }
    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.plain(if flag { "true" } else { "false" });
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.plain("null");
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            self.plain("null");
            return Ok(());
        }
        *self.left = self.left.saturating_sub(1);
        self.out.push('[');
        let mut is_first = true;
        loop {
            if *self.left == 0 {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                break;
            }
            let len_before = self.out.len();
            if !is_first {
                self.out.push(',');
            }
            let element = Cut {
                out: &mut *self.out,
                left: &mut *self.left,
                depth: self.depth - 1,
            };
            if seq.next_element_seed(element)?.is_none() {
                self.out.truncate(len_before);
                break;
            }
            is_first = false;
        }
        self.out.push(']');
        Ok(())
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            while map
                .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
                .is_some()
            {}
            self.plain("null");
            return Ok(());
        }
        *self.left = self.left.saturating_sub(1);
        self.out.push('{');
        let mut is_first = true;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if *self.left <= key.len() {
                *self.left = 0;
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            if !is_first {
                self.out.push(',');
            }
            is_first = false;
            push_json(self.out, &key);
            self.out.push(':');
            *self.left -= key.len();
            map.next_value_seed(Cut {
                out: &mut *self.out,
                left: &mut *self.left,
                depth: self.depth - 1,
            })?;
        }
        self.out.push('}');
        Ok(())
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
