//! What was put right and what was cut, kept for the reader of the event.

use std::borrow::Cow;

use protocol::event::{Note, NoteKind, Raw, SentError};
use serde_json::{Map, Value, json};

/// Most corrections kept of one event.
pub const CORRECTIONS_MAX: usize = 100;
/// Most remarks kept of one event.
const REMARKS_MAX: usize = 1000;
/// Most characters of a value that is shown with its correction.
const VALUE_CHARS_MAX: usize = 200;

/// Something that was not as it should be, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// What was wrong.
    pub kind: CorrectionKind,
    /// The field, with dots: `exception.values.0.type`.
    pub path: String,
    /// The value that was left out or changed, and further facts.
    pub value: Option<Value>,
}

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorrectionKind {
    /// The value cannot be right.
    InvalidData,
    /// Events have no such field.
    InvalidAttribute,
    /// A part lacks what it cannot be without.
    MissingAttribute,
    /// The value is over its limit and was left out.
    ValueTooLong,
    /// The client's clock is off; times were moved.
    ClockDrift,
    /// The relay's clock is off; the time of receipt was moved.
    RelayClock,
    /// The event says it is of the future.
    FutureTimestamp,
    /// The event is older than events are kept.
    PastTimestamp,
    /// The name of an environment that cannot be one.
    InvalidEnvironment,
    /// An earlier program noted it.
    Sent(String),
}

impl CorrectionKind {
    /// The API's word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::InvalidData => "invalid_data",
            Self::InvalidAttribute => "invalid_attribute",
            Self::MissingAttribute => "missing_attribute",
            Self::ValueTooLong => "value_too_long",
            Self::ClockDrift => "clock_drift",
            Self::RelayClock => "relay_clock_drift",
            Self::FutureTimestamp => "future_timestamp",
            Self::PastTimestamp => "past_timestamp",
            Self::InvalidEnvironment => "invalid_environment",
            Self::Sent(name) => name,
        }
    }

    /// Words for a reader.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidData => "The value was left out because it is not valid",
            Self::InvalidAttribute => "Events have no such field; it was left out",
            Self::MissingAttribute => "A required field is missing",
            Self::ValueTooLong => "The value was left out because it is too long",
            Self::ClockDrift => "The client's clock is off; times were corrected",
            Self::RelayClock => "The relay's clock is off; the time of receipt was corrected",
            Self::FutureTimestamp => "The event's time lies in the future and was corrected",
            Self::PastTimestamp => "The event's time is too long ago and was corrected",
            Self::InvalidEnvironment => "The environment's name is not valid and was left out",
            Self::Sent(name) => match name.as_str() {
                "invalid_crash_report" => "The crash report could not be read",
                "invalid_minidump" => "The crash dump could not be read",
                "invalid_msgpack" => "A file of the crash could not be read to its end",
                "invalid_dying_message" => "The console's last message could not be read",
                "unread_prosperodump" => "What the console's dump says is not read",
                name => name,
            },
        }
    }
}

/// A cut: the place, what rule, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The field, with dots.
    pub path: String,
    /// Characters or bytes of the original.
    pub len: usize,
    /// Where the mark of the cut begins and ends, in characters; only of texts.
    pub mark: Option<(usize, usize)>,
}

/// How long a text may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    chars: usize,
    slack: usize,
}

impl Limit {
    /// Texts over `chars` and `slack` are cut to `chars`.
    pub(super) const fn new(chars: usize, slack: usize) -> Self {
        Self { chars, slack }
    }
}

/// Where normalisation writes down what it does.
#[derive(Debug, Default)]
pub(super) struct Journal {
    corrections: Vec<Correction>,
    remarks: Vec<Remark>,
}

impl Journal {
    pub(super) fn into_parts(self) -> (Vec<Correction>, Vec<Remark>) {
        (self.corrections, self.remarks)
    }

    pub(super) fn correct(
        &mut self,
        kind: CorrectionKind,
        path: impl Into<String>,
        value: Option<Value>,
    ) {
        if self.corrections.len() < CORRECTIONS_MAX {
            self.corrections.push(Correction {
                kind,
                path: path.into(),
                value,
            });
        }
    }

    /// A value that cannot be right, shown with its correction.
    pub(super) fn invalid(&mut self, path: impl Into<String>, value: &str) {
        self.correct(CorrectionKind::InvalidData, path, Some(shown(value)));
    }

