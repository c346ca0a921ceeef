//! Systems and runtimes that are told in one text, as .NET knows them: `Windows 11  (10.0.22631) 64bit`.
//!
//! What has a name keeps it, and the text stays beside what is read in it.

use std::borrow::Cow;

use protocol::event::Raw;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 40;
/// The first builds of Windows, and the versions that they are of.
const WINDOWS: &[(u32, &str)] = &[
    (22_000, "11"),
    (10_240, "10"),
    (9600, "8.1"),
    (9200, "8"),
    (7600, "7"),
    (6000, "Vista"),
];

/// Adds name and version to a context that has only the text.
pub(super) fn complete(raw: &mut Raw<'_>, is_runtime: bool) {
    // Most have a name.
    if !raw.get().contains("\"raw_description\"") {
        return;
    }
    let Ok(mut context) = serde_json::from_str::<Map<String, Value>>(raw.get()) else {
        return;
    };
    if context.get("name").is_some_and(|name| !name.is_null()) {
        return;
    }
    let text = context.get("raw_description").and_then(Value::as_str);
    let Some((name, version)) = text.and_then(parted) else {
        return;
    };
    let facts = if is_runtime {
        vec![("name", name), ("version", version)]
    } else {
        system(name, version, text.unwrap_or_default())
    };
    let facts: Vec<_> = facts
        .iter()
        .map(|(name, fact)| (*name, json!(fact)))
        .collect();
    for (name, fact) in facts {
        context.entry(name).or_insert(fact);
    }
    if let Ok(completed) = RawValue::from_string(Value::Object(context).to_string()) {
        *raw = Cow::Owned(completed);
    }
}

/// A name, and the number behind it.
fn parted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let mut from = 0;
    // The first word that begins with a digit.
    let at = loop {
        let space = text.get(from..)?.find(' ')? + from + 1;
        if text.get(space..)?.starts_with(|c: char| c.is_ascii_digit()) {
            break space;
        }
        from = space;
    };
    let (name, rest) = (text.get(..at)?.trim_end(), text.get(at..)?);
    let is_name = |c: char| c.is_alphabetic() || matches!(c, ' ' | '.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_name) {
        return None;
    }
    Some((name, number(rest)))
}

/// The number that a text begins with.
fn number(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let number = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    number.trim_end_matches('.')
}

fn system<'t>(name: &'t str, version: &'t str, text: &'t str) -> Vec<(&'static str, &'t str)> {
    match name {
        "Microsoft Windows" | "Microsoft Windows NT" | "Windows" | "Windows NT" => {
            windows(version, text)
        }
        // They say how old their kernel is.
        "Linux" | "Darwin" | "Unix" => vec![("name", name), ("kernel_version", version)],
        "Mac OS X" => vec![("name", "macOS"), ("version", version)],
        "Android OS" => vec![("name", "Android"), ("version", version)],
        _ => vec![("name", name), ("version", version)],
    }
}

/// Windows, by its build: `10.0.22631`, which may stand in brackets.
fn windows<'t>(version: &'t str, text: &'t str) -> Vec<(&'static str, &'t str)> {
    let inner = text.split_once('(').map(|(_, inner)| number(inner));
    let builds = [Some(version), inner].into_iter().flatten();
    let found = builds
        .filter_map(|number| number.split('.').nth(2))
        .find_map(|build| {
            let number: u32 = build.parse().ok()?;
            let (_, version) = WINDOWS.iter().find(|(first, _)| number >= *first)?;
            Some((build, *version))
        });
    match found {
        Some((build, version)) => {
            vec![("name", "Windows"), ("version", version), ("build", build)]
        }
        None => vec![("name", "Windows"), ("version", version)],
    }
}
