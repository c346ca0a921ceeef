//! The fields of the index, and how an event becomes a document.
//!
//! Three kinds of field serve every question. Numbers (`project`, `issue`, `timestamp`, `row`,
//! `user`, `others`, `users_of_others`) are columns. `pair` holds every exact fact as one term, `key\u{1f}value` in small
//! letters, so a key needs no schema and a tag costs no column. `text` holds the words, and
//! `message` those of what was said of the error alone. `fact` holds keys and values once more, by project and as they are written, for those who are to be offered
//! them.

use std::collections::BTreeSet;

use protocol::ids::ProjectId;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RawTokenizer, RemoveLongFilter, SimpleTokenizer, TextAnalyzer,
    TokenizerManager,
};
use tantivy::{TantivyDocument, doc};

use super::{Document, Frame, User};
use crate::query::{VALUE_CHARS_MAX, WORD_BYTES_MAX};

/// Parts key and value in a term of `pair`.
pub(super) const SEPARATOR: char = '\u{1f}';
/// Most bytes of text indexed per event.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The fields by name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) row: Field,
    pub(super) project: Field,
    pub(super) issue: Field,
    pub(super) timestamp: Field,
    pub(super) user: Field,
    pub(super) others: Field,
    pub(super) users_of_others: Field,
    pub(super) pair: Field,
    pub(super) has: Field,
    pub(super) text: Field,
    pub(super) message: Field,
    pub(super) fact: Field,
}

/// The schema; its version is part of the directory's name, so a change begins a new index.
pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    let exact = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("exact")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::Basic),
    );
    let words = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("words")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::WithFreqsAndPositions),
    );
    let fields = Fields {
        row: builder.add_i64_field("row", INDEXED | FAST),
        project: builder.add_u64_field("project", INDEXED | FAST),
        issue: builder.add_i64_field("issue", INDEXED | FAST),
        timestamp: builder.add_i64_field("timestamp", INDEXED | FAST),
        user: builder.add_u64_field("user", FAST),
        others: builder.add_u64_field("others", FAST),
        users_of_others: builder.add_u64_field("users_of_others", FAST),
        pair: builder.add_text_field("pair", exact.clone()),
        has: builder.add_text_field("has", exact.clone()),
        text: builder.add_text_field("text", words.clone()),
        message: builder.add_text_field("message", words),
        fact: builder.add_text_field("fact", exact),
    };
    (builder.build(), fields)
}

/// The two ways text is cut.
pub(super) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register("exact", RawTokenizer::default());
    manager.register("words", words());
    manager
}

/// Words: runs of letters and digits, small, without accents.
pub(super) fn words() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// One exact fact as a term.
pub(super) fn pair(key: &str, value: &str) -> String {
    let mut term = String::with_capacity(key.len() + 1 + value.len());
    term.push_str(key);
    term.push(SEPARATOR);
    term.extend(
        value
            .chars()
            .take(VALUE_CHARS_MAX)
            .flat_map(char::to_lowercase),
    );
    term
}

/// What the terms of a project's keys begin with.
pub(super) fn key_prefix(project: ProjectId) -> String {
    format!("k{project}{SEPARATOR}")
}

/// What the terms of the values of a project's key begin with.
pub(super) fn value_prefix(project: ProjectId, key: &str) -> String {
    format!("v{project}{SEPARATOR}{key}{SEPARATOR}")
}

/// What the terms of the values of all tags of a project begin with.
pub(super) fn tags_prefix(project: ProjectId) -> String {
    format!("v{project}{SEPARATOR}{}", tag_key(""))
}

/// The term of a value: in small letters, so that it is found by them, and behind those as it is
/// written where that is something else.
fn value_term(project: ProjectId, key: &str, value: &str) -> String {
    let value: String = value
        .chars()
        .take(VALUE_CHARS_MAX)
        .map(|c| if c == SEPARATOR { ' ' } else { c })
        .collect();
    let mut term = value_prefix(project, key);
    let small = value.to_lowercase();
    term.push_str(&small);
    if small != value {
        term.push(SEPARATOR);
        term.push_str(&value);
    }
    term
}

/// The key of a tag's facts, which never clash with a field's.
pub(super) fn tag_key(name: &str) -> String {
    format!("#{name}")
}

