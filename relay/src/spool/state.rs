//! What the spool must remember besides its segments: cursors, gaps, losses not yet written down.
//!
//! The state is written whole, in turn into one of two slots, and synced; a write that a crash
//! tears leaves the other slot. The mark beside it is written after every commit and never
//! synced: it survives a killed process, and tells committed blocks that were damaged from
//! blocks whose writing was cut short. A commit is answered when it stands in the mark.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use protocol::ids::{Epoch, Lane, Seq};
use protocol::outcome::Account;
use serde::{Deserialize, Serialize};

use super::GapReason;
use super::balance::Delivered;
use super::disk::{Disk, File, read_small};
use super::erase::{ErasedSum, Rewritten};
use super::format::{BODY_BYTES_MAX, PREFIX_LEN, read_checked, write_checked};
use super::lanes::ByLane;

/// Bytes a slot takes from the start, so that writing it needs no room on a full disk.
const SLOT_BYTES: u64 = 64 * 1024;
/// Gaps remembered with their reason; the oldest are forgotten first.
const GAPS_MAX: usize = 4096;

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) version: u8,
    pub(super) epoch: Epoch,
    /// Counts writings; the higher of two slots is the later.
    pub(super) generation: u64,
    /// How long the spool has been open in all its life, in milliseconds.
    pub(super) elapsed: u64,
    /// The highest segment serial given out.
    pub(super) serial: u64,
    pub(super) lanes: ByLane<LaneCursor>,
    /// Ranges without records, and why.
    pub(super) gaps: Vec<LostRange>,
    /// Losses that are to be written into lane 0.
    pub(super) pending: Option<Pending>,
    /// What was delivered of each lane of which it is known.
    #[serde(default)]
    pub(super) delivered: Vec<Delivered>,
    /// A segment that one written anew is to replace.
    #[serde(default)]
    pub(super) rewritten: Option<Rewritten>,
    /// What each erasure has removed.
    #[serde(default)]
    pub(super) erased: Vec<ErasedSum>,
}

/// One lane's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LaneCursor {
    /// The number the next record gets, as of this writing.
    pub(super) next: Seq,
    /// The last number the hub has.
    pub(super) acked: Seq,
    /// The last segment, by serial, of which blocks were handed out to be sent.
    #[serde(default)]
    pub(super) handed: u64,
}

/// Numbers `from` to `to` of a lane, both included, have no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LostRange {
    pub(super) lane: Lane,
    pub(super) from: Seq,
    pub(super) to: Seq,
    pub(super) reason: GapReason,
}

/// Counts that become a ledger record with exactly this number in this lane, one of lane 0 and
/// its twin.
///
/// The number tells after a crash whether the record was written: the lane is beyond it or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) lane: Lane,
    pub(super) at: Seq,
    pub(super) counts: Vec<(Account, u64)>,
}

impl State {
    pub(super) fn new(epoch: Epoch) -> Self {
        let cursor = LaneCursor {
            next: Seq(1),
            acked: Seq(0),
            handed: 0,
        };
        Self {
            version: super::format::VERSION,
            epoch,
            generation: 0,
            elapsed: 0,
            serial: 0,
            lanes: ByLane::from_fn(|_| cursor),
            gaps: Vec::new(),
            pending: None,
            delivered: Vec::new(),
            rewritten: None,
            erased: Vec::new(),
        }
    }

    pub(super) const fn cursor(&mut self, lane: Lane) -> &mut LaneCursor {
        self.lanes.get_mut(lane)
    }

    /// Remembers a gap; joins it with one it continues.
    pub(super) fn add_gap(&mut self, gap: LostRange) {
        if gap.from > gap.to {
            return;
        }
        let joined = self.gaps.iter_mut().find(|have| {
            have.lane == gap.lane && have.reason == gap.reason && have.to.next() == gap.from
        });
        match joined {
            Some(have) => have.to = gap.to,
            None => self.gaps.push(gap),
        }
        if self.gaps.len() > GAPS_MAX {
            self.gaps.remove(0);
        }
    }

    /// Forgets gaps that the hub has been told of, but those whose records the disk still has.
    pub(super) fn forget_gaps(&mut self, is_on_disk: impl Fn(&LostRange) -> bool) {
        let lanes = self.lanes;
        self.gaps
            .retain(|gap| gap.to > lanes.get(gap.lane).acked || is_on_disk(gap));
    }
}

/// The two slots.
#[derive(Debug)]
pub(super) struct Slots {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Open slots; `None` where it must be made anew.
    files: [Option<Arc<dyn File>>; 2],
}

/// Places that the state is written to in turn.
pub(super) const SLOTS: usize = 2;
const SLOT_NAMES: [&str; SLOTS] = ["state.0", "state.1"];

