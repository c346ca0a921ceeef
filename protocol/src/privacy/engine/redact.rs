//! Applies steps to one text, and remembers which part of the new text is whose.

use std::ops::Range;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;

use super::super::json::chars;
use super::super::language::Dialect;
use super::super::language::builtin::{FILTERED, Redaction};
use super::super::language::kinds::{Kind, Pattern, Take};
use super::super::language::program::Step;
use super::super::notes::Remark;

pub(super) use crate::roster::PseudonymKey;

/// Stands for a part that is redacted already, while patterns look at the text around it.
const HOLE: char = '\0';
/// Bytes of a pseudonym, of those that the hash has.
const PSEUDONYM_BYTES: usize = 16;

/// A part of a text.
#[derive(Clone, Debug)]
struct Piece {
    text: String,
    /// Who put it there, and how; `None` is what was there.
    mark: Option<(Arc<str>, char)>,
    /// Notes tell of it.
    is_noted: bool,
}

/// A text on its way through the steps.
#[derive(Debug)]
pub(super) struct Text {
    pieces: Vec<Piece>,
    /// What patterns see: all of it, each part that is redacted already as one [`HOLE`].
    shown: String,
    pub(super) n_redactions: u32,
}

/// What is left of a value.
#[derive(Debug)]
pub(super) enum Left {
    /// All of it.
    Same,
    /// Nothing; this rule removed it.
    Nothing(Arc<str>),
    /// A new text.
    Text(String, Vec<Remark>),
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        Self {
            pieces: vec![Piece {
                text: text.to_owned(),
                mark: None,
                is_noted: false,
            }],
            shown: text.to_owned(),
            n_redactions: 0,
        }
    }

    /// What patterns see.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Takes the parts that a pattern finds.
    pub(super) fn apply(&mut self, step: &Step, pattern: &Pattern, key: Option<&PseudonymKey>) {
        let ranges = find(pattern, &self.shown);
        self.redact(step, ranges, key);
    }

    /// Takes the whole text.
    pub(super) fn apply_whole(&mut self, step: &Step, key: Option<&PseudonymKey>) {
        let all = 0..self.shown.len();
        self.redact(step, vec![all], key);
    }

    /// Puts new pieces where the ranges are; what they cover is gone.
    fn redact(&mut self, step: &Step, mut ranges: Vec<Range<usize>>, key: Option<&PseudonymKey>) {
        let shown = std::mem::take(&mut self.shown);
        // What is redacted already stays, unless there is more around it.
        ranges.retain(|range| {
            let taken = shown.get(range.clone()).unwrap_or_default();
            taken.chars().any(|c| c != HOLE)
        });
        if ranges.is_empty() {
            self.shown = shown;
            return;
        }
        let mut holes = std::mem::take(&mut self.pieces)
            .into_iter()
            .filter(|piece| piece.mark.is_some());
        let mut pieces = Vec::new();
        let mut at = 0;
        for range in ranges {
            keep(
                &mut pieces,
                shown.get(at..range.start).unwrap_or_default(),
                &mut holes,
            );
            let taken = shown.get(range.clone()).unwrap_or_default();
            let n_holes = taken.chars().filter(|c| *c == HOLE).count();
            holes.by_ref().take(n_holes).for_each(drop);
            let (text, kind) = substitute(step, taken, key);
            pieces.push(Piece {
                text,
                mark: Some((Arc::clone(&step.id), kind)),
                is_noted: step.redaction != Redaction::Drop,
            });
            self.n_redactions = self.n_redactions.saturating_add(1);
            at = range.end;
        }
        keep(&mut pieces, shown.get(at..).unwrap_or_default(), &mut holes);
        self.pieces = pieces;
        for piece in &self.pieces {
            match piece.mark {
                None => self.shown.push_str(&piece.text),
                Some(_) => self.shown.push(HOLE),
            }
        }
    }

    pub(super) fn into_left(self) -> Left {
        if self.n_redactions == 0 {
            return Left::Same;
        }
        let mut text = String::new();
        let mut remarks = Vec::new();
        let mut at = 0;
        for piece in self.pieces {
            let end = at + chars(piece.text.as_bytes());
            if let (Some((rule, kind)), true) = (piece.mark, piece.is_noted) {
                remarks.push(Remark {
                    rule,
                    kind,
                    range: Some(at..end),
                });
            }
            text.push_str(&piece.text);
            at = end;
        }
        Left::Text(text, remarks)
    }
}

