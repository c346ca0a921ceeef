//! Remembers what was removed and writes it into `_meta`, in Sentry's form.
//!
//! The tree has the keys of the payload; at each node the key `""` holds `{"rem": [[rule, type, start, end]], "len": …}`.
//! Type `s` is substituted, with the range of the label in characters of the new text; type `x` is removed.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};

use super::found::Label;
use super::json::{chars, decode};
use super::rules::Rule;

/// Most notes of one payload; what is removed beyond is removed all the same, without a note.
pub(super) const NOTES_MAX: usize = 500;
/// Most remarks of one note.
const REMARKS_MAX: usize = 50;

/// A step from the root to a value.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The key's raw bytes in the payload.
    Key(Range<usize>),
    Index(usize),
}

/// One value that was changed.
#[derive(Clone, Debug)]
pub(super) struct Note {
    /// The value in the payload.
    pub(super) range: Range<usize>,
    pub(super) path: Vec<Step>,
    pub(super) change: Change,
}

/// What happened to a value.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Labels stand in a text, whose length in characters was this.
    Labels { labels: Vec<Label>, length: usize },
    /// One label stands for the whole value; the length is known for texts.
    Whole { rule: Rule, length: Option<usize> },
    /// `null` stands for the whole value; the length is known for texts.
    Removed { rule: Rule, length: Option<usize> },
    /// Rules that people wrote; the length is known for texts.
    Remarks {
        remarks: Vec<Remark>,
        length: Option<usize>,
    },
}

/// What one rule did to a value.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    pub(super) rule: Arc<str>,
    /// `x` removed, `s` substituted, `m` masked, `p` pseudonymised.
    pub(super) kind: char,
    /// What stands there now, in characters of the new text; `None` when the value is gone.
    pub(super) range: Option<Range<usize>>,
}

impl Remark {
    fn to_json(&self) -> Value {
        match &self.range {
            Some(range) => json!([*self.rule, self.kind, range.start, range.end]),
            None => json!([*self.rule, self.kind]),
        }
    }
}

impl Change {
    /// The length in characters of a text, for the note about it.
    pub(super) fn length(text: &[u8]) -> usize {
        chars(text)
    }

    fn annotation(&self) -> Value {
        match self {
            Self::Labels { labels, length } => {
                let remarks: Vec<Value> = labels
                    .iter()
                    .take(REMARKS_MAX)
                    .map(|label| json!([label.rule.id(), "s", label.range.start, label.range.end]))
                    .collect();
                json!({"rem": remarks, "len": length})
            }
            Self::Whole {
                rule,
                length: Some(length),
            } => json!({"rem": [[rule.id(), "s", 0, rule.label().len()]], "len": length}),
            Self::Whole { rule, length: None } => {
                json!({"rem": [[rule.id(), "s", 0, rule.label().len()]]})
            }
            Self::Removed {
                rule,
                length: Some(length),
            } => json!({"rem": [[rule.id(), "x"]], "len": length}),
            Self::Removed { rule, length: None } => json!({"rem": [[rule.id(), "x"]]}),
            Self::Remarks { remarks, length } => {
                let remarks = remarks.iter().take(REMARKS_MAX).map(Remark::to_json);
                let remarks: Vec<Value> = remarks.collect();
                let mut annotation = serde_json::Map::new();
                if !remarks.is_empty() {
                    annotation.insert("rem".to_owned(), Value::from(remarks));
                }
                if let Some(length) = length {
                    annotation.insert("len".to_owned(), json!(length));
                }
                Value::from(annotation)
            }
        }
    }
}

/// Merges the notes into what `_meta` held before. What cannot be read is given up: it describes the payload, it is not part of it.
pub(super) fn merge(payload: &[u8], notes: &[Note], before: Option<&[u8]>) -> Vec<u8> {
    let mut root: Value = before
        .and_then(|text| serde_json::from_slice(text).ok())
        .unwrap_or_default();
    for note in notes {
        let mut node = object(&mut root);
        for step in &note.path {
            node = object(&mut node[name(payload, step).as_str()]);
        }
        let is_gone = matches!(
            note.change,
            Change::Whole { length: None, .. }
                | Change::Removed { length: None, .. }
                | Change::Remarks { length: None, .. }
        );
        if is_gone {
            // Nothing is left below.
            *node = json!({});
        }
        annotate(object(&mut node[""]), note.change.annotation());
    }
    serde_json::to_vec(object(&mut root)).unwrap_or_else(|_| b"{}".to_vec())
}

/// The value as an object: what is something else is replaced by an empty one.
fn object(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    value
}

fn name(payload: &[u8], step: &Step) -> String {
    match step {
        Step::Index(index) => index.to_string(),
        Step::Key(raw) => {
            let mut key = Vec::new();
            decode(payload.get(raw.clone()).unwrap_or_default(), &mut key);
            String::from_utf8_lossy(&key).into_owned()
        }
    }
}

/// Adds remarks behind those that are there; the first length is the true one.
fn annotate(own: &mut Value, annotation: Value) {
    let Value::Object(annotation) = annotation else {
        return;
    };
    for (key, value) in annotation {
        match (&mut own[key.as_str()], value) {
            (Value::Array(old), Value::Array(new)) => old.extend(new),
            (old @ Value::Null, new) => *old = new,
            _ => {}
        }
    }
}
