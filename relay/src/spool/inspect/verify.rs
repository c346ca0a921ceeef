//! Reads every byte and says what is not as it was written.

use std::collections::BTreeSet;
use std::path::PathBuf;

use protocol::block::{self, BlockError};
use protocol::dict::DictId;
use protocol::ids::{Lane, Seq};
use serde::Serialize;

use super::super::cipher::Access;
use super::super::disk::File;
use super::super::loss::{self, Loss};
use super::super::quarantine;
use super::super::segment::{self, Place, Scan};
use super::walk::Need;
use super::{InspectError, Inspector, SegmentFile, as_name_if_any, if_there};

/// What became of reading everything.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verified {
    /// Segments that were read.
    pub segments: u64,
    /// Blocks that are as written.
    pub blocks: u64,
    /// Their records.
    pub records: u64,
    /// Of the blocks, those that were not opened because their key is not at hand, or only a later
    /// program can; checksums and counts were compared all the same.
    pub unopened: u64,
    /// Dictionaries that blocks need and that are not here; those blocks were not opened, and their
    /// checksums and counts were compared all the same. They can be sent as they are.
    pub dictionaries_missing: BTreeSet<DictId>,
    /// Bytes that were read.
    pub bytes: u64,
    /// What is not as written, in the order it was found.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// Whether there is damage that the relay has not yet set aside and counted.
    #[must_use]
    pub fn has_damage(&self) -> bool {
        self.findings.iter().any(|finding| !finding.is_known)
    }
}

/// What can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// One of the two copies of cursors and gaps.
    State,
    /// One of the two copies of a segment's header.
    HeaderCopy,
    /// Both.
    Header,
    /// A block, its counts or its frame.
    Frame,
    /// A block that is as written and makes no sense.
    Content,
    /// Bytes that are neither frame nor footer; a damaged footer is such.
    Stray,
    /// Numbers without records.
    Missing,
}

impl Damage {
    /// For people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::State => "one copy of the cursors is damaged, the other is used",
            Self::HeaderCopy => "one copy of the header is damaged, the other is used",
            Self::Header => "header cannot be read, or is another version's or spool's",
            Self::Frame => "block or its frame is damaged",
            Self::Content => "block is as written and cannot be opened",
            Self::Stray => "bytes that are neither block nor footer",
            Self::Missing => "records are missing",
        }
    }

    /// Whether it costs records of the segment it is in.
    pub(crate) const fn is_loss(self) -> bool {
        matches!(
            self,
            Self::Header | Self::Frame | Self::Content | Self::Stray
        )
    }
}

/// One damage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, within the spool's directory.
    pub file: PathBuf,
    /// Where in it the damage begins.
    pub offset: u64,
    /// The lane, when it is a segment's.
    #[serde(serialize_with = "as_name_if_any")]
    pub lane: Option<Lane>,
    /// The segment's serial.
    pub serial: Option<u64>,
    /// The first record that is lost by it.
    pub first: Option<Seq>,
    /// The last.
    pub last: Option<Seq>,
    /// What it is.
    pub what: Damage,
    /// The relay has met it before: it is set aside, and what is lost by it is counted.
    pub is_known: bool,
}

impl Inspector {
    /// Reads all segments and the state. Records that are missing between segments are told, too.
    ///
    /// # Errors
    /// [`InspectError::Read`].
    pub fn verify(&self) -> Result<Verified, InspectError> {
        let mut verified = Verified::default();
        if self.is_state_damaged {
            verified.findings.push(Finding {
                file: PathBuf::from("state.0 or state.1"),
                offset: 0,
                lane: None,
                serial: None,
                first: None,
                last: None,
                what: Damage::State,
                is_known: false,
            });
        }
        for lane in Lane::ALL {
            let mut expected = self.acked(lane).next();
            let files = self.segments(lane)?;
            let n_files = files.len();
            for (at, file) in files.into_iter().enumerate() {
                if file.first > expected {
                    self.missing(&file, expected, file.first, &mut verified);
                }
                let is_last = at + 1 == n_files;
                let end = self.verify_segment(&file, is_last, &mut verified)?;
                expected = expected.max(end);
                if is_last && !self.is_running && self.promised(lane) > expected {
                    self.missing(&file, expected, self.promised(lane), &mut verified);
                }
            }
        }
        Ok(verified)
    }

    /// Tells numbers that no segment has; gaps that the state knows are no damage.
    fn missing(&self, file: &SegmentFile, from: Seq, next: Seq, verified: &mut Verified) {
        let lost = Loss::unknown(file.lane, from, next);
        let latest = self.latest();
        for part in lost.beyond(&latest.gaps, latest.lanes.get(file.lane).acked) {
            verified.findings.push(Finding {
                first: Some(part.from),
                last: Some(Seq(part.next.0.saturating_sub(1))),
                ..self.finding(file, 0, Damage::Missing)
            });
        }
    }

