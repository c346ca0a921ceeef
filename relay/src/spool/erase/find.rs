//! Looks for the segments with records of those who are to be forgotten, beside the owner.

use std::io;

use protocol::block::{self, Record};
use protocol::erasure::Wanted;
use protocol::ids::Lane;

use super::super::catalog::SegmentInfo;
use super::super::recover::open_segment;
use super::super::segment::{self, Place};
use super::super::shared::Shared;

/// Looks over all that is kept: the first brings events to light, the second finds the rest of
/// them. What comes meanwhile is not what was meant.
const LOOKS_MAX: usize = 2;

/// A segment that holds what is wanted, or may.
pub(super) struct Found {
    pub(super) lane: Lane,
    pub(super) serial: u64,
    /// Whether all of it could be read.
    pub(super) is_whole: bool,
}

/// The segments with records that are wanted, and those that cannot be read. Looks again when
/// records brought events to light, as other records of those may lie before.
pub(super) fn find(shared: &Shared, mut wanted: Wanted) -> (Wanted, Vec<Found>) {
    let mut found = Vec::new();
    for _ in 0..LOOKS_MAX {
        let mut is_more = false;
        found.clear();
        for lane in Lane::ALL {
            let segments = shared.catalog().lanes.get(lane).segments.clone();
            for info in segments.iter().filter(|info| !info.is_empty()) {
                let mut has_some = false;
                let visited = visit(shared, lane, info, &mut |record| {
                    if wanted.wants(record) {
                        has_some = true;
                        is_more |= wanted.note_event_of(record);
                    }
                });
                let is_whole = visited.unwrap_or(false);
                if has_some || !is_whole {
                    let serial = info.serial;
                    found.push(Found {
                        lane,
                        serial,
                        is_whole,
                    });
                }
            }
        }
        if !is_more {
            break;
        }
    }
    (wanted, found)
}

/// Shows every record of a segment that can be read, and tells whether all could. One that went
/// away meanwhile has none.
fn visit(
    shared: &Shared,
    lane: Lane,
    info: &SegmentInfo,
    see: &mut dyn FnMut(&Record),
) -> io::Result<bool> {
    let file = match open_segment(&*shared.disk, &shared.dir, lane, shared.epoch, info) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    let access = shared.keys.access(info.sealing.as_ref());
    let place = Place {
        epoch: shared.epoch,
        lane,
        first: info.first,
        until: info.next,
        start: info.start,
        access: &access,
    };
    let mut n_closed = 0_u64;
    let scan = segment::scan(&*file, place, &mut |_, bytes| match block::open(bytes) {
        Ok((_, records)) => records.iter().for_each(&mut *see),
        // Its dictionary or its key is not here.
        Err(_) => n_closed += 1,
    })?;
    let is_damaged = scan.damage.iter().any(|damage| damage.at < info.end);
    Ok(n_closed == 0 && !is_damaged && scan.summary.next >= info.next)
}
