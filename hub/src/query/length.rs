//! Texts that are longer than what events are known by: rather refused than answered by less.

use std::ops::Range;

use super::value::{Part, Pattern, Value};
use super::{Key, QueryError, Scope};

/// Longest value events are known by, in characters; of a longer one the rest is found by its
/// words.
pub const VALUE_CHARS_MAX: usize = 256;
/// Words of so many bytes are not known.
pub const WORD_BYTES_MAX: usize = 128;

/// Refuses words that no event is known by.
pub(super) fn check_words(pattern: &Pattern, span: &Range<usize>) -> Result<(), QueryError> {
    let mut words = literals(pattern).flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    if words.all(|word| word.len() < WORD_BYTES_MAX) {
        return Ok(());
    }
    let message = format!(
        "words of {WORD_BYTES_MAX} bytes and more are not searched for; leave the word out"
    );
    Err(QueryError::new(span.clone(), message))
}

/// Refuses values of a key that are longer than any that is kept.
pub(super) fn check_value(key: &Key, value: &Value, span: &Range<usize>) -> Result<(), QueryError> {
    let patterns = match value {
        Value::Text(pattern) => std::slice::from_ref(pattern),
        Value::List(patterns) => patterns,
        Value::None | Value::Number(_) | Value::Date(_) => return Ok(()),
    };
    let is_words = |pattern: &Pattern| key.name() == "message" && pattern.as_literal().is_some();
    for pattern in patterns.iter().filter(|_| key.scope() == Scope::Event) {
        if is_words(pattern) {
            check_words(pattern, span)?;
        } else if literals(pattern).map(chars).sum::<usize>() > VALUE_CHARS_MAX {
            let message = format!(
                "values are compared by their first {VALUE_CHARS_MAX} characters; write no more \
                 of it, and a * behind"
            );
            return Err(QueryError::new(span.clone(), message));
        }
    }
    Ok(())
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn literals(pattern: &Pattern) -> impl Iterator<Item = &str> {
    pattern.parts.iter().filter_map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Any => None,
    })
}
