//! Runs people's own rules over a payload: one pass over its bytes, the selectors walking along with the tree.
//!
//! A payload to which no rule applies stays byte for byte. No pattern runs on a text that lacks what the pattern needs
//! (digits, signs, words), and no value is built.

pub(super) mod binary;
pub(super) mod bits;
pub(super) mod plan;
pub(super) mod redact;
pub(super) mod schema;
pub(super) mod walk;
pub(super) mod words;

#[cfg(test)]
mod tests;

use std::ops::Range;

use bytes::Bytes;

use super::language::program::Program;
use super::language::{RuleDocument, RuleError};
use super::{Payload, ScrubError};
use binary::FileRules;
use redact::PseudonymKey;
use walk::Walk;

/// The rules that people wrote, compiled.
#[derive(Debug, Default)]
pub struct CustomRules {
    program: Program,
    key: Option<PseudonymKey>,
}

impl CustomRules {
    /// Reads and compiles documents of rules; the first one's rules run first.
    ///
    /// Without a key, what would become a pseudonym becomes `[Filtered]`.
    ///
    /// # Errors
    /// [`RuleError`], the first thing that is wrong; then none of the documents is to be used.
    pub fn compile(
        documents: &[impl AsRef<str>],
        key: Option<PseudonymKey>,
    ) -> Result<Self, RuleError> {
        let documents = documents
            .iter()
            .map(|text| RuleDocument::parse(text.as_ref()));
        let documents = documents.collect::<Result<Vec<_>, _>>()?;
        let program = Program::compile(&documents)?;
        Ok(Self { program, key })
    }

    /// Whether they do nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.program.steps.is_empty()
    }

    /// The payload after these rules alone, and how often one applied; the same bytes when none did.
    ///
    /// # Errors
    /// When the payload cannot be read to its end.
    pub fn apply(&self, payload: &Bytes, kind: Payload) -> Result<(Bytes, u32), ScrubError> {
        if kind == Payload::Header || self.is_empty() {
            return Ok((payload.clone(), 0));
        }
        super::check_utf8(payload)?;
        let walk = Walk::new(payload, &self.program, self.key.as_ref());
        let (walked, n) = walk.run(kind)?;
        if walked.edits.is_empty() {
            return Ok((payload.clone(), 0));
        }
        Ok((super::rewrite(payload, kind, &walked), n))
    }

    /// The bytes of an attachment after these rules, at equal length, and how often one applied; the same bytes when none did.
    #[must_use]
    pub fn apply_to_attachment(
        &self,
        name: &str,
        bytes: &Bytes,
        is_minidump: bool,
    ) -> (Bytes, u32) {
        if self.is_empty() {
            return (bytes.clone(), 0);
        }
        binary::scrub(&self.program, self.key.as_ref(), name, bytes, is_minidump)
    }

    /// What these rules do to a file of this name that is looked at in pieces.
    pub(super) fn of_file(&self, name: &str) -> FileRules {
        FileRules::of(&self.program, name)
    }

    /// A piece after these rules, with what lies around it, and how often one applied to the piece
    /// itself; `None` where a match that begins before `until` may go on behind the bytes.
    pub(super) fn apply_to_piece(
        &self,
        file: &FileRules,
        bytes: &Bytes,
        piece: Range<usize>,
        until: usize,
    ) -> Option<(Bytes, u32)> {
        file.apply(&self.program, self.key.as_ref(), bytes, piece, until)
    }
}
