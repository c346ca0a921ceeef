//! Runs the steps over one value, and notes what they did.

use std::ops::Range;
use std::sync::Arc;

use super::super::super::ScrubError;
use super::super::super::edits::Edit;
use super::super::super::json::{self, Escapes, Sight, Token};
use super::super::super::language::builtin::Redaction;
use super::super::super::language::kinds::{Kind, Pattern};
use super::super::super::language::selector::types;
use super::super::super::notes::{Change, NOTES_MAX, Note, Remark, Step as PathStep};
use super::super::bits::{Bits, INDEX_MARK};
use super::super::redact::{Left, Text, removes_value};
use super::super::schema::Reach;
use super::{Meta, Next, Walk, not_json};

impl Walk<'_> {
    /// The rule that removes a value which is no text.
    pub(super) fn removal(&mut self, next: Next, bits: Bits) -> Option<Arc<str>> {
        let reach = next.spot.reach;
        if next.is_skipped || reach == Reach::Closed {
            return None;
        }
        let plan = self.plans.find(self.program, bits, reach);
        let plan = self.plans.get(plan)?;
        let steps = plan.steps.iter().filter_map(|n| self.program.steps.get(*n));
        let key = &self.key;
        let step = removes_value(steps, |pattern| key_matches(key, next, pattern))?;
        Some(Arc::clone(&step.id))
    }

    pub(super) fn text(&mut self, at: usize, next: Next) -> Result<usize, ScrubError> {
        if next.is_skipped || next.spot.reach == Reach::Closed {
            let token = json::skip_string(self.bytes, at + 1).map_err(not_json)?;
            return Ok(token.raw.end + 1);
        }
        let bits = self.step(next, types::STRING);
        let plan = self.plans.find(self.program, bits, next.spot.reach);
        let is_idle = self
            .plans
            .get(plan)
            .is_none_or(|plan| plan.steps.is_empty());
        if is_idle {
            let token = json::skip_string(self.bytes, at + 1).map_err(not_json)?;
            return Ok(token.raw.end + 1);
        }
        let token = json::string(self.bytes, at + 1).map_err(not_json)?;
        let end = token.raw.end + 1;
        let raw = self.bytes.get(token.raw.clone()).unwrap_or_default();
        // What escapes or other scripts may hide is looked at.
        let is_hidden = token.escapes == Escapes::Unicode || !self.is_ascii && !raw.is_ascii();
        let has_word = self.has_word(&token.raw) || token.escapes != Escapes::None || is_hidden;
        let is_wanted = self.plans.get(plan).is_some_and(|plan| {
            is_hidden || plan.wants(token.sight, has_word) || plan.has_pairs && next.key_has_word
        });
        if is_wanted {
            let sight = (!is_hidden).then_some(token.sight);
            self.inspect(&token, plan, next, sight, has_word);
        }
        Ok(end)
    }

    /// Runs the steps over a text. `sight` is `None` when its bytes do not tell what is in it.
    fn inspect(
        &mut self,
        token: &Token,
        plan: usize,
        next: Next,
        sight: Option<Sight>,
        has_word: bool,
    ) {
        self.decoded.clear();
        let raw = self.bytes.get(token.raw.clone()).unwrap_or_default();
        json::decode(raw, &mut self.decoded);
        let Ok(original) = std::str::from_utf8(&self.decoded) else {
            return;
        };
        if matches!(original, "" | "true" | "false" | "null" | "undefined") {
            return;
        }
        let mut text = None;
        let may_match =
            |pattern: &Pattern| sight.is_none_or(|sight| pattern.need.is_met_by(sight, has_word));
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
            for pattern in patterns.iter().filter(|pattern| may_match(pattern)) {
                let text = text.get_or_insert_with(|| Text::new(original));
                text.apply(step, pattern, self.pseudonyms);
            }
            if is_whole {
                let text = text.get_or_insert_with(|| Text::new(original));
                text.apply_whole(step, self.pseudonyms);
            }
        }
        let length = Change::length(&self.decoded);
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
