//! Opening a spool directory, in whatever state it is.
//!
//! The work does not grow with what the sealed segments hold: of them header and footer are read;
//! the last segment of each lane is read whole. What is damaged is set aside and counted, and
//! never stops the opening.

mod given_away;
mod lane;
mod segments;
mod unused;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::block::{self, ItemCount, Record};
use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::{Account, Counts, Reason, Term, reason};

use super::catalog::{Book, Catalog, SegmentInfo};
use super::cipher::{KeyId, Keys};
use super::disk::{Disk, File, is_full};
use super::erase;
use super::lanes::ByLane;
use super::loss::Loss;
use super::quarantine;
use super::retain::BALLAST_NAME;
use super::segment::{self, Place};
use super::shared::Health;
use super::state::{Mark, Slots, State};
use super::untold::Spot;
use super::writer::Writer;
use lane::Opening;

/// An opened spool, before its owner starts.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) slots: Slots,
    pub(super) mark: Mark,
    pub(super) catalog: Catalog,
    pub(super) writers: ByLane<Writer>,
    pub(super) health: Health,
    /// Damage that was not known before.
    pub(super) losses: Vec<Loss>,
}

/// Reads the directory.
pub(super) fn recover(disk: &Arc<dyn Disk>, dir: &Path, keys: &Keys) -> io::Result<Recovered> {
    let mut slots = Slots::new(Arc::clone(disk), dir.to_path_buf());
    let (state, slot_damaged) = slots.read()?;
    let known = state.is_some();
    let mut state = match state {
        Some(mut state) => {
            make_sure(disk, dir, &mut slots, &mut state)?;
            state
        }
        None => State::new(find_epoch(&**disk, dir)?.map_or_else(|| disk.random().map(Epoch), Ok)?),
    };
    erase::settle(&**disk, dir, &mut state)?;
    let (mark, marked) = Mark::open(&**disk, dir, state.epoch);
    let mut health = Health {
        repaired: u64::from(slot_damaged),
        ..Health::default()
    };
    let mut losses = Vec::new();
    let gaps = state.gaps.clone();
    let mut serial = state.serial;
    let mut books = ByLane::<Book>::default();
    let mut writers = ByLane::from_fn(|_| Writer::default());
    for lane in Lane::ALL {
        let cursor = *state.cursor(lane);
        let promised = cursor.next.max(*marked.get(lane));
        let mut opening = Opening {
            disk: &**disk,
            dir,
            keys,
            lane,
            epoch: state.epoch,
            known,
            promised,
            gaps: &gaps,
            health: &mut health,
            losses: &mut losses,
            serial: &mut serial,
        };
        let (mut book, writer) = opening.lane(cursor.acked)?;
        if !known {
            // Without a cursor everything that is there is sent again; the hub knows better.
            let first = book
                .segments
                .front()
                .map_or(book.next, |segment| segment.first);
            book.acked = Seq(first.0.saturating_sub(1));
        }
        let last = book.segments.back().map_or(0, |segment| segment.serial);
        // Without a state nobody knows what was handed out.
        book.handed = if known { cursor.handed } else { last };
        *state.cursor(lane) = super::state::LaneCursor {
            next: book.next,
            acked: book.acked,
            handed: book.handed,
        };
        let newest = book.segments.iter().map(|segment| segment.elapsed).max();
        state.elapsed = state.elapsed.max(newest.unwrap_or(0));
        *books.get_mut(lane) = book;
        *writers.get_mut(lane) = writer;
    }
    state.serial = serial;
    if let Some(pending) = state.pending.take() {
        let spot = Spot {
            disk: &**disk,
            dir,
            keys,
            epoch: state.epoch,
        };
        let book = books.get(pending.lane);
        state.pending = spot.untold(pending, book)?;
    }
    let (n, bytes) = quarantine::count(&**disk, dir)?;
    health.quarantined = n;
    health.quarantined_bytes = bytes;
    let delivered = state.delivered.clone();
    Ok(Recovered {
        state,
        slots,
        mark,
        catalog: Catalog {
            lanes: books,
            gaps,
            delivered,
            given_away: Vec::new(),
        },
        writers,
        health,
        losses,
    })
}

