//! Program images: the kinds that are known, under one name each.

use std::borrow::Cow;

use protocol::event::DebugMeta;
use serde_json::Value;
use serde_json::value::RawValue;

use super::journal::Journal;

/// Every kind of image that symbols can be looked up for.
const KINDS: &[&str] = &[
    "elf",
    "jvm",
    "macho",
    "pe",
    "pe_dotnet",
    "proguard",
    "sourcemap",
    "symbolic",
    "wasm",
];

/// Leaves out images of no known kind, and gives old kinds their present name.
pub(super) fn normalise(meta: Option<&mut DebugMeta<'_>>, journal: &mut Journal) {
    let Some(raw) = meta.and_then(|meta| meta.images.as_mut()) else {
        return;
    };
    let Ok(Value::Array(mut images)) = serde_json::from_str(raw.get()) else {
        return;
    };
    let mut is_changed = false;
    let mut at = 0;
    images.retain_mut(|image| {
        let path = format!("debug_meta.images.{at}.type");
        at += 1;
        let kind = image.get("type").and_then(Value::as_str);
        match kind {
            Some(kind) if KINDS.contains(&kind) => true,
            Some("apple") => {
                if let Some(kind) = image.get_mut("type") {
                    *kind = Value::from("macho");
                }
                is_changed = true;
                true
            }
            other => {
                journal.invalid(path, other.unwrap_or_default());
                is_changed = true;
                false
            }
        }
    });
    if is_changed && let Ok(changed) = RawValue::from_string(Value::Array(images).to_string()) {
        *raw = Cow::Owned(changed);
    }
}