/// An event as the engine keeps it.
pub(super) fn document(fields: &Fields, event: &Document) -> TantivyDocument {
    let mut document = doc!(
        fields.row => event.row,
        fields.issue => event.issue,
        fields.timestamp => event.timestamp.as_millis(),
    );
    if let Some(project) = event.project {
        document.add_u64(fields.project, project.get());
    }
    if let Some(user) = user_hash(&event.user) {
        document.add_u64(fields.user, user);
    }
    if event.n_others > 0 {
        document.add_u64(fields.others, event.n_others);
    }
    for user in event.users_of_others.iter().filter_map(user_hash) {
        document.add_u64(fields.users_of_others, user);
    }
    let mut facts = Facts {
        fields,
        document: &mut document,
        project: event.project,
        last_key: String::new(),
    };
    facts.fields_of(event);
    facts.texts_of(event);
    document
}

/// A number for the person, the same for the same person.
fn user_hash(user: &User) -> Option<u64> {
    let named = [
        ("id", &user.id),
        ("username", &user.username),
        ("email", &user.email),
    ];
    let ip = ("ip", &user.ip);
    let (kind, value) = named
        .into_iter()
        .chain([ip])
        .find_map(|(kind, value)| Some((kind, value.as_ref()?)))?;
    let name = format!("{kind}:{value}");
    Some(fnv1a(name.as_bytes()))
}

/// FNV-1a, 64 bits: stable across versions, which the standard hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

struct Facts<'d> {
    fields: &'d Fields,
    document: &'d mut TantivyDocument,
    project: Option<ProjectId>,
    /// `has` is written once per key: facts of one key come together.
    last_key: String,
}

impl Facts<'_> {
    fn fact(&mut self, key: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.document.add_text(self.fields.pair, pair(key, value));
        let is_first = self.last_key != key;
        if is_first {
            self.document.add_text(self.fields.has, key);
            key.clone_into(&mut self.last_key);
        }
        if let Some(project) = self.project.filter(|_| is_offered(key)) {
            let fact = self.fields.fact;
            if is_first {
                let term = format!("{}{key}", key_prefix(project));
                self.document.add_text(fact, term);
            }
            self.document
                .add_text(fact, value_term(project, key, value));
        }
    }

    fn optional(&mut self, key: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.fact(key, value);
        }
    }

    fn fields_of(&mut self, event: &Document) {
        if let Some(id) = event.event_id {
            self.fact("id", &id.to_string());
        }
        self.fact("level", &event.level);
        self.fact("platform.name", &event.platform);
        self.fact("event.type", &event.kind);
        self.fact("title", &event.title);
        self.fact("culprit", &event.culprit);
        self.optional("location", event.location.as_ref());
        self.fact("message", &event.message);
        self.optional("release", event.release.as_ref());
        self.optional("environment", event.environment.as_ref());
        self.optional("dist", event.dist.as_ref());
        self.optional("transaction", event.transaction.as_ref());
        self.optional("server_name", event.server_name.as_ref());
        self.optional("logger", event.logger.as_ref());
        self.optional("http.url", event.url.as_ref());
        self.optional("http.method", event.method.as_ref());
        self.optional("sdk.name", event.sdk.as_ref());
        self.optional("sdk.version", event.sdk_version.as_ref());
        self.optional("trace", event.trace_id.as_ref());
        let user = &event.user;
        self.optional("user.id", user.id.as_ref());
        self.optional("user.email", user.email.as_ref());
        self.optional("user.username", user.username.as_ref());
        self.optional("user.ip", user.ip.as_ref());
        if let Some(handled) = event.handled {
            self.fact("error.handled", if handled { "true" } else { "false" });
            self.fact("error.unhandled", if handled { "false" } else { "true" });
        }
        for (kind, _) in &event.exceptions {
            self.fact("error.type", kind);
        }
        for (_, value) in &event.exceptions {
            self.fact("error.value", value);
        }
        self.frames_of(event);
        for (key, value) in &event.facts {
            self.fact(key, value);
        }
        for (key, value) in &event.tags {
            self.fact(&tag_key(key), value);
        }
    }

    fn frames_of(&mut self, event: &Document) {
        for frame in &event.frames {
            self.optional("stack.function", frame.function.as_ref());
        }
        for frame in &event.frames {
            self.optional("stack.module", frame.module.as_ref());
        }
        for frame in &event.frames {
            self.optional("stack.filename", frame.filename.as_ref());
        }
        for frame in &event.frames {
            self.optional("stack.abs_path", frame.abs_path.as_ref());
        }
        for frame in &event.frames {
            self.optional("stack.package", frame.package.as_ref());
        }
        for line in numbers(event, |frame| frame.lineno) {
            self.fact("stack.lineno", &line.to_string());
        }
        for column in numbers(event, |frame| frame.colno) {
            self.fact("stack.colno", &column.to_string());
        }
        for (in_app, word) in [(true, "true"), (false, "false")] {
            if event.frames.iter().any(|frame| frame.in_app == in_app) {
                self.fact("stack.in_app", word);
            }
        }
    }

    /// Every word a person may remember of the event, most telling first, up to the limit.
    fn texts_of(&mut self, event: &Document) {
        let mut left = TEXT_BYTES_MAX;
        let exceptions = event
            .exceptions
            .iter()
            .flat_map(|(kind, value)| [kind, value]);
        let frames = event
            .frames
            .iter()
            .flat_map(|frame| [&frame.function, &frame.module, &frame.filename])
            .flatten();
        let named = [
            &event.transaction,
            &event.url,
            &event.logger,
            &event.server_name,
            &event.release,
            &event.environment,
            &event.user.id,
            &event.user.username,
            &event.user.email,
        ];
        let said = [&event.message, &event.title].into_iter().chain(exceptions);
        let others = named.into_iter().flatten().chain(frames);
        let others = others
            .chain(event.tags.iter().map(|(_, value)| value))
            .chain(event.breadcrumbs.iter());
        let mut seen = std::collections::HashSet::new();
        let texts = said.map(|text| (text, true));
        for (text, is_said) in texts.chain(others.map(|text| (text, false))) {
            let text = whole_words(text, left);
            if text.is_empty() || !seen.insert(text) {
                continue;
            }
            left -= text.len();
            self.words(text, is_said);
            if let Some(parted) = part_camel_case(text) {
                self.words(&parted, is_said);
            }
        }
    }

    fn words(&mut self, text: &str, is_said: bool) {
        self.document.add_text(self.fields.text, text);
        if is_said {
            self.document.add_text(self.fields.message, text);
        }
    }
}