    pub(super) fn remark(&mut self, remark: Remark) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(remark);
        }
    }

    pub(super) fn take_notes(&mut self, notes: Vec<Note>, n_omitted: usize) {
        for note in notes {
            let (kind, value) = match note.kind {
                NoteKind::Expected(what) => (
                    CorrectionKind::InvalidData,
                    Some(json!({ "expected": what })),
                ),
                NoteKind::Unknown => (CorrectionKind::InvalidAttribute, None),
            };
            self.correct(kind, note.path, value);
        }
        if n_omitted > 0 {
            self.correct(
                CorrectionKind::InvalidData,
                "",
                Some(json!({ "omitted": n_omitted })),
            );
        }
    }

    pub(super) fn take_sent(&mut self, errors: Vec<SentError<'_>>) {
        for error in errors {
            let Some(kind) = error.ty else { continue };
            let kind = CorrectionKind::Sent(kind.chars().take(VALUE_CHARS_MAX).collect());
            let value = error.value.map(|raw| shown(raw.get()));
            let path: String = error.name.unwrap_or_default().chars().take(200).collect();
            self.correct(kind, path, value);
        }
    }

    /// Cuts a text that is over its limit; the path is only built then.
    pub(super) fn cut(
        &mut self,
        text: &mut Option<Cow<'_, str>>,
        limit: Limit,
        path: impl FnOnce() -> String,
    ) {
        if let Some(text) = text {
            self.cut_text(text, limit, path);
        }
    }

    pub(super) fn cut_text(
        &mut self,
        text: &mut Cow<'_, str>,
        limit: Limit,
        path: impl FnOnce() -> String,
    ) {
        if text.len() <= limit.chars + limit.slack {
            return;
        }
        let len = text.chars().count();
        if len <= limit.chars + limit.slack {
            return;
        }
        let start = limit.chars.saturating_sub(3);
        let mut kept: String = text.chars().take(start).collect();
        kept.push_str("...");
        *text = Cow::Owned(kept);
        self.remark(Remark {
            path: path(),
            len,
            mark: Some((start, limit.chars)),
        });
    }
}

/// A value short enough to show.
pub(super) fn shown(value: &str) -> Value {
    Value::String(value.chars().take(VALUE_CHARS_MAX).collect())
}

/// The `_meta` tree: `{"field": {"": {"rem": …, "len": …}}}`, ours put into the sent one.
pub(super) fn meta(sent: Option<&Raw<'_>>, remarks: &[Remark]) -> Value {
    let sent = sent.and_then(|raw| serde_json::from_str(raw.get()).ok());
    merged(sent.unwrap_or_default(), remarks)
}

/// The same with the sent one read already.
pub(super) fn merged(sent: Value, remarks: &[Remark]) -> Value {
    let mut tree = match sent {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    for remark in remarks {
        let rem = match remark.mark {
            Some((start, end)) => json!([["!limit", "s", start, end]]),
            None => json!([["!limit", "x"]]),
        };
        let note = json!({ "rem": rem, "len": remark.len });
        attach(&mut tree, &steps(&remark.path), note);
    }
    Value::Object(tree)
}

/// The names that lead to a field. Names of attributes have dots in them: of an entry, and of the
/// events and links of a span.
fn steps(path: &str) -> Vec<&str> {
    let (of, rest) = path.split_at(path.find("attributes.").unwrap_or(path.len()));
    let is_part = of.is_empty() || of.starts_with("events.") || of.starts_with("links.");
    match rest.strip_prefix("attributes.").filter(|_| is_part) {
        Some(name) => {
            let of = of.split('.').filter(|step| !step.is_empty());
            of.chain(["attributes", name, "value"]).collect()
        }
        None => path.split('.').collect(),
    }
}

/// Puts a note under the empty name of its field.
fn attach(tree: &mut Map<String, Value>, path: &[&str], note: Value) {
    let Some((name, rest)) = path.split_first() else {
        let note = match tree.remove("") {
            Some(known) => joined(&known, note),
            None => note,
        };
        tree.insert(String::new(), note);
        return;
    };
    let child = tree.entry(*name).or_insert(Value::Null);
    if !child.is_object() {
        *child = Value::Object(Map::new());
    }
    if let Value::Object(child) = child {
        attach(child, rest, note);
    }
}

/// A note behind an earlier one of the same text: what that says of the part that is left, and how
/// long the text was at first.
fn joined(known: &Value, mut note: Value) -> Value {
    let remarks = |note: &Value| note.get("rem").and_then(Value::as_array).cloned();
    let mut all = remarks(known).unwrap_or_default();
    let ours = remarks(&note).unwrap_or_default();
    let begin = |remark: &Value| remark.get(2).and_then(Value::as_u64);
    let end = ours.first().and_then(begin);
    all.retain(|remark| end.is_none() || begin(remark) < end);
    all.extend(ours);
    if let Value::Object(note) = &mut note {
        note.insert("rem".to_owned(), Value::Array(all));
        if let Some(len) = known.get("len") {
            note.insert("len".to_owned(), len.clone());
        }
    }
    note
}
