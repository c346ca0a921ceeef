//! Rules about fingerprints: events that fit get the rule's fingerprint, and perhaps its title.
//!
//! Conditions on frames must all hold on one frame, conditions on exceptions on one exception.
//! The first rule that fits decides.

use std::fmt;

use crate::normalise::NormalEvent;

use super::matcher::{FrameFacts, Matcher, Subject};
use super::text::{Cursor, quote};
use super::{PARTS_MAX, PATTERN_CHARS_MAX, RuleError, read_all};

const SUBJECTS: &[Subject] = &[Subject::Frame, Subject::Exception, Subject::Event];

/// A project's rules about fingerprints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FingerprintRules {
    rules: Vec<Fingerprint>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::group) struct Fingerprint {
    matchers: Vec<Matcher>,
    /// Texts and `{{ variables }}`; at least one.
    pub(in crate::group) parts: Vec<String>,
    /// May hold `{{ variables }}`.
    pub(in crate::group) title: Option<String>,
}

impl FingerprintRules {
    /// Reads a text of rules.
    ///
    /// # Errors
    /// What is wrong first, and where.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let rules = read_all(text, rule)?;
        Ok(Self { rules })
    }

    /// Whether there are no rules.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The first rule that fits. `frames` are the event's, with what is known of them.
    pub(in crate::group) fn find(
        &self,
        event: &NormalEvent<'_>,
        frames: &[FrameFacts<'_>],
    ) -> Option<&Fingerprint> {
        self.rules.iter().find(|rule| rule.fits(event, frames))
    }
}

impl Fingerprint {
    fn fits(&self, event: &NormalEvent<'_>, frames: &[FrameFacts<'_>]) -> bool {
        let of = |subject: Subject| {
            self.matchers
                .iter()
                .filter(move |matcher| matcher.subject() == subject)
        };
        let needs = |subject| of(subject).next().is_some();
        of(Subject::Event).all(|matcher| matcher.on_event(event))
            && (!needs(Subject::Exception)
                || event.exceptions.iter().any(|exception| {
                    of(Subject::Exception).all(|matcher| matcher.on_exception(exception))
                }))
            && (!needs(Subject::Frame)
                || frames
                    .iter()
                    .any(|frame| of(Subject::Frame).all(|matcher| matcher.on_frame(frame))))
    }
}

fn rule(cursor: &mut Cursor<'_>) -> Result<Fingerprint, RuleError> {
    let mut matchers = Vec::new();
    loop {
        cursor.blanks();
        let from = cursor.at();
        if cursor.eat("->") {
            break;
        }
        if cursor.is_line_end() {
            return Err(cursor.error(from, "expected -> and a fingerprint"));
        }
        matchers.push(Matcher::read(cursor, SUBJECTS)?);
        if matchers.len() > PARTS_MAX {
            return Err(cursor.error(from, format!("at most {PARTS_MAX} conditions")));
        }
    }
    if matchers.is_empty() {
        let from = cursor.at().saturating_sub(2);
        return Err(cursor.error(from, "expected a condition before ->"));
    }
    let mut rule = Fingerprint {
        matchers,
        parts: Vec::new(),
        title: None,
    };
    loop {
        cursor.word(|c| c == ',' || (c != '\n' && c.is_whitespace()));
        let from = cursor.at();
        if cursor.is_line_end() {
            break;
        }
        if cursor.eat("title=") {
            rule.title = Some(part(cursor)?);
            continue;
        }
        let part = part(cursor)?;
        if part.is_empty() || part.chars().count() > PATTERN_CHARS_MAX {
            let message = format!("a part has 1 to {PATTERN_CHARS_MAX} characters");
            return Err(cursor.error(from, message));
        }
        rule.parts.push(part);
        if rule.parts.len() > PARTS_MAX {
            return Err(cursor.error(from, format!("at most {PARTS_MAX} parts")));
        }
    }
    if rule.parts.is_empty() {
        let from = cursor.at();
        return Err(cursor.error(from, "expected a fingerprint after ->"));
    }
    Ok(rule)
}

/// A text in quotes, a word, or words with `{{ variables }}` that may have blanks.
fn part(cursor: &mut Cursor<'_>) -> Result<String, RuleError> {
    if cursor.peek() == Some('"') {
        return cursor.quoted();
    }
    let mut out = String::new();
    loop {
        let from = cursor.at();
        if cursor.eat("{{") {
            let name = cursor.word(|c| c != '}' && c != '\n');
            if !cursor.eat("}}") {
                return Err(cursor.error(from, "this {{ is never closed"));
            }
            out.push_str("{{ ");
            out.push_str(name.trim());
            out.push_str(" }}");
            continue;
        }
        let word = cursor.word(|c| !c.is_whitespace() && !matches!(c, ',' | '{' | '"' | '#'));
        if word.is_empty() && !cursor.eat("{") {
            return Ok(out);
        }
        out.push_str(if word.is_empty() { "{" } else { word });
    }
}

fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '"' | ',' | '#' | '{' | '=')
}

impl fmt::Display for FingerprintRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for matcher in &self.matchers {
            write!(f, "{matcher} ")?;
        }
        f.write_str("->")?;
        for (place, part) in self.parts.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma} {}", quote(part, is_bare))?;
        }
        if let Some(title) = &self.title {
            write!(f, " title={}", quote(title, |_| false))?;
        }
        Ok(())
    }
}
