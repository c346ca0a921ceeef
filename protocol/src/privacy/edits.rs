//! Replacements in a payload, in order and without overlap, and the one copy that applies them.

use std::ops::Range;

/// New text for a range of the payload.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: Vec<u8>,
}

/// Invariant: sorted, and no two touch the same byte.
#[derive(Debug, Default)]
pub(super) struct Edits {
    edits: Vec<Edit>,
}

impl Edits {
    /// Adds an edit; those inside its range are gone, one around it wins.
    pub(super) fn push(&mut self, edit: Edit) {
        let from = self
            .edits
            .partition_point(|other| other.range.end <= edit.range.start);
        let to = self
            .edits
            .partition_point(|other| other.range.start < edit.range.end);
        let is_covered = self
            .edits
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .any(|other| {
                other.range.start <= edit.range.start
                    && other.range.end >= edit.range.end
                    && other.range != edit.range
            });
        if !is_covered {
            self.edits.splice(from..to.max(from), [edit]);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Copies a range of the payload with the edits that lie in it.
    pub(super) fn copy(&self, payload: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
        let from = self
            .edits
            .partition_point(|edit| edit.range.start < range.start);
        let mut at = range.start;
        for edit in self
            .edits
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|edit| edit.range.end <= range.end)
        {
            out.extend_from_slice(payload.get(at..edit.range.start).unwrap_or_default());
            out.extend_from_slice(&edit.text);
            at = edit.range.end;
        }
        out.extend_from_slice(payload.get(at..range.end).unwrap_or_default());
    }

    /// How much longer the payload gets at most.
    pub(super) fn growth(&self) -> usize {
        self.edits.iter().map(|edit| edit.text.len()).sum()
    }
}
