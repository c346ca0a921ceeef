//! The writing end of a lane: its active segment and what it has counted in all its life.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::outcome::Counts;

use super::balance::Walk;
use super::cipher::{Access, KeyId, Sealing};
use super::disk::{Disk, File};
use super::format;
use super::segment::{self, Summary};

/// One lane's.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) dir: PathBuf,
    pub(super) active: Option<Active>,
    /// The segment and the place of the oldest record that was not delivered, for the next look.
    pub(super) acked_at: Option<(u64, u64)>,
    /// Sums since the spool was made.
    pub(super) totals: Counts,
    /// How far the cursor is into its segment.
    pub(super) walk: Walk,
    /// What the last process left and the disk has not taken again yet.
    pub(super) unsure: Option<Unsure>,
}

/// A segment as a process left it that was killed: it can be read, and may not be on the disk.
///
/// After a failed sync the next one writes nothing: only what is written again is sure to be there.
/// Until it is, no number behind it is given out and none of its own is noted, or a power cut
/// would leave a hole in the numbers where nobody was promised anything.
#[derive(Debug)]
pub(super) struct Unsure {
    pub(super) file: Arc<dyn File>,
    /// Its header; one of the two copies that lie in the file may be damaged.
    pub(super) header: Vec<u8>,
    /// Where the blocks end that somebody was answered for: they are on the disk.
    pub(super) sure: u64,
    /// Where its last block ends.
    pub(super) end: u64,
}

impl Unsure {
    /// Cuts what was not finished, and makes sure of the rest.
    pub(super) fn settle(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        if self.file.len()? > self.end {
            // Writing was cut short; nobody was answered for it.
            self.file.set_len(self.end)?;
        }
        self.file.write_at(&self.header, 0)?;
        rewrite(&*self.file, self.sure, self.end)?;
        self.file.sync()?;
        // The name, too, may have been given by a process that got no further.
        disk.sync_dir(dir)
    }
}

/// Writes a part of a file over itself.
fn rewrite(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    const CHUNK_BYTES: u64 = 64 * 1024;
    let mut at = from;
    while at < to {
        let len = usize::try_from(CHUNK_BYTES.min(to - at)).unwrap_or(0);
        file.write_at(&segment::read_range(file, at, len)?, at)?;
        at += len as u64;
    }
    Ok(())
}

/// A segment that takes blocks.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) serial: u64,
    pub(super) file: Arc<dyn File>,
    /// What is durable.
    pub(super) summary: Summary,
    /// How its blocks are encrypted, if they are.
    pub(super) sealing: Option<Sealing>,
    /// What does it.
    pub(super) access: Access,
    /// Where the next frame goes; beyond `summary.end` while a commit is under way.
    pub(super) tail: u64,
}

impl Active {
    pub(super) const fn resume(
        serial: u64,
        file: Arc<dyn File>,
        summary: Summary,
        sealing: Option<Sealing>,
        access: Access,
    ) -> Self {
        Self {
            serial,
            file,
            sealing,
            access,
            tail: summary.end,
            summary,
        }
    }

    /// Writes frames behind those that are there.
    pub(super) fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        let at = self.tail;
        // Even a part that was written must be cut away again.
        self.tail += frames.len() as u64;
        self.file.write_at(frames, at)
    }

    /// Whether blocks go into it encrypted with this key, or with none.
    pub(super) fn has_key(&self, key: Option<KeyId>) -> bool {
        self.sealing.map(|sealing| sealing.key) == key
    }

    /// Whether a commit has written that is not durable.
    pub(super) const fn is_ahead(&self) -> bool {
        self.tail > self.summary.end
    }

    /// Forgets what is not durable.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.summary.end)?;
        self.tail = self.summary.end;
        Ok(())
    }

    /// Writes the footer. It is not synced: one that is lost is made again from the blocks.
    pub(super) fn seal(&self) -> io::Result<u64> {
        let footer =
            format::write_footer(&self.summary.to_footer()).ok_or(io::ErrorKind::InvalidData)?;
        self.file.write_at(&footer, self.tail)?;
        Ok(self.tail + footer.len() as u64)
    }
}