/// Writes the state that was read anew: the last process may have died before the disk had taken it,
/// and files are deleted from here on because of what it says.
fn make_sure(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    slots: &mut Slots,
    state: &mut State,
) -> io::Result<()> {
    match slots.write(state) {
        Err(error) if is_full(&error) && disk.remove(&dir.join(BALLAST_NAME)).is_ok() => {
            slots.write(state)
        }
        written => written,
    }
}

/// A key without which the spool cannot be opened: one that encrypts records which were not
/// delivered, or parts of the ledger.
pub(super) fn missing_key(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    keys: &Keys,
) -> io::Result<Option<KeyId>> {
    let (state, _) = Slots::new(Arc::clone(disk), dir.to_path_buf()).read()?;
    let epoch = match &state {
        Some(state) => Some(state.epoch),
        None => find_epoch(&**disk, dir)?,
    };
    let Some(epoch) = epoch else { return Ok(None) };
    for lane in Lane::ALL {
        let acked = state.as_ref().map(|state| state.lanes.get(lane).acked);
        let lane_dir = segment::lane_dir(dir, lane, epoch);
        for entry in disk.list(&lane_dir)? {
            let Some((first, _)) = segment::parse_file_name(&entry.name) else {
                continue;
            };
            let file = disk.open(&lane_dir.join(&entry.name))?;
            let Some(read) = segment::load_header(&*file)? else {
                continue;
            };
            let access = keys.access(read.header.sealing.as_ref());
            let Some(sealing) = read.header.sealing.filter(|_| access.is_missing()) else {
                continue;
            };
            let place = Place {
                epoch,
                lane,
                first,
                until: Seq(u64::MAX),
                start: read.start,
                access: &access,
            };
            let summary = segment::scan(&*file, place, &mut |_, _| {})?.summary;
            let is_delivered = acked.is_some_and(|acked| summary.next <= acked.next());
            let is_ledger = lane.live() == Lane::Control;
            if summary.records > 0 && (is_ledger || !is_delivered) {
                return Ok(Some(sealing.key));
            }
        }
    }
    Ok(None)
}

/// The epoch of segments whose state is lost: that of which there are most.
pub(super) fn find_epoch(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Epoch>> {
    let mut best: Option<(usize, Epoch)> = None;
    for lane in Lane::ALL {
        for entry in disk.list(&dir.join(lane.to_string()))? {
            let Ok(epoch) = u64::from_str_radix(&entry.name, 16).map(Epoch) else {
                continue;
            };
            let n = disk.list(&segment::lane_dir(dir, lane, epoch))?.len();
            if n > 0 && best.is_none_or(|(most, _)| n > most) {
                best = Some((n, epoch));
            }
        }
    }
    Ok(best.map(|(_, epoch)| epoch))
}

/// What kept items count: received and accepted.
pub(super) fn count_kept(into: &mut Counts, counts: &[ItemCount]) {
    for count in counts {
        for term in [Term::Received, Term::Accepted] {
            let account = Account {
                project: Some(count.project),
                category: count.category,
                term,
                reason: Reason::Borrowed(reason::NONE),
            };
            *into.entry(account).or_default() += count.n;
        }
    }
}

pub(super) fn count_ledger(into: &mut Counts, bytes: &[u8]) -> Result<(), block::BlockError> {
    let (_, records) = block::open(bytes)?;
    for record in records {
        if let Record::Ledger(delta) = record {
            for (account, n) in delta.counts {
                *into.entry(account).or_default() += n;
            }
        }
    }
    Ok(())
}

/// Where a lane's segments are, for whoever has the directory.
pub(super) fn segment_path(dir: &Path, lane: Lane, epoch: Epoch, info: &SegmentInfo) -> PathBuf {
    segment::lane_dir(dir, lane, epoch).join(segment::file_name(info.first, info.serial))
}

/// Opens the file of a segment.
pub(super) fn open_segment(
    disk: &dyn Disk,
    dir: &Path,
    lane: Lane,
    epoch: Epoch,
    info: &SegmentInfo,
) -> io::Result<Arc<dyn File>> {
    disk.open(&segment_path(dir, lane, epoch, info))
}
