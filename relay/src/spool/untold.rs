//! Losses that no record of lane 0 tells of yet, as they are found at a start.
//!
//! They are written down with the number that their record is to get. A commit of it that was given
//! up may have left that record all the same, and losses may have been added meanwhile: what the
//! record tells is told, and the rest is not.

use std::io;
use std::path::Path;

use protocol::block::{self, Record};
use protocol::ids::{Epoch, Seq};

use super::catalog::{self, Book};
use super::cipher::Keys;
use super::disk::Disk;
use super::recover::open_segment;
use super::segment::{self, Place};
use super::state::Pending;

/// Where a spool lies, and whose it is.
pub(super) struct Spot<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) dir: &'a Path,
    pub(super) keys: &'a Keys,
    pub(super) epoch: Epoch,
}

impl Spot<'_> {
    /// What of the losses is still to be told, with the lane as it was found.
    pub(super) fn untold(&self, mut pending: Pending, book: &Book) -> io::Result<Option<Pending>> {
        if pending.at >= book.next {
            return Ok(Some(pending));
        }
        let Some(record) = self.record(&pending, book)? else {
            // It was delivered; or it is damaged, and counted as that.
            return Ok(None);
        };
        if let Record::Ledger(told) = record {
            for (account, n) in told.counts {
                let mut counts = pending.counts.iter_mut();
                if let Some((_, left)) = counts.find(|(of, _)| *of == account) {
                    *left = left.saturating_sub(n);
                }
            }
            pending.counts.retain(|(_, left)| *left > 0);
        }
        pending.at = book.next;
        Ok(Some(pending).filter(|pending| !pending.counts.is_empty()))
    }

    /// The record under the number that the losses were to be told with.
    fn record(&self, pending: &Pending, book: &Book) -> io::Result<Option<Record>> {
        let Pending { lane, at, .. } = *pending;
        let catalog::Place::In(info) = book.find(at) else {
            return Ok(None);
        };
        let file = open_segment(self.disk, self.dir, lane, self.epoch, &info)?;
        let access = self.keys.access(info.sealing.as_ref());
        let place = Place {
            epoch: self.epoch,
            lane,
            first: info.first,
            until: info.next,
            start: info.start,
            access: &access,
        };
        let mut found = None;
        segment::scan(&*file, place, &mut |head, bytes| {
            let Some(nth) = nth(head.first_seq, at) else {
                return;
            };
            if at <= head.last_seq()
                && let Ok((_, records)) = block::open(bytes)
            {
                found = records.into_iter().nth(nth);
            }
        })?;
        Ok(found)
    }
}

/// How far a number is behind the first.
fn nth(first: Seq, at: Seq) -> Option<usize> {
    let nth = at.0.checked_sub(first.0)?;
    usize::try_from(nth).ok()
}
