//! Opens segments: those that others follow by header and footer, the last one whole.

use std::io;
use std::path::Path;
use std::sync::Arc;

use protocol::ids::{Lane, Seq};
use protocol::outcome::{Counts, Term};

use super::lane::Opening;
use super::{count_kept, count_ledger};
use crate::spool::catalog::SegmentInfo;
use crate::spool::cipher::Access;
use crate::spool::format::{self, ReadHeader};
use crate::spool::loss::{self, Loss};
use crate::spool::quarantine;
use crate::spool::segment::{self, Extent, Place, Scan, Summary};
use crate::spool::writer::{Active, Unsure, Writer};

impl Opening<'_> {
    /// What reads a segment with this header.
    pub(super) fn access(&self, header: Option<&ReadHeader>) -> Access {
        self.keys
            .access(header.and_then(|read| read.header.sealing.as_ref()))
    }

    /// A file the disk does not give. What it held is missed like that of a file that is gone.
    pub(super) fn unreadable(&mut self, path: &Path, error: &io::Error) {
        tracing::warn!(error = %error, "spool: {} is not readable", path.display());
        self.health.repaired += 1;
    }

    /// A segment that others follow.
    pub(super) fn sealed(
        &mut self,
        path: &Path,
        first: Seq,
        serial: u64,
        behind: Seq,
    ) -> io::Result<SegmentInfo> {
        let file = self.disk.open(path)?;
        let bytes = file.len()?;
        let header = segment::load_header(&*file)?;
        let header =
            header.filter(|read| read.header.epoch == self.epoch && read.header.lane == self.lane);
        let known_bad = quarantine::holds(self.disk, self.dir, self.lane, first, serial)?;
        let footer =
            segment::load_footer(&*file, bytes)?.map(|footer| Summary::from_footer(&footer));
        if let Some(read) = &header
            && !known_bad
            && let Some(footer) = &footer
            && footer.next <= behind
        {
            self.health.repaired += u64::from(read.repaired);
            let sealing = read.header.sealing;
            let mut info = SegmentInfo::new(serial, first, read.start, bytes, sealing);
            info.take(footer);
            info.sealed = true;
            return Ok(info);
        }
        let access = self.access(header.as_ref());
        let sealing = header.as_ref().and_then(|read| read.header.sealing);
        let start = header.map_or(0, |read| read.start);
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: behind,
            start,
            access: &access,
        };
        let scan = segment::scan(&*file, place, &mut |_, _| {})?;
        let mut info = SegmentInfo::new(serial, first, start, bytes, sealing);
        info.take(&scan.summary);
        info.sealed = true;
        let sound = scan.damage.is_empty() && start > 0 && !known_bad;
        if sound && scan.summary.next == behind {
            // Only the footer is missing or damaged, or blocks of a commit that was given up are
            // there in its stead.
            self.health.repaired += 1;
            return Ok(info);
        }
        info.next = info.next.max(behind);
        self.damaged(path, &mut info, scan, footer)?;
        Ok(info)
    }

    /// The segment that was written last.
    pub(super) fn last(
        &mut self,
        path: &Path,
        first: Seq,
        serial: u64,
        writer: &mut Writer,
    ) -> io::Result<SegmentInfo> {
        let file = self.disk.open(path)?;
        let bytes = file.len()?;
        let read = segment::load_header(&*file)?
            .filter(|read| read.header.epoch == self.epoch && read.header.lane == self.lane);
        let start = read.as_ref().map_or(0, |read| read.start);
        let header = read.as_ref();
        let header = header.and_then(|read| format::write_header(&read.header));
        let access = self.access(read.as_ref());
        let sealing = read.as_ref().and_then(|read| read.header.sealing);
        let place = Place {
            epoch: self.epoch,
            lane: self.lane,
            first,
            until: Seq(u64::MAX),
            start,
            access: &access,
        };
        let mut totals = Counts::new();
        let mut unread = 0_u64;
        let scan = segment::scan(&*file, place, &mut |head, bytes| {
            count_kept(&mut totals, &head.counts);
            if self.lane.live() == Lane::Control {
                unread += u64::from(count_ledger(&mut totals, bytes).is_err());
            }
        })?;
        self.health.repaired += unread;
        let mut info = SegmentInfo::new(serial, first, start, bytes, sealing);
        info.take(&scan.summary);
        let known_bad = quarantine::holds(self.disk, self.dir, self.lane, first, serial)?;
        match read {
            Some(read) => {
                self.health.repaired += u64::from(read.repaired);
                for (account, n) in read.header.totals {
                    *totals.entry(account).or_default() += n;
                }
            }
            None => info.start = 0,
        }
        writer.totals = totals;
        let good_end = scan.blocks.last().map_or(start, Extent::end);
        let within = scan.damage.iter().any(|damage| damage.at < good_end);
        let promised = self.promised > scan.summary.next;
        if within || promised || known_bad || start == 0 {
            info.sealed = true;
            info.next = info.next.max(self.promised);
            let n_before = self.losses.len();
            self.damaged(path, &mut info, scan, None)?;
            // What is lost was kept: no later segment tells of that yet.
            for loss in self.losses.iter().skip(n_before) {
                loss.count(Term::Received, &mut writer.totals);
                loss.count(Term::Accepted, &mut writer.totals);
            }
        } else if scan.sealed {
            info.sealed = true;
        } else {
            self.health.torn += u64::from(bytes > good_end);
            info.bytes = good_end;
            // Blocks that nobody was promised may not be on the disk.
            let mut sure = scan.blocks.iter().rev();
            let sure = sure.find(|extent| extent.next() <= self.promised);
            let unsure = Unsure {
                file,
                header: header.unwrap_or_default(),
                sure: sure.map_or(start, Extent::end),
                end: good_end,
            };
            match unsure.settle(self.disk, &writer.dir) {
                Ok(()) => {
                    let (file, summary) = (unsure.file, scan.summary);
                    writer.active = Some(Active::resume(serial, file, summary, sealing, access));
                }
                Err(error) => {
                    // What is there is read as it is; the next commit begins a segment of its own.
                    tracing::warn!(error = %error, "spool: {} takes no more blocks", path.display());
                    writer.unsure = Some(unsure);
                    info.bytes = bytes;
                    info.sealed = true;
                    info.map = Some(Arc::new(scan.blocks));
                }
            }
        }
        Ok(info)
    }

    /// Keeps a damaged segment aside and says what is lost, with the items where they are told by
    /// the footer; those of what was counted before are in there too, and cannot be told apart.
    fn damaged(
        &mut self,
        path: &Path,
        info: &mut SegmentInfo,
        scan: Scan,
        footer: Option<Summary>,
    ) -> io::Result<()> {
        if let Err(error) = quarantine::keep(self.disk, self.dir, self.lane, path) {
            // The copy is for people; what is whole is delivered without it.
            tracing::warn!(error = %error, "spool: {} not kept aside", path.display());
        }
        let mut losses = loss::of_segment(self.lane, info.first, info.next, &scan);
        let is_new = |loss: &Loss| loss.beyond(self.gaps, Seq(0)).as_slice() == [loss.clone()];
        if let Some(footer) = footer
            && losses.iter().all(is_new)
        {
            loss::tell(&mut losses, footer.counts, &scan.summary.counts);
        }
        self.losses.extend(losses);
        info.map = Some(Arc::new(scan.blocks));
        Ok(())
    }
}
