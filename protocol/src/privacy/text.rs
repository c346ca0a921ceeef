//! Runs the rules over one text, only those that the text's bytes promise work for.

use std::sync::LazyLock;

use aho_corasick::packed::Searcher;

use super::found::{Found, Label, replace, settle};
use super::json::{AT, DASH, DOT, PAIR, PERCENT, QUOTE, Sight};
use super::keys::Keys;
use super::pairs::{self, Prose};
use super::safe::SafePlaces;
use super::{addresses, named, numbers, secrets};
use crate::roster::PrivacySettings;

/// What kind of text it is, which decides about the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing in it is private: ids, times, names of functions.
    Skip,
    /// Data and messages: every rule.
    Text,
    /// URLs and routes: every rule but the one for paths to a home.
    Url,
    /// Cookies, joined by semicolons.
    Cookie,
    /// A line of a program.
    Source,
}

/// Words that the rules for credentials and paths wait for; a vector search finds the first of them. None is shorter than five
/// bytes: by two or three the search would stop at every other line of a program.
/// They are found in raw JSON too, unless hidden by `\u` escapes.
const WORDS: &[&str] = &[
    "earer",
    "EARER",
    "asic ",
    "ASIC ",
    "form-data;",
    "VALUES",
    "values (",
    "values(",
    "/home",
    "/Users",
    ":/users",
    "sers\\",
    "SERS\\",
    "ocuments and ",
    "rofiles\\",
];

static WORD_SEARCH: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(WORDS));

/// The next of the words at or after `from`.
pub(super) fn next_word(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    match WORD_SEARCH.as_ref() {
        Some(search) => search.find(rest).map(|word| from + word.start()),
        // Without the search every text is inspected.
        None => Some(from),
    }
}

/// Most bytes between a comma and the quote behind it.
const BETWEEN_MAX: usize = 16;

/// Whether elements of XML end in a text; in raw JSON a backslash may stand before the slash.
pub(super) fn has_elements(text: &[u8]) -> bool {
    let mut opened = memchr::memchr_iter(b'<', text).map(|n| text.get(n + 1..).unwrap_or_default());
    opened.any(|rest| rest.starts_with(b"/") || rest.starts_with(b"\\/"))
}

/// Whether a text has what options of a command line or the frame of a PEM key begin with.
fn has_dashes(text: &[u8]) -> bool {
    memchr::memchr_iter(b'-', text).any(|n| {
        let behind = text.get(n + 1..).unwrap_or_default();
        matches!(behind, [b'-', next, ..] if next.is_ascii_alphabetic() || *next == b'-')
    })
}

/// Whether a text has a comma between two quotes, as in a printed list of pairs; in raw JSON quotes may have backslashes before
/// them, and in Python letters.
fn has_quoted_list(text: &[u8]) -> bool {
    let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'\'' | b'"'));
    let is_between = |byte: &&u8| matches!(byte, b' ' | b'\\') || b"bBuUrRfF".contains(byte);
    memchr::memchr_iter(b',', text).any(|n| {
        let before = n.checked_sub(1).and_then(|n| text.get(n));
        let mut behind = text
            .get(n + 1..)
            .unwrap_or_default()
            .iter()
            .take(BETWEEN_MAX);
        is_quote(before) && is_quote(behind.find(|byte| !is_between(byte)))
    })
}

/// Whether a text has what stands for a word among signs. `is_escaped` is whether a double quote may be in it.
#[inline]
pub(super) fn has_signs(text: &[u8], sight: Sight, is_escaped: bool) -> bool {
    sight.has(DASH) && has_dashes(text) || (is_escaped || sight.has(QUOTE)) && has_quoted_list(text)
}

/// Whether a text has one of the words.
fn has_word(text: &[u8], sight: Sight) -> bool {
    next_word(text, 0).is_some() || has_signs(text, sight, true) || has_elements(text)
}

/// Most rounds over one text.
const ROUNDS_MAX: usize = 4;

/// The switches of one project that change which rules run.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) keys: Keys,
    pub(super) safe: Option<SafePlaces>,
    pub(super) emails: bool,
    pub(super) ips: bool,
}

impl Rules {
    pub(super) fn new(settings: &PrivacySettings) -> Self {
        Self {
            keys: Keys::new(settings),
            safe: SafePlaces::new(&settings.safe_fields),
            emails: settings.scrub_emails,
            ips: settings.scrub_ip_addresses,
        }
    }

    /// Whether a text of this sight needs to be inspected.
    #[inline]
    pub(super) fn wants(&self, sight: Sight, has_word: bool) -> bool {
        let by_settings = self.ips && sight.has(DOT | PAIR) && sight.digits > 0
            || self.emails && sight.has(PERCENT);
        has_word || sight.has(AT | PAIR) || numbers::may_be_in(sight) || by_settings
    }

    /// Inspects a decoded text. What is found is sorted and does not overlap.
    pub(super) fn inspect(&self, text: &[u8], mode: Mode, found: &mut Vec<Found>) {
        found.clear();
        let sight = Sight::of(text);
        let has_word = has_word(text, sight);
        if mode == Mode::Skip || !self.wants(sight, has_word) {
            return;
        }
        self.inspect_at_sight(text, mode, sight, has_word, found);
    }

    /// Puts labels in the place of what was found, until nothing is found any more: a label may part what hid a secret from its rule.
    pub(super) fn clean(
        &self,
        text: &[u8],
        mode: Mode,
        found: &mut Vec<Found>,
    ) -> (Vec<u8>, Vec<Label>) {
        let (mut clean, mut labels) = replace(text, found);
        for _ in 1..ROUNDS_MAX {
            self.inspect(&clean, mode, found);
            if found.is_empty() {
                break;
            }
            let (cleaner, later) = replace(&clean, found);
            labels = Label::carry(labels, &clean, found, later);
            clean = cleaner;
        }
        (clean, labels)
    }

    /// As [`Rules::inspect`], for a text that was looked at already.
    pub(super) fn inspect_at_sight(
        &self,
        text: &[u8],
        mode: Mode,
        sight: Sight,
        has_word: bool,
        found: &mut Vec<Found>,
    ) {
        found.clear();
        let is_source = mode == Mode::Source;
        if numbers::may_be_in(sight) {
            numbers::find(text, found);
        }
        if sight.has(PAIR) {
            let prose = match mode {
                Mode::Source => Prose::Source,
                Mode::Cookie => Prose::Cookies,
                Mode::Skip | Mode::Text | Mode::Url => Prose::Text,
            };
            pairs::find(text, &self.keys, prose, found);
            if !is_source && sight.has(PERCENT) {
                named::encoded(text, &self.keys, found);
            }
        }
        if sight.has(AT) {
            secrets::url_credentials(text, is_source, found);
        }
        if has_word {
            secrets::bearer(text, found);
            secrets::basic(text, found);
            secrets::pem(text, found);
            if mode != Mode::Url {
                addresses::user_paths(text, found);
            }
            if !is_source {
                named::options(text, &self.keys, found);
                named::tuples(text, &self.keys, found);
                named::elements(text, &self.keys, found);
                named::columns(text, &self.keys, found);
                named::parts(text, &self.keys, found);
            }
        }
        if self.emails && sight.has(AT | PERCENT) {
            addresses::emails(text, found);
        }
        if self.ips && sight.has(DOT | PAIR) {
            addresses::ips(text, found);
        }
        settle(found);
    }
}
