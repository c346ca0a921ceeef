//! How settings differ: the fields that do, each with what it was and what it is.

use serde_json::{Map, Value, json};

/// Most fields that one entry tells of.
const FIELDS_MAX: usize = 50;
/// Longest value, in characters; what is longer is cut and says so.
const VALUE_CHARS_MAX: usize = 2000;
/// Objects are taken apart so deep; below, they are values.
const DEPTH_MAX: usize = 4;
/// What stands for a secret.
const SECRET: &str = "(not shown)";
/// Parts of names of fields whose values are nobody's to read. Addresses of webhooks are secrets
/// as well: who has one can post.
const SECRETS: &[&str] = &["password", "secret", "token", "url", "credential"];

/// The fields that differ, as `name.of.field: [before, after]`.
pub(super) fn between(before: &Value, after: &Value) -> Map<String, Value> {
    let mut changes = Map::new();
    compare(String::new(), before, after, 0, &mut changes);
    changes
}

fn compare(
    name: String,
    before: &Value,
    after: &Value,
    depth: usize,
    changes: &mut Map<String, Value>,
) {
    if before == after || changes.len() >= FIELDS_MAX {
        return;
    }
    if let (Value::Object(old), Value::Object(new)) = (before, after)
        && depth < DEPTH_MAX
    {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(added) {
            let name = match name.as_str() {
                "" => key.clone(),
                name => format!("{name}.{key}"),
            };
            let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            compare(name, &of(old), &of(new), depth + 1, changes);
        }
        return;
    }
    let both = json!([shown(&name, before), shown(&name, after)]);
    changes.insert(name, both);
}

/// A value as it may be written down: no secrets, and not too long.
pub(super) fn shown(name: &str, value: &Value) -> Value {
    let shown = hidden(name, value);
    let (text, is_text) = match &shown {
        Value::String(text) => (text.clone(), true),
        other => (other.to_string(), false),
    };
    if text.chars().count() > VALUE_CHARS_MAX {
        let begin: String = text.chars().take(VALUE_CHARS_MAX).collect();
        return format!("{begin}… ({} bytes)", text.len()).into();
    }
    if is_text { text.into() } else { shown }
}

fn hidden(name: &str, value: &Value) -> Value {
    let name = name.to_ascii_lowercase();
    let is_empty = matches!(value, Value::Null | Value::Bool(_)) || value == "";
    if !is_empty && SECRETS.iter().any(|part| name.contains(part)) {
        return SECRET.into();
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), hidden(name, value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(values) => values.iter().map(|value| hidden(&name, value)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &Value, after: &Value, expected: &Value) {
        assert_eq!(&Value::Object(between(before, after)), expected);
    }

    #[test]
    fn fields_that_differ_are_told_with_both_values() {
        check(
            &json!({ "name": "a", "slug": "s" }),
            &json!({ "name": "b", "slug": "s" }),
            &json!({ "name": ["a", "b"] }),
        );
        check(
            &json!({ "privacy": { "ips": true, "emails": false } }),
            &json!({ "privacy": { "ips": true, "emails": true }, "age": 3 }),
            &json!({ "privacy.emails": [false, true], "age": [null, 3] }),
        );
        check(&json!({ "a": 1 }), &json!({ "a": 1 }), &json!({}));
    }

    #[test]
    fn secrets_are_named_and_not_told() {
        check(
            &json!({ "secretKey": "one", "token": null }),
            &json!({ "secretKey": "two", "token": "new" }),
            &json!({ "secretKey": [SECRET, SECRET], "token": [null, SECRET] }),
        );
        check(
            &json!({ "actions": [] }),
            &json!({ "actions": [{ "kind": "webhook", "url": "https://h/T0KEN" }] }),
            &json!({ "actions": [[], [{ "kind": "webhook", "url": SECRET }]] }),
        );
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = "é".repeat(VALUE_CHARS_MAX + 1);
        let changes = between(&json!({ "raw": "" }), &json!({ "raw": long }));
        let told = changes["raw"][1].as_str().unwrap();
        assert!(told.ends_with("… (4002 bytes)"), "{told}");
        let many: Map<String, Value> = (0..200).map(|n| (n.to_string(), json!(n))).collect();
        let changes = between(&json!({}), &Value::Object(many));
        assert_eq!(changes.len(), FIELDS_MAX);
    }
}
