//! Everything of a lane in the order of its numbers, as a reader would be given it.

use std::io;

use protocol::block::Head;
use protocol::ids::{Lane, Seq};

use super::super::Gap;
use super::super::segment::{self, Place, Scan};
use super::{InspectError, Inspector, SegmentFile, if_there};

/// What stands at the next number.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// A block, as it travels.
    Block {
        /// Its head.
        head: &'a Head,
        /// All of it.
        bytes: &'a [u8],
    },
    /// Numbers without records.
    Gap(Gap),
}

/// What is wanted of a segment's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The records.
    Content,
    /// Numbers and counts; of what is encrypted the records are not opened.
    Heads,
}

/// Who looks at the pieces.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Piece<'_>) -> io::Result<()>;

impl Inspector {
    /// Shows what a lane holds from `from` on, blocks and gaps; the first block may begin before.
    /// Gives the number behind the last.
    ///
    /// # Errors
    /// [`InspectError`]; also what `visit` answers.
    pub fn walk(&self, lane: Lane, from: Seq, visit: Visit<'_>) -> Result<Seq, InspectError> {
        let mut walk = Walk {
            inspector: self,
            lane,
            next: from.max(Seq(1)),
            failed: None,
        };
        for file in self.segments(lane)? {
            let bound = file.behind.into_iter().chain(self.bound(lane)).min();
            self.scan(&file, Need::Content, &mut |head, bytes| {
                if bound.is_none_or(|bound| head.last_seq() < bound) {
                    walk.take(head, bytes, visit);
                }
            })?;
            if let Some(error) = walk.failed {
                return Err(InspectError::Visit(error));
            }
        }
        let end = self.promised(lane);
        walk.tell_gap(end, visit).map_err(InspectError::Visit)?;
        Ok(walk.next)
    }

    /// Reads all of a segment; nothing, when it has gone away.
    pub(super) fn scan(
        &self,
        file: &SegmentFile,
        need: Need,
        visit: &mut dyn FnMut(&Head, &[u8]),
    ) -> Result<Option<Scan>, InspectError> {
        let failed = |source| self.error(source);
        let Some(opened) = if_there(self.disk.open(&file.path)).map_err(failed)? else {
            return Ok(None);
        };
        let header = segment::load_header(&*opened).map_err(failed)?;
        let sealing = header.as_ref().and_then(|read| read.header.sealing);
        let access = self.keys.access(sealing.as_ref());
        if let Some(sealing) = sealing.filter(|_| access.is_missing() && need == Need::Content) {
            return Err(InspectError::Key {
                file: self.shown(&file.path),
                key: sealing.key.to_string(),
            });
        }
        let place = Place {
            epoch: file.epoch,
            lane: file.lane,
            first: file.first,
            until: file.behind.unwrap_or(Seq(u64::MAX)),
            start: header.map_or(0, |read| read.start),
            access: &access,
        };
        segment::scan(&*opened, place, visit)
            .map(Some)
            .map_err(failed)
    }
}

struct Walk<'a> {
    inspector: &'a Inspector,
    lane: Lane,
    /// The number that is expected.
    next: Seq,
    failed: Option<io::Error>,
}

impl Walk<'_> {
    fn take(&mut self, head: &Head, bytes: &[u8], visit: Visit<'_>) {
        if self.failed.is_some() || head.last_seq() < self.next {
            return;
        }
        let shown = self
            .tell_gap(head.first_seq, visit)
            .and_then(|()| visit(Piece::Block { head, bytes }));
        self.failed = shown.err();
        self.next = head.last_seq().next();
    }

    /// Tells that nothing stands below `end`.
    fn tell_gap(&mut self, end: Seq, visit: Visit<'_>) -> io::Result<()> {
        while self.next < end {
            let from = self.next;
            let last = Seq(end.0.saturating_sub(1));
            let (to, reason) = self.inspector.reason(self.lane, from, last);
            visit(Piece::Gap(Gap { from, to, reason }))?;
            self.next = to.next();
        }
        Ok(())
    }
}
