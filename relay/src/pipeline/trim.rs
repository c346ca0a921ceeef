//! Cuts the long texts of a span that is too large for a record, as the hub cuts those of any other,
//! and notes it in `_meta`. To be done behind the scrubbing: half a secret is none to its rule.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::report::Room;

/// Longest text that stays, in characters, and how many more it may have.
const CHARS_MAX: usize = 8192;
const SLACK_CHARS: usize = 200;
const MARK: &str = "...";

/// The payload with what is too long cut; `None` where it cannot be read.
pub(super) fn texts(payload: &Bytes) -> Option<Bytes> {
    let mut whole = Room::new().json(payload).ok()?;
    let mut meta = match whole.remove("_meta") {
        Some(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    let mut path = Vec::new();
    for (name, value) in &mut whole {
        within(name.clone(), value, &mut path, &mut meta);
    }
    if !meta.is_empty() {
        whole.insert("_meta".to_owned(), Value::Object(meta));
    }
    Some(Bytes::from(Value::Object(whole).to_string()))
}

fn within(step: String, value: &mut Value, path: &mut Vec<String>, meta: &mut Map<String, Value>) {
    path.push(step);
    match value {
        Value::String(text) => {
            if let Some(len) = cut(text) {
                note(meta, path, len);
            }
        }
        Value::Array(list) => {
            for (nth, value) in list.iter_mut().enumerate() {
                within(nth.to_string(), value, path, meta);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                within(name.clone(), value, path, meta);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    path.pop();
}

/// Cuts a text; how many characters it had, if it was too long.
fn cut(text: &mut String) -> Option<usize> {
    if text.len() <= CHARS_MAX + SLACK_CHARS {
        return None;
    }
    let len = text.chars().count();
    if len <= CHARS_MAX + SLACK_CHARS {
        return None;
    }
    *text = text.chars().take(CHARS_MAX - MARK.len()).collect();
    text.push_str(MARK);
    Some(len)
}

/// Notes that a text was cut, behind what is noted of it before. Of what was cut off nothing is.
fn note(meta: &mut Map<String, Value>, path: &[String], len: usize) {
    let start = CHARS_MAX - MARK.len();
    let Some((step, rest)) = path.split_first() else {
        let known = meta.remove("");
        let remarks = known
            .as_ref()
            .and_then(|note| note.get("rem"))
            .and_then(Value::as_array);
        let is_left = |remark: &&Value| {
            let begin = remark.get(2).and_then(Value::as_u64);
            begin.is_none_or(|begin| begin < start as u64)
        };
        let remarks = remarks.into_iter().flatten().filter(is_left).cloned();
        let remarks: Vec<_> = remarks
            .chain([json!(["!limit", "s", start, CHARS_MAX])])
            .collect();
        let len = known
            .as_ref()
            .and_then(|note| note.get("len"))
            .cloned()
            .unwrap_or(json!(len));
        meta.insert(String::new(), json!({"rem": remarks, "len": len}));
        return;
    };
    let child = meta.entry(step.clone()).or_insert_with(|| json!({}));
    if !child.is_object() {
        *child = json!({});
    }
    if let Value::Object(child) = child {
        note(child, rest, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_it_is_too_long_and_what_was_noted_before_stays() {
        let check = |payload: Value, expected: Value| {
            let cut = texts(&Bytes::from(payload.to_string())).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&cut).unwrap(), expected);
        };
        let fits = "x".repeat(8392);
        check(json!({"items": [fits]}), json!({"items": [fits]}));
        let long = "\u{e9}".repeat(8393);
        let short = "\u{e9}".repeat(8189) + "...";
        let mark = json!(["!limit", "s", 8189, 8192]);
        check(
            json!({"items": [{"a": long, "n": 1.5}]}),
            json!({"items": [{"a": short, "n": 1.5}],
                "_meta": {"items": {"0": {"a": {"": {"rem": [mark], "len": 8393}}}}}}),
        );
        let removed = |at: usize| json!(["@creditcard:filter", "s", at, at + 12]);
        let noted = json!({"a": {"": {"rem": [removed(3), removed(8300)], "len": 9000}}, "b": {"": {"len": 1}}});
        check(
            json!({"a": long, "_meta": noted}),
            json!({"a": short, "_meta": {"a": {"": {"rem": [removed(3), mark], "len": 9000}}, "b": {"": {"len": 1}}}}),
        );
        assert_eq!(texts(&Bytes::from_static(b"[")), None);
    }
}