/// As much of a text as there is room for, without a word that is cut.
fn whole_words(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let begin = text.get(..text.floor_char_boundary(bytes_max));
    let begin = begin.unwrap_or_default();
    let end = begin.rfind(|c: char| !c.is_alphanumeric());
    begin.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The different numbers that frames have.
fn numbers(event: &Document, of: fn(&Frame) -> Option<u64>) -> BTreeSet<u64> {
    event.frames.iter().filter_map(of).collect()
}

/// Whether people are offered a key and its values: not what is different with every event, or is
/// looked for by its words.
pub(super) fn is_offered(key: &str) -> bool {
    let is_different = matches!(
        key,
        "id" | "trace" | "title" | "message" | "error.value" | "stack.lineno" | "stack.colno"
    ) || matches!(
        key,
        "trace.span" | "trace.parent_span" | "device.uuid" | "user.display"
    );
    !is_different && !key.contains(SEPARATOR)
}

/// `PaymentError` as `Payment Error`, so that each of its words is found; `None` when the text
/// holds no such name.
fn part_camel_case(text: &str) -> Option<String> {
    let mut parted = String::new();
    let mut was_lower = false;
    for c in text.chars() {
        if c.is_uppercase() && was_lower {
            parted.push(' ');
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
        parted.push(c);
    }
    (parted.len() > text.len()).then_some(parted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_names_into_words() {
        assert_eq!(
            part_camel_case("PaymentError"),
            Some("Payment Error".to_owned())
        );
        assert_eq!(
            part_camel_case("loadOrder2Go"),
            Some("load Order2 Go".to_owned())
        );
        assert_eq!(part_camel_case("plain words"), None);
    }

    #[test]
    fn what_has_no_room_is_cut_between_words() {
        let check = |bytes_max: usize, expected: &str| {
            assert_eq!(
                whole_words("zwölf Äpfel", bytes_max),
                expected,
                "{bytes_max}"
            );
        };
        check(0, "");
        check(3, "");
        check(6, "");
        check(7, "zwölf");
        check(8, "zwölf");
        check(12, "zwölf");
        check(13, "zwölf Äpfel");
    }

    #[test]
    fn cuts_and_folds_facts() {
        assert_eq!(pair("level", "ERROR"), "level\u{1f}error");
        assert_eq!(pair("k", &"x".repeat(1000)).len(), 2 + VALUE_CHARS_MAX);
    }
}