/// Keeps a stretch of the text, with the holes in it filled again.
fn keep(pieces: &mut Vec<Piece>, stretch: &str, holes: &mut impl Iterator<Item = Piece>) {
    let mut parts = stretch.split(HOLE).peekable();
    while let Some(part) = parts.next() {
        if !part.is_empty() {
            pieces.push(Piece {
                text: part.to_owned(),
                mark: None,
                is_noted: false,
            });
        }
        if parts.peek().is_some() {
            // A text that held the character itself has fewer pieces than holes.
            pieces.push(holes.next().unwrap_or(Piece {
                text: HOLE.to_string(),
                mark: None,
                is_noted: false,
            }));
        }
    }
}

/// Where a pattern matches, in order and without overlap.
pub(super) fn find(pattern: &Pattern, text: &str) -> Vec<Range<usize>> {
    let is_right = |range: &Range<usize>| pattern.check.is_none_or(|check| check(text, range));
    match &pattern.take {
        Take::Text => pattern
            .regex
            .is_match(text)
            .then_some(0..text.len())
            .into_iter()
            .collect(),
        Take::Groups(groups) if groups.as_slice() == [0] => pattern
            .regex
            .find_iter(text)
            .map(|found| found.start()..found.end())
            .filter(|range| !range.is_empty() && is_right(range))
            .collect(),
        Take::Groups(groups) => {
            let mut ranges: Vec<Range<usize>> = Vec::new();
            for captures in pattern.regex.captures_iter(text) {
                let groups = groups.iter().filter_map(|n| captures.get(usize::from(*n)));
                let mut found: Vec<_> = groups.map(|group| group.start()..group.end()).collect();
                found.retain(|range| !range.is_empty() && is_right(range));
                found.sort_unstable_by_key(|range| (range.start, range.end));
                for range in found {
                    let from = ranges.last().map_or(0, |last| last.end);
                    if range.start >= from {
                        ranges.push(range);
                    }
                }
            }
            ranges
        }
    }
}

/// The text in the place of what was taken, and the letter for its kind.
pub(super) fn substitute(step: &Step, taken: &str, key: Option<&PseudonymKey>) -> (String, char) {
    match &step.redaction {
        Redaction::Remove | Redaction::Drop => (String::new(), 'x'),
        Redaction::Replace(text) => (text.clone(), 's'),
        Redaction::Mask => ("*".repeat(chars(taken.as_bytes())), 'm'),
        Redaction::Hash => match pseudonym(step.dialect, taken, key) {
            Some(pseudonym) => (pseudonym, 'p'),
            None => (FILTERED.to_owned(), 's'),
        },
    }
}

/// `None`: there is no key to make one with.
fn pseudonym(dialect: Dialect, text: &str, key: Option<&PseudonymKey>) -> Option<String> {
    let bytes = match dialect {
        Dialect::Reference => {
            let mut mac = <Hmac<Sha1>>::new_from_slice(&[]).ok()?;
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        Dialect::Vedette => {
            let mut mac = <Hmac<Sha256>>::new_from_slice(key?.bytes()).ok()?;
            mac.update(text.as_bytes());
            let mut bytes = mac.finalize().into_bytes().to_vec();
            bytes.truncate(PSEUDONYM_BYTES);
            bytes
        }
    };
    Some(hex::encode_upper(bytes))
}

/// Runs steps over a value that is no text: it goes as a whole or not at all.
pub(super) fn removes_value<'a>(
    steps: impl Iterator<Item = &'a Step>,
    mut key_matches: impl FnMut(&Pattern) -> bool,
) -> Option<&'a Step> {
    steps.into_iter().find(|step| match &step.kind {
        Kind::Anything => true,
        Kind::Patterns(_) => false,
        Kind::Pair { key, .. } => key_matches(key),
    })
}
