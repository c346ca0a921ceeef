//! The terms of a segment that begin so, and the documents of each.
//!
//! Terms are looked at as they stand in the dictionary, and none is kept: there may be as many as
//! there are events.

use tantivy::postings::{BlockSegmentPostings, TermInfo};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, InvertedIndexReader};

/// Visits each term with what stands behind its beginning, as long as `visit` says yes.
pub(super) fn each(
    inverted: &InvertedIndexReader,
    begin: &[u8],
    mut visit: impl FnMut(&[u8], &TermInfo) -> tantivy::Result<bool>,
) -> tantivy::Result<()> {
    let mut terms = inverted.terms().range().ge(begin).into_stream()?;
    while terms.advance() {
        let Some(rest) = terms.key().strip_prefix(begin) else {
            break;
        };
        if !visit(rest, terms.value())? {
            break;
        }
    }
    Ok(())
}

/// Documents of one term after the other, all of one field, read into the same room.
#[derive(Default)]
pub(super) struct Documents {
    blocks: Option<BlockSegmentPostings>,
}

impl Documents {
    /// Visits those of a term in order; those that were deleted are among them.
    pub(super) fn each(
        &mut self,
        inverted: &InvertedIndexReader,
        term: &TermInfo,
        mut take: impl FnMut(DocId),
    ) -> tantivy::Result<()> {
        let blocks = match &mut self.blocks {
            Some(blocks) => {
                inverted.reset_block_postings_from_terminfo(term, blocks)?;
                blocks
            }
            none => {
                let basic = IndexRecordOption::Basic;
                none.insert(inverted.read_block_postings_from_terminfo(term, basic)?)
            }
        };
        while !blocks.docs().is_empty() {
            blocks.docs().iter().copied().for_each(&mut take);
            blocks.advance();
        }
        Ok(())
    }
}
