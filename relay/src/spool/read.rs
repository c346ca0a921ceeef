//! Reading blocks back, one at a time, beside the owner.

use std::io;

use bytes::Bytes;
use protocol::block::Head;
use protocol::ids::{Lane, Seq};

use super::catalog::{Hint, Place, SegmentInfo};
use super::disk::File;
use super::segment::{self, Extent};
use super::shared::Shared;
use super::{Gap, ReadOutcome};

/// What came of one look.
pub(super) enum Look {
    /// This.
    Outcome(ReadOutcome),
    /// The segment with this serial is not as written; the owner must see to it.
    Damaged(u64),
    /// Nothing of the segment with this serial was handed out yet; the owner must note it first.
    Unmarked(u64),
    /// The segment went away meanwhile: look again.
    Moved,
}

/// The block that holds `from`, or what is there in its stead.
pub(super) fn look(shared: &Shared, lane: Lane, from: Seq) -> io::Result<Look> {
    let from = from.max(Seq(1));
    let (place, hint, handed) = {
        let catalog = shared.catalog();
        let book = catalog.lanes.get(lane);
        (book.find(from), book.hint, book.handed)
    };
    let segment = match place {
        Place::Empty => return Ok(Look::Outcome(ReadOutcome::Empty)),
        Place::Gap(to) => return Ok(gap(shared, lane, from, to)),
        Place::In(segment) if segment.serial > handed => return Ok(Look::Unmarked(segment.serial)),
        Place::In(segment) => segment,
    };
    let dir = segment::lane_dir(&shared.dir, lane, shared.epoch);
    let path = dir.join(segment::file_name(segment.first, segment.serial));
    let file = match shared.disk.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Look::Moved),
        Err(error) => return Err(error),
    };
    match locate(shared, &*file, &segment, lane, from, hint) {
        Ok(Located::Block(extent)) => {
            let access = shared.keys.access(segment.sealing.as_ref());
            match segment::read_block(&*file, &extent, shared.epoch, lane, &access) {
                Ok(Some((head, bytes))) => {
                    remember(shared, lane, &segment, &extent);
                    Ok(Look::Outcome(block(head, bytes)))
                }
                Ok(None) | Err(_) => Ok(Look::Damaged(segment.serial)),
            }
        }
        Ok(Located::Gap(_)) if segment.is_unsettled(from) => Ok(Look::Damaged(segment.serial)),
        Ok(Located::Gap(to)) => Ok(gap(shared, lane, from, to)),
        Ok(Located::Damaged) | Err(_) => Ok(Look::Damaged(segment.serial)),
    }
}

fn block(head: Head, bytes: Vec<u8>) -> ReadOutcome {
    ReadOutcome::Block {
        head,
        bytes: Bytes::from(bytes),
    }
}

fn gap(shared: &Shared, lane: Lane, from: Seq, to: Seq) -> Look {
    let (to, reason) = shared.catalog().reason(lane, from, to);
    Look::Outcome(ReadOutcome::Gap(Gap { from, to, reason }))
}

enum Located {
    Block(Extent),
    Gap(Seq),
    Damaged,
}

fn locate(
    shared: &Shared,
    file: &dyn File,
    segment: &SegmentInfo,
    lane: Lane,
    from: Seq,
    hint: Option<Hint>,
) -> io::Result<Located> {
    let last = Seq(segment.next.0.saturating_sub(1));
    if let Some(map) = &segment.map {
        let at = map.partition_point(|extent| extent.next() <= from);
        return Ok(match map.get(at) {
            Some(extent) if extent.first <= from => Located::Block(*extent),
            Some(extent) => Located::Gap(Seq(extent.first.0.saturating_sub(1))),
            None => Located::Gap(last),
        });
    }
    let mut at = match hint {
        Some(hint) if hint.serial == segment.serial && hint.next <= from => hint.at,
        _ => noted(shared, file, segment, lane, from).unwrap_or(segment.start),
    };
    while at < segment.end {
        let Some(head) = segment::frame_head(file, at)? else {
            return Ok(Located::Damaged);
        };
        if head.first_seq > from {
            return Ok(Located::Gap(Seq(head.first_seq.0 - 1)));
        }
        if head.next_seq() > from {
            return Ok(Located::Block(Extent::of(&head, at)));
        }
        let end = at + head.frame_len();
        shared
            .index
            .note(lane, segment.serial, head.first_seq, at, end);
        at = end;
    }
    Ok(Located::Gap(last))
}

/// A place from which to walk, as the index says, if the segment agrees.
fn noted(
    shared: &Shared,
    file: &dyn File,
    segment: &SegmentInfo,
    lane: Lane,
    from: Seq,
) -> Option<u64> {
    let at = shared.index.find(lane, segment.serial, from)?;
    let head = segment::frame_head(file, at).ok().flatten();
    let agrees = (segment.start..segment.end).contains(&at)
        && head.is_some_and(|head| head.first_seq <= from && head.first_seq >= segment.first);
    if !agrees {
        shared.index.forget(lane, segment.serial);
    }
    agrees.then_some(at)
}

fn remember(shared: &Shared, lane: Lane, segment: &SegmentInfo, extent: &Extent) {
    if segment.map.is_some() {
        return;
    }
    shared.catalog().lanes.get_mut(lane).hint = Some(Hint {
        serial: segment.serial,
        next: extent.next(),
        at: extent.end(),
    });
}
