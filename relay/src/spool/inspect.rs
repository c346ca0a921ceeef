//! A look into a spool from outside, beside a running relay or without one.
//!
//! What always holds: nothing is written and no lock is held; of what a running relay is about to
//! commit nothing is shown. Segments may go away while one looks: what was in them is delivered or
//! told as a gap.
//!
//! What it never does: believe the index, or repair anything.

mod accounts;
mod disk;
mod list;
mod verify;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::ids::{Epoch, Lane, Seq};
use serde::{Serialize, Serializer};

use super::GapReason;
use super::catalog::{Book, Catalog};
use super::cipher::Keys;
use super::disk::{Disk, is_locked};
use super::lanes::ByLane;
use super::recover::find_epoch;
use super::segment;
use super::state::{Mark, Slots, State};
use disk::ReadDisk;

pub use accounts::{Accounts, Line};
pub use list::{LaneRow, Listing, SegmentRow, SegmentState};
pub use verify::{Damage, Finding, Verified};
pub use walk::Piece;

/// Times a mark that is being written is read again.
const MARK_LOOKS_MAX: usize = 10;

/// Why one cannot look.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is nothing of a spool in the directory.
    #[error("{} holds no spool: name its directory with --dir", .dir.display())]
    NoSpool {
        /// The directory.
        dir: PathBuf,
    },
    /// Files cannot be read.
    #[error("spool {} cannot be read: {source}; it belongs to the relay's user", .dir.display())]
    Read {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Records are encrypted with a key that is not at hand.
    #[error("{} is encrypted with key {key}: name the file with that key by --key-file", .file.display())]
    Key {
        /// The segment.
        file: PathBuf,
        /// The key's name.
        key: String,
    },
    /// Whoever looks cannot go on.
    #[error("what was read cannot be written: {0}")]
    Visit(#[source] io::Error),
}

/// A spool that is looked at. What it says is as of [`Inspector::open`].
#[derive(Debug)]
pub struct Inspector {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    keys: Keys,
    state: State,
    /// Whether cursors and gaps could be read.
    is_known: bool,
    /// Whether one copy of them is damaged.
    is_state_damaged: bool,
    marked: ByLane<Seq>,
    is_running: bool,
    /// Cursors and gaps, to tell why numbers have no records.
    told: Catalog,
}

/// One segment's file.
#[derive(Clone, Debug)]
struct SegmentFile {
    lane: Lane,
    epoch: Epoch,
    first: Seq,
    serial: u64,
    path: PathBuf,
    /// Numbers from here on stand elsewhere, if anywhere.
    behind: Option<Seq>,
}

impl Inspector {
    /// Reads cursors and gaps of the spool in a directory. The keys are needed for what is in
    /// encrypted records, not for their numbers and counts.
    ///
    /// # Errors
    /// [`InspectError::NoSpool`], [`InspectError::Read`].
    pub fn open(dir: &Path, keys: Keys) -> Result<Self, InspectError> {
        let is_running = is_locked(dir).map_err(|source| InspectError::Read {
            dir: dir.to_path_buf(),
            source,
        })?;
        Self::open_with(Arc::new(ReadDisk), dir, keys, is_running)
    }

    pub(super) fn open_with(
        disk: Arc<dyn Disk>,
        dir: &Path,
        keys: Keys,
        is_running: bool,
    ) -> Result<Self, InspectError> {
        let cannot = |source| InspectError::Read {
            dir: dir.to_path_buf(),
            source,
        };
        super::dictionaries::load(&*disk, dir).map_err(cannot)?;
        let mut slots = Slots::new(Arc::clone(&disk), dir.to_path_buf());
        let (state, is_state_damaged) = slots.read().map_err(cannot)?;
        let is_known = state.is_some();
        let state = match state {
            Some(state) => state,
            None => {
                let epoch = find_epoch(&*disk, dir).map_err(cannot)?;
                State::new(epoch.ok_or_else(|| InspectError::NoSpool {
                    dir: dir.to_path_buf(),
                })?)
            }
        };
        // One that is being written is not whole for a moment.
        let marked = (0..MARK_LOOKS_MAX).find_map(|_| Mark::read(&*disk, dir, state.epoch));
        let mut inspector = Self {
            told: Catalog {
                lanes: ByLane::default(),
                gaps: state.gaps.clone(),
                delivered: Vec::new(),
                given_away: Vec::new(),
            },
            disk,
            dir: dir.to_path_buf(),
            keys,
            state,
            is_known,
            is_state_damaged,
            marked: marked.unwrap_or_default(),
            is_running,
        };
        inspector.find_cursors()?;
        Ok(inspector)
    }

    /// Without a state everything that is there counts as not delivered.
    fn find_cursors(&mut self) -> Result<(), InspectError> {
        for lane in Lane::ALL {
            if !self.is_known {
                let first = self.segments(lane)?.first().map(|segment| segment.first);
                let first = first.unwrap_or(Seq(1));
                self.state.cursor(lane).acked = Seq(first.0.saturating_sub(1));
            }
            *self.told.lanes.get_mut(lane) = Book {
                acked: self.acked(lane),
                ..Book::default()
            };
        }
        Ok(())
    }

    /// The spool's life.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.state.epoch
    }

    /// Whether a relay has it open.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.is_running
    }

    /// The last number of a lane that the hub has.
    #[must_use]
    pub const fn acked(&self, lane: Lane) -> Seq {
        self.state.lanes.get(lane).acked
    }

    /// Numbers below this one are committed, as far as it is written down.
    fn promised(&self, lane: Lane) -> Seq {
        let next = self.state.lanes.get(lane).next;
        next.max(*self.marked.get(lane))
            .max(self.acked(lane).next())
    }

    /// Where what is committed ends for sure while a relay is writing; nothing when none is, since
    /// then all that is whole will be taken up by the next.
    fn bound(&self, lane: Lane) -> Option<Seq> {
        self.is_running.then(|| self.promised(lane))
    }

    /// Why numbers have no records, and how far that reason reaches. What a running relay has
    /// delivered or given up since we began to look is no damage.
    fn reason(&self, lane: Lane, from: Seq, last: Seq) -> (Seq, GapReason) {
        let (to, reason) = self.told.reason(lane, from, last);
        if reason != GapReason::Corrupt || !self.is_running {
            return (to, reason);
        }
        let now = self.latest();
        let mut told = Catalog {
            lanes: ByLane::default(),
            gaps: now.gaps,
            delivered: Vec::new(),
            given_away: Vec::new(),
        };
        told.lanes.get_mut(lane).acked = now.lanes.get(lane).acked;
        told.reason(lane, from, to)
    }

    /// Cursors and gaps as they are by now, if they can be read.
    fn latest(&self) -> State {
        let mut slots = Slots::new(Arc::clone(&self.disk), self.dir.clone());
        let read = slots.read().ok().and_then(|(state, _)| state);
        let same = read.filter(|state| state.epoch == self.state.epoch);
        same.unwrap_or_else(|| self.state.clone())
    }

    fn error(&self, source: io::Error) -> InspectError {
        InspectError::Read {
            dir: self.dir.clone(),
            source,
        }
    }

    /// A lane's segments of this epoch, oldest first.
    fn segments(&self, lane: Lane) -> Result<Vec<SegmentFile>, InspectError> {
        let epoch = self.state.epoch;
        let dir = segment::lane_dir(&self.dir, lane, epoch);
        let entries = self.disk.list(&dir).map_err(|source| self.error(source))?;
        let mut names: Vec<_> = entries
            .iter()
            .filter_map(|entry| segment::parse_file_name(&entry.name))
            .collect();
        names.sort_by_key(|(_, serial)| *serial);
        let behind: Vec<_> = names.iter().skip(1).map(|(first, _)| *first).collect();
        let files = names
            .into_iter()
            .enumerate()
            .map(|(at, (first, serial))| SegmentFile {
                lane,
                epoch,
                first,
                serial,
                path: dir.join(segment::file_name(first, serial)),
                behind: behind.get(at).copied(),
            });
        Ok(files.collect())
    }

    /// A path as it is shown: without the spool's own directory.
    fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.dir).unwrap_or(path).to_path_buf()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde asks for"
)]
fn as_name<S: Serializer>(lane: &Lane, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(lane.name())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde asks for"
)]
fn as_name_if_any<S: Serializer>(lane: &Option<Lane>, serializer: S) -> Result<S::Ok, S::Error> {
    lane.map(Lane::name).serialize(serializer)
}

fn as_hex<S: Serializer>(epoch: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", epoch.0))
}

/// Nothing, when the segment has gone away meanwhile.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