impl Slots {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self {
            disk,
            dir,
            files: [None, None],
        }
    }

    /// The later of the slots that can be read, and whether one of them is damaged.
    pub(super) fn read(&mut self) -> io::Result<(Option<State>, bool)> {
        let mut best: Option<State> = None;
        let mut damaged = false;
        for name in SLOT_NAMES {
            let path = self.dir.join(name);
            let bytes = read_small(&*self.disk, &path, BODY_BYTES_MAX + PREFIX_LEN)?;
            let Some(bytes) = bytes else { continue };
            let Some(state) = read_checked::<State>(&bytes) else {
                // A slot that was made and never written is zeros.
                damaged |= bytes.iter().any(|byte| *byte != 0);
                continue;
            };
            if best
                .as_ref()
                .is_none_or(|best| best.generation < state.generation)
            {
                best = Some(state);
            }
        }
        Ok((best, damaged))
    }

    /// Writes the state into the slot that does not hold the last one, and syncs it.
    ///
    /// A slot that met an error is made anew before it is used again: what a descriptor that
    /// failed to sync holds is not known.
    pub(super) fn write(&mut self, state: &mut State) -> io::Result<()> {
        let generation = state.generation + 1;
        let next = State {
            generation,
            ..state.clone()
        };
        let bytes = write_checked(&next).ok_or(io::ErrorKind::InvalidData)?;
        let turn = usize::from(generation % 2 == 1);
        let slot = self.files.get_mut(turn).ok_or(io::ErrorKind::NotFound)?;
        let name = SLOT_NAMES.get(turn).ok_or(io::ErrorKind::NotFound)?;
        let file = match slot.take() {
            Some(file) => file,
            None => make_slot(&*self.disk, &self.dir.join(name), &self.dir)?,
        };
        file.write_at(&bytes, 0)?;
        file.sync()?;
        *slot = Some(file);
        state.generation = generation;
        Ok(())
    }
}

fn make_slot(
    disk: &dyn Disk,
    path: &std::path::Path,
    dir: &std::path::Path,
) -> io::Result<Arc<dyn File>> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = disk.create(path)?;
    // Zeros, not a hole: the room is to be there when the disk is full.
    file.write_at(&vec![0; usize::try_from(SLOT_BYTES).unwrap_or(0)], 0)?;
    disk.sync_dir(dir)?;
    Ok(file)
}

/// The numbers that were free after the last commit, by lane.
///
/// Two places in one file are written in turn: a writing that fails or is cut short leaves the one
/// before, so what was committed stays known.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    /// `None` where it is to be opened or made.
    file: Option<Arc<dyn File>>,
    /// Where it is written next.
    turn: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MarkBody {
    epoch: Epoch,
    next: ByLane<Seq>,
}

const MARK_NAME: &str = "mark";
/// Bytes between its two places.
const MARK_BYTES: u64 = 512;
/// Bytes of the file, which it takes from the start: writing needs no room on a full disk.
const MARK_FILE_BYTES: u64 = 2 * MARK_BYTES;

impl Mark {
    /// What the last process left, if it belongs to this epoch; and the mark to write on.
    pub(super) fn open(
        disk: &dyn Disk,
        dir: &std::path::Path,
        epoch: Epoch,
    ) -> (Self, ByLane<Seq>) {
        let (next, place) = Self::look(disk, dir, epoch).unwrap_or_default();
        let path = dir.join(MARK_NAME);
        let mut mark = Self {
            path,
            file: None,
            turn: place + 1,
        };
        // One that cannot be made now is made with the first commit.
        mark.file = mark.reach(disk).ok();
        (mark, next)
    }

    /// What the last commit of this epoch left, if it can be read.
    pub(super) fn read(
        disk: &dyn Disk,
        dir: &std::path::Path,
        epoch: Epoch,
    ) -> Option<ByLane<Seq>> {
        Self::look(disk, dir, epoch).map(|(next, _)| next)
    }

    /// The later of the two places, and which it is.
    fn look(disk: &dyn Disk, dir: &std::path::Path, epoch: Epoch) -> Option<(ByLane<Seq>, u64)> {
        let most = usize::try_from(MARK_FILE_BYTES).ok()?;
        let bytes = read_small(disk, &dir.join(MARK_NAME), most).ok()??;
        let places = bytes.chunks(usize::try_from(MARK_BYTES).ok()?).zip(0..);
        let marks = places.filter_map(|(bytes, place)| {
            let body = read_checked::<MarkBody>(bytes)?;
            (body.epoch == epoch).then_some((body.next, place))
        });
        // Numbers only grow.
        marks.max_by_key(|(next, _)| next.0.iter().map(|seq| seq.0).fold(0, u64::saturating_add))
    }

    /// Notes what was committed. Until it has, nobody may be told of the commit: a damaged block
    /// could not be told from one whose writing was cut short, and its numbers would be given out
    /// again.
    pub(super) fn write(
        &mut self,
        disk: &dyn Disk,
        epoch: Epoch,
        next: ByLane<Seq>,
    ) -> io::Result<()> {
        let bytes = write_checked(&MarkBody { epoch, next }).ok_or(io::ErrorKind::InvalidData)?;
        let file = match self.file.take() {
            Some(file) => file,
            None => self.reach(disk)?,
        };
        file.write_at(&bytes, self.turn % 2 * MARK_BYTES)?;
        self.turn += 1;
        self.file = Some(file);
        Ok(())
    }

    fn reach(&self, disk: &dyn Disk) -> io::Result<Arc<dyn File>> {
        let file = match disk.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(&self.path)?,
            opened => opened?,
        };
        let len = file.len()?;
        let missing = usize::try_from(MARK_FILE_BYTES.saturating_sub(len)).unwrap_or(0);
        if missing > 0 {
            file.write_at(&vec![0; missing], len)?;
        }
        Ok(file)
    }
}
