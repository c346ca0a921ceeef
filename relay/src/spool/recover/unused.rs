//! Files that were made for segments and never took a block.

use std::io;
use std::path::Path;

use protocol::ids::Seq;

use super::lane::Opening;
use crate::spool::cipher::Access;
use crate::spool::quarantine;
use crate::spool::segment::{self, Place};

impl Opening<'_> {
    /// Whether making this segment was cut short: its header is synced before anything else is
    /// written to it, so one with neither header nor block was never used. It goes; one that the
    /// disk does not let go is passed over, for it tells nothing of what its lane has counted.
    pub(super) fn is_unfinished(&self, first: Seq, path: &Path) -> bool {
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: Seq(u64::MAX),
            start: 0,
            access: &Access::Plain,
        };
        let look = || -> io::Result<bool> {
            let file = self.disk.open(path)?;
            let has_frames = || -> io::Result<bool> {
                let scan = segment::scan(&*file, place, &mut |_, _| {})?;
                Ok(!scan.blocks.is_empty() || !scan.damage.is_empty())
            };
            let unused = segment::load_header(&*file)?.is_none() && !has_frames()?;
            if unused && self.promised > first {
                // It was used once: whoever wants to know what became of it finds it.
                quarantine::keep(self.disk, self.dir, self.lane, path)?;
            }
            Ok(unused)
        };
        let is_unfinished = look().unwrap_or(false);
        if is_unfinished && let Err(error) = self.disk.remove(path) {
            tracing::warn!(error = %error, "spool: {} was never used and stays", path.display());
        }
        is_unfinished
    }

    /// Segments that were made while the one before still took blocks, after an error: they have
    /// no blocks, and numbers that are taken. What a commit that was given up left takes none.
    pub(super) fn drop_unused(&self, dir: &Path, files: &mut Vec<(Seq, u64)>) -> io::Result<()> {
        let mut at = 0;
        while let (Some((first, serial)), Some(behind)) = (files.get(at), files.get(at + 1)) {
            let before = self.content(dir, *first, *serial);
            let is_taken = before.is_ok_and(|(next, _)| next.min(self.end(*first)) > behind.0);
            let is_unused = || {
                self.content(dir, behind.0, behind.1)
                    .is_ok_and(|found| found.1)
            };
            if is_taken && is_unused() {
                let path = dir.join(segment::file_name(behind.0, behind.1));
                self.disk.remove(&path)?;
                files.remove(at + 1);
            } else {
                at += 1;
            }
        }
        Ok(())
    }

    /// The number behind a segment's last, and whether nothing was ever written to it: what is
    /// damaged was.
    fn content(&self, dir: &Path, first: Seq, serial: u64) -> io::Result<(Seq, bool)> {
        let file = self
            .disk
            .open(&dir.join(segment::file_name(first, serial)))?;
        if let Some(footer) = segment::load_footer(&*file, file.len()?)? {
            return Ok((footer.next_seq, footer.records == 0));
        }
        let header = segment::load_header(&*file)?;
        let has_header = header.is_some();
        let access = self.access(header.as_ref());
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: Seq(u64::MAX),
            start: header.map_or(0, |read| read.start),
            access: &access,
        };
        let scan = segment::scan(&*file, place, &mut |_, _| {})?;
        let is_torn = scan.torn && has_header && self.promised > first;
        let is_unused = scan.blocks.is_empty() && scan.damage.is_empty() && !is_torn;
        Ok((scan.summary.next, is_unused))
    }
}