    fn finding(&self, file: &SegmentFile, offset: u64, what: Damage) -> Finding {
        Finding {
            file: self.shown(&file.path),
            offset,
            lane: Some(file.lane),
            serial: Some(file.serial),
            first: None,
            last: None,
            what,
            is_known: false,
        }
    }

    /// Gives the number behind the segment's last.
    fn verify_segment(
        &self,
        file: &SegmentFile,
        is_last: bool,
        verified: &mut Verified,
    ) -> Result<Seq, InspectError> {
        let opened = if_there(self.disk.open(&file.path)).map_err(|source| self.error(source))?;
        let Some(opened) = opened else {
            return Ok(file.behind.unwrap_or(file.first));
        };
        let header = segment::load_header(&*opened).map_err(|source| self.error(source))?;
        let ours =
            header.filter(|read| read.header.epoch == file.epoch && read.header.lane == file.lane);
        match &ours {
            None if is_last && self.is_unfinished(file, &*opened)? => {}
            None => {
                verified
                    .findings
                    .push(self.finding(file, 0, Damage::Header));
            }
            Some(read) if read.repaired => {
                verified
                    .findings
                    .push(self.finding(file, 0, Damage::HeaderCopy));
            }
            Some(_) => {}
        }
        let mut unopened = Vec::new();
        let sealing = ours.as_ref().and_then(|read| read.header.sealing);
        let is_blind = self.keys.access(sealing.as_ref()).is_missing();
        let scan = self.scan(file, Need::Heads, &mut |head, bytes| {
            verified.blocks += 1;
            verified.records += u64::from(head.count);
            if is_blind {
                verified.unopened += 1;
            } else {
                match block::open(bytes) {
                    Ok(_) => {}
                    // Its checksum holds: it can be sent, and the hub can read it.
                    Err(BlockError::Dict(id)) => {
                        verified.dictionaries_missing.insert(id);
                    }
                    Err(BlockError::Version(_) | BlockError::Codec(_)) => verified.unopened += 1,
                    Err(_) => unopened.push((head.first_seq, head.last_seq())),
                }
            }
        })?;
        let Some(scan) = scan else {
            return Ok(file.behind.unwrap_or(file.first));
        };
        verified.segments += 1;
        verified.bytes += opened.len().map_err(|source| self.error(source))?;
        for (first, last) in unopened {
            verified.findings.push(Finding {
                first: Some(first),
                last: Some(last),
                ..self.finding(file, 0, Damage::Content)
            });
        }
        self.judge(file, is_last, &scan, verified)?;
        Ok(scan.summary.next.max(file.behind.unwrap_or(Seq(0))))
    }

    /// Whether a segment is just being made, or its making was cut short: it has no block, and
    /// nobody was promised any.
    fn is_unfinished(&self, file: &SegmentFile, opened: &dyn File) -> Result<bool, InspectError> {
        let place = Place {
            epoch: file.epoch,
            lane: file.lane,
            first: file.first,
            until: Seq(u64::MAX),
            start: 0,
            access: &Access::Plain,
        };
        let scan = segment::scan(opened, place, &mut |_, _| {});
        let scan = scan.map_err(|source| self.error(source))?;
        let is_unused = scan.blocks.is_empty() && scan.damage.is_empty();
        Ok(is_unused && self.promised(file.lane) <= file.first)
    }

    /// What a scan means.
    fn judge(
        &self,
        file: &SegmentFile,
        is_last: bool,
        scan: &Scan,
        verified: &mut Verified,
    ) -> Result<(), InspectError> {
        let is_known =
            quarantine::holds(&*self.disk, &self.dir, file.lane, file.first, file.serial)
                .map_err(|source| self.error(source))?;
        // Behind what is committed a relay may just be writing, or was when it ended; nobody was
        // promised that.
        let is_promised = self.promised(file.lane) > scan.summary.next;
        let may_be_writing = is_last && (self.is_running || !is_promised);
        let is_tail = |at: u64| may_be_writing && at >= scan.summary.end;
        for damage in scan.damage.iter().filter(|damage| !is_tail(damage.at)) {
            let last = damage.known.map(|(_, next)| Seq(next.0.saturating_sub(1)));
            verified.findings.push(Finding {
                first: damage.known.map(|(first, _)| first),
                last,
                is_known,
                ..self.finding(file, damage.at, Damage::Frame)
            });
        }
        let end = file.behind.unwrap_or(scan.summary.next);
        // A footer is not synced: a segment without one is whole.
        if scan.torn && !is_last && scan.damage.is_empty() {
            verified.findings.push(Finding {
                is_known,
                ..self.finding(file, scan.summary.end, Damage::Stray)
            });
        }
        // Numbers the segment should hold, where no damaged frame is left to say so.
        if scan.damage.is_empty() && !is_last {
            for hole in loss::of_segment(file.lane, file.first, end, scan) {
                self.missing(file, hole.from, hole.next, verified);
            }
        }
        Ok(())
    }
}
