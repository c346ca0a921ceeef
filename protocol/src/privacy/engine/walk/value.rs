//! Runs the steps over one value, and notes what they did.

use std::ops::Range;
use std::sync::Arc;

use super::super::super::ScrubError;
use super::super::super::edits::Edit;
use super::super::super::json::{self, Escapes, Token};
use super::super::super::language::builtin::Redaction;
use super::super::super::language::kinds::{Kind, Pattern};
use super::super::super::language::selector::types;
use super::super::super::notes::{Change, NOTES_MAX, Note, Remark, Step as PathStep};
use super::super::bits::{Bits, INDEX_MARK};
use super::super::redact::{Left, Text, removes_value};
use super::{Meta, Next, Walk, not_json};

impl Walk<'_> {
    /// The rule that removes a value which is no text.
    pub(super) fn removal(&mut self, next: Next, bits: Bits) -> Option<Arc<str>> {
        if !next.is_reached() {
            return None;
        }
        let plan = self.plans.find(self.program, bits, next.spot.reach);
        let plan = self.plans.get(plan)?;
        let steps = plan.steps.iter().filter_map(|n| self.program.steps.get(*n));
        let key = &self.key;
        let step = removes_value(steps, |pattern| key_matches(key, next, pattern))?;
        Some(Arc::clone(&step.id))
    }

    pub(super) fn text(&mut self, at: usize, next: Next) -> Result<usize, ScrubError> {
        if !next.is_reached() {
            let token = json::skip_string(self.bytes, at + 1).map_err(not_json)?;
            return Ok(token.raw.end + 1);
        }
        let bits = self.step(next, types::STRING);
        let plan = self.plans.find(self.program, bits, next.spot.reach);
        let is_idle = self
            .plans
            .get(plan)
            .is_none_or(|plan| plan.steps.is_empty());
        let token = json::skip_string(self.bytes, at + 1).map_err(not_json)?;
        if !is_idle {
            self.look(&token, plan, next);
        }
        Ok(token.raw.end + 1)
    }

    /// Inspects a text in which some step may find something.
    fn look(&mut self, token: &Token, plan: usize, next: Next) {
        let is_escaped = token.escapes != Escapes::None;
        let mut decoded = std::mem::take(&mut self.decoded);
        let bytes = self.bytes;
        let raw = bytes.get(token.raw.clone()).unwrap_or_default();
        let text = if is_escaped {
            decoded.clear();
            json::decode(raw, &mut decoded);
            &decoded
        } else {
            raw
        };
        // What patterns need is told of ASCII alone.
        let is_told = self.is_ascii && !is_escaped || text.is_ascii();
        let has_word = self.has_word(&token.raw) || is_escaped;
        let is_wanted = self.plans.get(plan).is_some_and(|plan| {
            !is_told || plan.wants(text, has_word) || plan.wants_key(next.key_has_word)
        });
        if let Ok(text) = std::str::from_utf8(text)
            && is_wanted
            && !matches!(text, "" | "true" | "false" | "null" | "undefined")
        {
            let has_word = is_told.then_some(has_word);
            self.inspect(token, text, plan, next, has_word);
        }
        self.decoded = decoded;
    }

    /// Runs the steps over a text. `has_word` is `None` when its bytes do not tell what is in it.
    fn inspect(
        &mut self,
        token: &Token,
        original: &str,
        plan: usize,
        next: Next,
        has_word: Option<bool>,
    ) {
        let mut text: Option<Text> = None;
        let plan = self.plans.get(plan);
        let steps = plan.into_iter().flat_map(|plan| &plan.steps);
        let mut removed_by = None;
        for step in steps.filter_map(|n| self.program.steps.get(*n)) {
            let (is_whole, patterns) = match &step.kind {
                Kind::Anything => (true, &[][..]),
                Kind::Patterns(patterns) => (false, patterns.as_slice()),
                Kind::Pair {
                    key,
                    n_first,
                    values,
                } => {
                    let is_whole = key_matches(&self.key, next, key);
                    let n = if is_whole { *n_first } else { values.len() };
                    (is_whole, values.get(..n).unwrap_or_default())
                }
            };
            if is_whole && step.redaction == Redaction::Remove {
                removed_by = Some(Arc::clone(&step.id));
                break;
            }
            for pattern in patterns {
                let shown = text.as_ref().map_or(original, Text::shown);
                let may_match =
                    has_word.is_none_or(|word| pattern.need.is_met_by(shown.as_bytes(), word));
                // Most texts stay as they are, and cost no more than the look at them.
                if may_match && pattern.regex.is_match(shown) {
                    let text = text.get_or_insert_with(|| Text::new(original));
                    text.apply(step, pattern, self.pseudonyms);
                }
            }
            if is_whole {
                let text = text.get_or_insert_with(|| Text::new(original));
                text.apply_whole(step, self.pseudonyms);
            }
        }
        let length = Change::length(original.as_bytes());
        let n = text.as_ref().map_or(0, |text| text.n_redactions);
        let left = match (removed_by, text) {
            (Some(rule), _) => Left::Nothing(rule),
            (None, Some(text)) => text.into_left(),
            (None, None) => Left::Same,
        };
        self.take(token.literal(), left, length, n, next);
    }

    fn take(&mut self, literal: Range<usize>, left: Left, length: usize, n: u32, next: Next) {
        match left {
            Left::Same => {}
            Left::Nothing(rule) => self.remove(literal, rule, next),
            Left::Text(text, remarks) => {
                let mut new = Vec::with_capacity(text.len() + 2);
                json::encode(text.as_bytes(), &mut new);
                self.out.edits.push(Edit {
                    range: literal.clone(),
                    text: new,
                });
                self.n_redactions = self.n_redactions.saturating_add(n);
                let change = Change::Remarks {
                    remarks,
                    length: Some(length),
                };
                self.note(literal, change, next);
            }
        }
    }

    pub(super) fn remove(&mut self, range: Range<usize>, rule: Arc<str>, next: Next) {
        self.out.edits.push(Edit {
            range: range.clone(),
            text: b"null".to_vec(),
        });
        self.n_redactions = self.n_redactions.saturating_add(1);
        let remark = Remark {
            rule,
            kind: 'x',
            range: None,
        };
        let change = Change::Remarks {
            remarks: vec![remark],
            length: None,
        };
        self.note(range, change, next);
    }

    fn note(&mut self, range: Range<usize>, change: Change, next: Next) {
        if self.out.notes.len() >= NOTES_MAX || next.meta != Meta::No {
            return;
        }
        let path = self.levels.iter().map(|level| {
            if level.is_array {
                PathStep::Index(level.index)
            } else {
                PathStep::Key(level.key.clone())
            }
        });
        let path = path.collect();
        self.out.notes.push(Note {
            range,
            path,
            change,
        });
    }
}

fn key_matches(key: &[u8], next: Next, pattern: &Pattern) -> bool {
    let is_index = key.first() == Some(&INDEX_MARK);
    let key = if is_index { &[] } else { key };
    let may = next.key_has_word || pattern.need.words.is_empty();
    may && pattern.regex.is_match(&String::from_utf8_lossy(key))
}
